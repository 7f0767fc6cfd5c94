//! What the program around this knows without asking a server.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The program around this; a seam, so that nothing here opens a store or reads a boot file.
pub trait House {
    /// The socket of the server that this boot file or data directory belongs to.
    fn socket(&self, config: Option<&Path>, data: Option<&Path>) -> Result<PathBuf, String>;

    /// The queue as it is written down, an object for each recipient, without a server.
    fn queue(&self, config: Option<&Path>, data: Option<&Path>) -> Result<Vec<Value>, String>;

    /// What is down as it is written down, without a server.
    fn next_hops(&self, config: Option<&Path>, data: Option<&Path>) -> Result<Vec<Value>, String>;

    /// The whole command line, for completion and man pages.
    fn command_line(&self) -> clap::Command;
}
