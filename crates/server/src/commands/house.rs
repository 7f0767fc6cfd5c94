//! What the commands that ask a server may know without one: where its socket is.

use std::path::{Path, PathBuf};

/// This program.
pub(super) struct Waypost;

impl cli::House for Waypost {
    fn socket(&self, config: Option<&Path>, data: Option<&Path>) -> Result<PathBuf, String> {
        let directory = match data {
            Some(data) => data.to_owned(),
            None => super::boot(config.map(Path::to_owned).as_ref()).map_err(words)?.data_directory,
        };
        Ok(directory.join("admin.sock"))
    }

    fn command_line(&self) -> clap::Command {
        super::command_line()
    }
}

fn words(error: anyhow::Error) -> String {
    format!("{error:#}")
}
