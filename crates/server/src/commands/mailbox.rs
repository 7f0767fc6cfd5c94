//! `waypost mailbox`: what lies in the mailboxes of the local store?

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Subcommand;
use mail::Address;
use store::SqliteReader;

use cli::paint::{Paint, Table, shown};

/// The mailbox shown when none is named.
const INBOX: &str = "INBOX";

/// Reads the local store, also while the server runs.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// The mailboxes of an account.
    List {
        #[command(flatten)]
        place: Place,
        /// The account's name, such as `ann@example.org`; all accounts of the settings if it is left out.
        #[arg(value_name = "ACCOUNT")]
        account: Option<String>,
    },
    /// The messages of a mailbox, or one of them.
    Show {
        #[command(flatten)]
        place: Place,
        /// The account's name.
        #[arg(value_name = "ACCOUNT")]
        account: String,
        /// The mailbox.
        #[arg(value_name = "MAILBOX", default_value = INBOX)]
        mailbox: String,
        /// The message's number in the mailbox; it is printed as it is.
        #[arg(value_name = "UID")]
        uid: Option<u32>,
    },
}

/// Where the data is.
#[derive(clap::Args)]
pub(super) struct Place {
    /// The boot file.
    #[arg(long, short, value_name = "FILE", conflicts_with = "data")]
    config: Option<PathBuf>,
    /// The data directory; `waypost-data` unless said.
    #[arg(long, short, value_name = "DIRECTORY")]
    data: Option<PathBuf>,
}

impl Place {
    /// Where these say it is.
    pub(super) fn of(config: Option<&Path>, data: Option<&Path>) -> Self {
        Place { config: config.map(Path::to_owned), data: data.map(Path::to_owned) }
    }

    /// The data directory.
    pub(super) fn directory(&self) -> anyhow::Result<PathBuf> {
        match &self.data {
            Some(directory) => Ok(directory.clone()),
            None => Ok(super::boot(self.config.as_ref())?.data_directory),
        }
    }

    /// Opens the store for reading.
    pub(super) fn open(&self) -> anyhow::Result<SqliteReader> {
        let directory = self.directory()?;
        if !directory.exists() {
            bail!("there is no data directory {}; name one with --config or --data", directory.display());
        }
        SqliteReader::open(&directory).context("cannot read the data directory")
    }
}

/// Lists or shows.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.action {
        Action::List { place, account } => list(place, account.as_deref())?,
        Action::Show { place, account, mailbox, uid: None } => entries(place, account, mailbox)?,
        Action::Show { place, account, mailbox, uid: Some(uid) } => message(place, account, mailbox, *uid)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(place: &Place, account: Option<&str>) -> anyhow::Result<()> {
    let accounts = match account {
        Some(account) => vec![address(account)?],
        None => accounts(place)?,
    };
    let store = place.open()?;
    let mut table = Table::new(&["ACCOUNT", "MAILBOX", "MESSAGES"]);
    for account in &accounts {
        for (mailbox, messages) in store.mailboxes(account)? {
            table.row(vec![account.to_string(), shown(&mailbox), messages.to_string()]);
        }
    }
    if table.is_empty() {
        super::print("no mailboxes yet\n");
    } else {
        super::print(&table.print(Paint::for_stdout()));
    }
    Ok(())
}

fn accounts(place: &Place) -> anyhow::Result<Vec<Address>> {
    let mut boot = super::boot(place.config.as_ref())?;
    if let Some(data) = &place.data {
        boot.data_directory.clone_from(data);
    }
    let (path, loaded) = crate::stored_settings::load_ruling(&boot, true);
    let Some(configuration) = loaded.configuration else {
        bail!("{} cannot be used; see `waypost check`", path.display());
    };
    let mut names: Vec<Address> =
        configuration.accounts.values().map(|account| account.name.clone()).collect();
    names.sort();
    names.dedup();
    Ok(names)
}

fn entries(place: &Place, account: &str, mailbox: &str) -> anyhow::Result<()> {
    let (store, account) = (place.open()?, address(account)?);
    let mut table = Table::new(&["UID", "BYTES", "DELIVERED", "FROM", "SUBJECT"]);
    for entry in store.entries(&account, mailbox)? {
        let content = store.message(&account, mailbox, entry.uid)?.unwrap_or_default();
        table.row(vec![
            entry.uid.to_string(),
            entry.size.to_string(),
            entry.received_at.rfc3339(),
            crate::message::field(&content, "From"),
            crate::message::field(&content, "Subject"),
        ]);
    }
    if table.is_empty() {
        super::print(&format!("no messages in {mailbox} of {account}\n"));
    } else {
        super::print(&table.print(Paint::for_stdout()));
    }
    Ok(())
}

fn message(place: &Place, account: &str, mailbox: &str, uid: u32) -> anyhow::Result<()> {
    let (store, account) = (place.open()?, address(account)?);
    let found = store.message(&account, mailbox, uid)?;
    let Some(content) = found else { bail!("there is no message {uid} in {mailbox} of {account}") };
    std::io::stdout().write_all(&content).context("cannot print the message")
}

fn address(text: &str) -> anyhow::Result<Address> {
    Address::parse(text).with_context(|| format!("`{text}` is not an account's name"))
}
