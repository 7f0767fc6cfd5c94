//! Writes an account's mail into files.

use std::fs;

use anyhow::{Context, bail};
use cli::transfer::{ExportArgs, Format};
use mail::{Address, UidSet};
use store::SqliteReader;
use store::messages::{Entry, Mailbox};

use super::folders::{folder, paths};
use super::maildir::Folder;
use super::mbox::Writer;
use super::{Place, address};

/// Entries read at once.
const BATCH: usize = 1_000;

pub(super) fn run(place: &Place, args: &ExportArgs) -> anyhow::Result<()> {
    let (store, account) = (place.open()?, address(&args.account)?);
    let mailboxes = store.mailbox_list(&account)?;
    if mailboxes.is_empty() {
        bail!("there is no mail of {account}");
    }
    fs::create_dir_all(&args.to).with_context(|| format!("cannot make {}", args.to.display()))?;
    let (mut messages, mut unnamed) = (0_u64, 0_u64);
    for (id, path) in paths(&mailboxes) {
        let Some(mailbox) = mailboxes.iter().find(|mailbox| mailbox.id == id) else { continue };
        let mut sink = Sink::begin(args, mailbox, &path)?;
        each(&store, &account, (mailbox, &path), |entry, content| {
            messages += 1;
            unnamed += u64::from(!sink.write(entry, content)?);
            Ok(())
        })?;
        sink.finish()?;
    }
    super::super::print(&format!("{messages} messages in {} mailboxes of {account}\n", mailboxes.len()));
    if unnamed > 0 {
        super::super::print(&format!("{unnamed} have keywords for which a Maildir has no letter left\n"));
    }
    Ok(())
}

/// Goes through a mailbox as it is, message by message. One that goes away meanwhile is passed over.
fn each(
    store: &SqliteReader,
    account: &Address,
    (mailbox, path): (&Mailbox, &str),
    mut take: impl FnMut(&Entry, &[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut from = 1;
    loop {
        let batch = store.entries_of(account, mailbox.id, &UidSet::range(from, u32::MAX), BATCH)?;
        for entry in &batch {
            if let Some(content) = store.message(account, path, entry.uid)? {
                take(entry, &content)?;
            }
        }
        match batch.last().and_then(|entry| entry.uid.checked_add(1)) {
            Some(next) => from = next,
            None => return Ok(()),
        }
    }
}

/// What one mailbox is written into.
enum Sink {
    Maildir(Folder, u32),
    Mbox(Writer),
}

impl Sink {
    fn begin(args: &ExportArgs, mailbox: &Mailbox, path: &str) -> anyhow::Result<Self> {
        Ok(match args.format {
            Format::Maildir => {
                let folder = folder(path);
                let open = Folder::open(&args.to.join(&folder), folder.is_empty())?;
                Sink::Maildir(open, mailbox.uid_validity)
            }
            Format::Mbox => Sink::Mbox(Writer::begin(&args.to, path)?),
        })
    }

    fn write(&mut self, entry: &Entry, content: &[u8]) -> anyhow::Result<bool> {
        match self {
            Sink::Maildir(folder, validity) => {
                let (at, uid) = (entry.received_at.as_secs(), entry.uid);
                let base = format!("{at}.V{validity}U{uid:010}.waypost,S={}", content.len());
                folder.write(&base, content, &entry.flags, entry.received_at)
            }
            Sink::Mbox(writer) => {
                writer.write(content, &entry.flags, entry.received_at)?;
                Ok(true)
            }
        }
    }

    fn finish(self) -> anyhow::Result<()> {
        match self {
            Sink::Maildir(folder, _) => folder.finish(),
            Sink::Mbox(writer) => writer.finish(),
        }
    }
}
