//! What the commands that ask a server may know without one: where its socket is, what is written down.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::mailbox::Place;

/// This program.
pub(super) struct Waypost;

impl cli::House for Waypost {
    fn socket(&self, config: Option<&Path>, data: Option<&Path>) -> Result<PathBuf, String> {
        let mut boot = super::boot(config.map(Path::to_owned).as_ref()).map_err(words)?;
        if let Some(data) = data {
            data.clone_into(&mut boot.data_directory);
        }
        Ok(boot.admin_socket())
    }

    fn queue(&self, config: Option<&Path>, data: Option<&Path>) -> Result<Vec<Value>, String> {
        super::queue::rows(&Place::of(config, data)).map_err(words)
    }

    fn next_hops(&self, config: Option<&Path>, data: Option<&Path>) -> Result<Vec<Value>, String> {
        super::next_hops::rows(&Place::of(config, data)).map_err(words)
    }

    fn command_line(&self) -> clap::Command {
        super::command_line()
    }
}

fn words(error: anyhow::Error) -> String {
    format!("{error:#}")
}
