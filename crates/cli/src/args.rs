//! What many commands take: which server, how to print, how to change.

use std::path::{Path, PathBuf};

use crate::client::{Place, Remote};
use crate::failure::Failure;
use crate::house::House;
use crate::time;

/// Bytes of a token file at most.
const TOKEN_BYTES_MAX: usize = 4096;

/// Which server is asked.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "Which server")]
pub struct Server {
    /// The boot file of a server on this machine; it is asked over the socket in its data directory.
    #[arg(long, short, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The data directory of a server on this machine; `waypost-data` unless said.
    #[arg(long, short, global = true, value_name = "DIRECTORY")]
    pub data: Option<PathBuf>,
    /// The URL of a server elsewhere, such as `https://mail.example.org:8080`; also `WAYPOST_URL`.
    #[arg(long, global = true, value_name = "URL")]
    pub url: Option<String>,
    /// The token to ask with; also `WAYPOST_TOKEN`. Others on this machine can see it here: prefer --token-file.
    #[arg(long, global = true, value_name = "TOKEN", conflicts_with = "token_file")]
    pub token: Option<String>,
    /// A file that holds the token.
    #[arg(long, global = true, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// A file (PEM) with who signs the server's certificate, besides those that this machine trusts.
    #[arg(long, global = true, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Do not look at the server's certificate. Anybody could be the server, and gets the token.
    #[arg(long, global = true)]
    pub insecure: bool,
}

impl Server {
    /// Where the server is.
    pub fn place(&self, house: &dyn House) -> Result<Place, Failure> {
        let named_here = self.config.is_some() || self.data.is_some();
        if self.config.is_some() && self.data.is_some() {
            return Err(Failure::usage("--config and --data both say where the data is; give one of them"));
        }
        if self.url.is_some() && named_here {
            return Err(Failure::usage(
                "--url names another server than --config or --data; give one of them",
            ));
        }
        let from_environment = || environment("WAYPOST_URL").filter(|_| !named_here);
        match self.url.clone().or_else(from_environment) {
            Some(url) => self.remote(&url).map(Place::Remote),
            None => self.socket(house).map(Place::Socket),
        }
    }

    fn socket(&self, house: &dyn House) -> Result<PathBuf, Failure> {
        for (given, name) in [
            (self.token.is_some() || self.token_file.is_some(), "--token"),
            (self.ca.is_some(), "--ca"),
            (self.insecure, "--insecure"),
        ] {
            if given {
                return Err(Failure::usage(format!("{name} is for a server elsewhere: give its --url")));
            }
        }
        house.socket(self.config.as_deref(), self.data.as_deref()).map_err(Failure::failed)
    }

    fn remote(&self, url: &str) -> Result<Remote, Failure> {
        let mut remote = Remote::parse(url)?;
        remote.token = match (&self.token, &self.token_file) {
            (Some(token), _) => Some(token.clone()),
            (None, Some(file)) => Some(token(file)?),
            (None, None) => environment("WAYPOST_TOKEN"),
        };
        remote.ca.clone_from(&self.ca);
        remote.insecure = self.insecure;
        Ok(remote)
    }

    /// Whether a server of this machine is meant, whose data can also be read without it.
    pub fn is_here(&self) -> bool {
        self.url.is_none()
            && (self.config.is_some() || self.data.is_some() || environment("WAYPOST_URL").is_none())
    }
}

fn token(file: &Path) -> Result<String, Failure> {
    let cannot = |why: String| Failure::failed(format!("cannot read the token in {}: {why}", file.display()));
    let text = bounded(file, TOKEN_BYTES_MAX).map_err(cannot)?;
    let token = text.trim();
    if token.is_empty() || token.contains(char::is_whitespace) {
        return Err(cannot("it is not one word".to_owned()));
    }
    Ok(token.to_owned())
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The text of a file that is not longer than `most` bytes.
pub(crate) fn bounded(file: &Path, most: usize) -> Result<String, String> {
    let open = std::fs::File::open(file).map_err(|error| error.to_string())?;
    bounded_reader(open, most)
}

/// The text that can be read, at most `most` bytes.
pub(crate) fn bounded_reader(reader: impl std::io::Read, most: usize) -> Result<String, String> {
    let mut text = String::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let mut limited = std::io::Read::take(reader, limit);
    std::io::Read::read_to_string(&mut limited, &mut text).map_err(|error| error.to_string())?;
    if text.len() > most { Err(format!("it is longer than {most} bytes")) } else { Ok(text) }
}

/// How it is printed.
#[derive(clap::Args, Clone, Copy, Debug, Default)]
#[command(next_help_heading = "Output")]
pub struct Output {
    /// Print JSON: one object or one array, its members always the same.
    #[arg(long, global = true)]
    pub json: bool,
}

/// How settings are changed.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "How it is changed")]
pub(crate) struct Change {
    /// What it is for; kept with the revision.
    #[arg(long, short = 'm', value_name = "TEXT")]
    pub comment: Option<String>,
    /// Go back by itself unless `waypost confirm` comes within this time, such as `10m`.
    #[arg(long, value_name = "DURATION", value_parser = time::duration)]
    pub confirm: Option<i64>,
    /// Only say what would change.
    #[arg(long)]
    pub dry_run: bool,
    /// Only if the settings are still at this revision.
    #[arg(long, value_name = "N")]
    pub if_revision: Option<u64>,
}

impl Change {
    /// As arguments of a method.
    pub(crate) fn arguments(&self) -> serde_json::Map<String, serde_json::Value> {
        let mut arguments = serde_json::Map::new();
        if let Some(comment) = &self.comment {
            arguments.insert("comment".to_owned(), comment.as_str().into());
        }
        if let Some(confirm) = self.confirm {
            arguments.insert("confirmWithin".to_owned(), confirm.into());
        }
        if self.dry_run {
            arguments.insert("dryRun".to_owned(), true.into());
        }
        if let Some(revision) = self.if_revision {
            arguments.insert("ifInState".to_owned(), revision.to_string().into());
        }
        arguments
    }
}
