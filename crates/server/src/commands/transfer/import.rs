//! Reads mail from files into an account, each message once.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};
use std::path::Path;

use anyhow::{Context, bail};
use bytes::Bytes;
use cli::transfer::{Format, ImportArgs};
use mail::{Address, Clock, UidSet};
use store::messages::alteration::Source;
use store::messages::{Alteration, Altered, EmailId, MailboxId, Room};
use store::{MessageStore, SqliteOptions, SqliteStore, StoreError};

use super::folders::paths;
use super::{Found, Place, address, folders, maildir, mbox};
use crate::clock::SystemClock;

/// Messages and bytes of one transaction.
const BATCH: usize = 200;
const BATCH_BYTES: usize = 8 << 20;
/// Entries read at once.
const ENTRIES: usize = 5_000;

pub(super) async fn run(place: &Place, args: &ImportArgs) -> anyhow::Result<()> {
    let (directory, account) = (place.directory()?, address(&args.account)?);
    if !directory.exists() {
        bail!("there is no data directory {}; name one with --config or --data", directory.display());
    }
    let store = match SqliteStore::open(&directory, SqliteOptions::default()) {
        Err(StoreError::Held { .. }) => {
            bail!("{} is held by a running server: stop it, import, and start it again", directory.display())
        }
        opened => opened.context("cannot open the data directory")?,
    };
    let mut import = Import { store, account, taken: 0, there: 0 };
    let format = args.format.unwrap_or(match args.from.join("cur").is_dir() {
        true => Format::Maildir,
        false => Format::Mbox,
    });
    match format {
        Format::Maildir => {
            for (name, path) in maildir::folders(&args.from)? {
                let mailbox = if name.is_empty() { Some("INBOX".to_owned()) } else { folders::path(&name) };
                match mailbox {
                    Some(mailbox) => import.all(&mailbox, maildir::messages(&path)?).await?,
                    None => bail!("{} is not the name of a folder", path.display()),
                }
            }
        }
        Format::Mbox if args.from.is_dir() => {
            for (mailbox, path) in mbox::files(&args.from)? {
                import.all(&mailbox, mbox::Messages::open(&path)?).await?;
            }
        }
        Format::Mbox => import.all(&args.into, mbox::Messages::open(Path::new(&args.from))?).await?,
    }
    super::super::print(&format!(
        "{} messages taken into {}, {} were there already\n",
        import.taken, import.account, import.there
    ));
    Ok(())
}

struct Import {
    store: SqliteStore,
    account: Address,
    taken: u64,
    there: u64,
}

impl Import {
    /// Takes the messages into a mailbox, which is made if it is not there.
    async fn all(
        &mut self,
        path: &str,
        messages: impl Iterator<Item = anyhow::Result<Found>>,
    ) -> anyhow::Result<()> {
        let mailbox = self.mailbox(path).await?;
        let mut known = Known::of(&self.store, &self.account, mailbox).await?;
        let (mut batch, mut bytes) = (Vec::new(), 0);
        for message in messages {
            let message = message?;
            let waits = batch.iter().any(|other: &Found| other.content == message.content);
            if waits || known.has(&self.store, &self.account, &message.content).await? {
                self.there += 1;
                continue;
            }
            bytes += message.content.len();
            batch.push(message);
            if batch.len() >= BATCH || bytes >= BATCH_BYTES {
                self.append(mailbox, std::mem::take(&mut batch), &mut known).await?;
                bytes = 0;
            }
        }
        self.append(mailbox, batch, &mut known).await
    }

    async fn append(
        &mut self,
        mailbox: MailboxId,
        batch: Vec<Found>,
        known: &mut Known,
    ) -> anyhow::Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let marks: Vec<(u64, u64)> =
            batch.iter().map(|found| (found.content.len() as u64, hash(&found.content))).collect();
        let append = |found: Found| Alteration::Append {
            mailboxes: vec![mailbox],
            content: Source::Bytes(Bytes::from(found.content)),
            flags: found.flags,
            received_at: found.received_at,
        };
        let all = batch.into_iter().map(append).collect();
        let outcome = self.store.alter(&self.account, all, Room::default(), SystemClock.now()).await?;
        for (made, (size, hash)) in outcome.each.into_iter().zip(marks) {
            match made {
                Ok(Altered::Email { id, .. }) => known.add(size, hash, id),
                other => bail!("a message is not taken: {other:?}"),
            }
            self.taken += 1;
        }
        Ok(())
    }

    /// The mailbox of this path, made level by level.
    async fn mailbox(&self, path: &str) -> anyhow::Result<MailboxId> {
        let now = SystemClock.now();
        self.store.open(&self.account, now).await?;
        let mut parent = None;
        let levels: Vec<&str> = path.split('/').collect();
        for depth in 1..=levels.len() {
            let wanted = levels[..depth].join("/");
            let there = paths(&self.store.mailbox_list(&self.account).await?);
            let is = |path: &str| {
                path == wanted || depth == 1 && path == "INBOX" && wanted.eq_ignore_ascii_case(path)
            };
            if let Some((id, _)) = there.iter().find(|(_, path)| is(path)) {
                parent = Some(*id);
                continue;
            }
            let create = Alteration::CreateMailbox {
                parent,
                name: levels[depth - 1].to_owned(),
                role: None,
                sort_order: 0,
                subscribed: true,
            };
            let outcome = self.store.alter(&self.account, vec![create], Room::default(), now).await?;
            match outcome.each.into_iter().next() {
                Some(Ok(Altered::Mailbox(id))) => parent = Some(id),
                other => bail!("cannot make the mailbox {wanted}: {other:?}"),
            }
        }
        parent.context("a mailbox has a name")
    }
}

/// What is in the mailbox already. Only messages of equal size are read, and only once.
struct Known {
    by_size: BTreeMap<u64, OfSize>,
}

/// Messages of one size: those not looked at, and which of the others has which hash.
#[derive(Default)]
struct OfSize {
    unread: Vec<EmailId>,
    hashes: BTreeMap<u64, Vec<EmailId>>,
}

impl Known {
    async fn of(store: &SqliteStore, account: &Address, mailbox: MailboxId) -> anyhow::Result<Self> {
        let mut by_size: BTreeMap<u64, OfSize> = BTreeMap::new();
        let mut from = 1;
        loop {
            let batch = store.entries_of(account, mailbox, &UidSet::range(from, u32::MAX), ENTRIES).await?;
            batch.iter().for_each(|entry| by_size.entry(entry.size).or_default().unread.push(entry.email));
            match batch.last().and_then(|entry| entry.uid.checked_add(1)) {
                Some(next) => from = next,
                None => return Ok(Known { by_size }),
            }
        }
    }

    fn add(&mut self, size: u64, hash: u64, email: EmailId) {
        self.by_size.entry(size).or_default().hashes.entry(hash).or_default().push(email);
    }

    /// Whether the mailbox has this message.
    async fn has(&mut self, store: &SqliteStore, account: &Address, content: &[u8]) -> anyhow::Result<bool> {
        let sized = self.by_size.entry(content.len() as u64).or_default();
        for email in std::mem::take(&mut sized.unread) {
            if let Some(there) = store.content(account, email).await? {
                sized.hashes.entry(hash(&there)).or_default().push(email);
            }
        }
        // Whoever makes two messages of one hash must not make one of them disappear.
        for email in sized.hashes.get(&hash(content)).into_iter().flatten() {
            if store.content(account, *email).await?.is_some_and(|there| there == content) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn hash(content: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(content);
    hasher.finish()
}
