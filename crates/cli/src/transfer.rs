//! `waypost account export` and `import`: what is asked; the house does it, on its own files.

use std::path::PathBuf;

/// What is written, or read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Format {
    /// Maildir++: a file a message, a folder a mailbox.
    Maildir,
    /// Mboxrd: a file a mailbox.
    Mbox,
}

/// Where an account's mail is written.
#[derive(clap::Args, Debug)]
pub struct ExportArgs {
    /// The account, such as `ann@example.org`.
    #[arg(value_name = "ADDRESS")]
    pub account: String,
    /// The directory that is written into; made if it is not there.
    #[arg(long, value_name = "DIRECTORY")]
    pub to: PathBuf,
    /// What is written.
    #[arg(long, value_enum, default_value = "maildir")]
    pub format: Format,
}

/// Where mail for an account is read.
#[derive(clap::Args, Debug)]
pub struct ImportArgs {
    /// The account, such as `ann@example.org`.
    #[arg(value_name = "ADDRESS")]
    pub account: String,
    /// A Maildir, an mbox file, or a directory of mbox files.
    #[arg(long, value_name = "PATH")]
    pub from: PathBuf,
    /// What it is; found out unless said.
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// The mailbox that an mbox file goes into.
    #[arg(long, value_name = "MAILBOX", default_value = "INBOX")]
    pub into: String,
}

/// One of the two, and whose data directory it is about.
#[derive(Clone, Copy, Debug)]
pub enum Transfer<'a> {
    /// Out of the store.
    Export(&'a ExportArgs),
    /// Into it.
    Import(&'a ImportArgs),
}
