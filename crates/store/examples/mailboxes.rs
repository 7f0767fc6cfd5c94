//! How long do clients wait for a large mailbox?
//!
//! `mailboxes DIR [MESSAGES]` puts so many messages into one mailbox (100,000 unless said), one change each by 64
//! writers, then reads, flags, copies and expunges them, and prints how long each took.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use mail::{Address, Flags, ModSeq, SystemFlag, Timestamp};
use store::messages::alteration::Source;
use store::messages::{Alteration, FlagChange, Kind, MailboxId, Room, Target};
use store::{MessageStore, SqliteOptions, SqliteStore};
use tokio::task::JoinSet;

type Failure = Box<dyn Error + Send + Sync>;

const WRITERS: usize = 64;
const BATCH: usize = 1000;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().ok_or("say a directory")?;
    let messages = arguments.next().map_or(Ok(100_000), |text| text.parse())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(Path::new(&directory), messages))
}

fn now() -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000)
}

async fn measure(directory: &Path, messages: usize) -> Result<(), Failure> {
    let store = Arc::new(SqliteStore::open(directory, SqliteOptions::default())?);
    let ann = Address::parse("ann@example.org")?;
    store.open(&ann, now()).await?;
    let all = store.mailbox_list(&ann).await?;
    let (inbox, archive) = (all[0].id, all[5].id);
    let begin = Instant::now();
    fill(&store, &ann, inbox, messages).await?;
    println!("append: {:.0} a second", messages as f64 / begin.elapsed().as_secs_f64());
    let uids = timed("uids", store.uids(&ann, inbox)).await?.ok_or("no inbox")?.1;
    let entries = timed("entries", store.entries_of(&ann, inbox, &uids, usize::MAX)).await?;
    let ids: Vec<_> = entries.iter().map(|entry| entry.email).collect();
    let begin = Instant::now();
    for batch in ids.chunks(BATCH) {
        store.digests(&ann, batch).await?;
    }
    println!("digests: {:?}", begin.elapsed());
    timed("emails", store.emails(&ann, &ids)).await?;
    timed("threads of mailboxes", store.thread_counts(&ann)).await?;
    timed("changes of a mailbox", store.mailbox_changes(&ann, inbox, ModSeq(0))).await?;
    timed("changes of emails", store.changes(&ann, Kind::Email, ModSeq(0), usize::MAX)).await?;
    let flag = Alteration::Flag {
        target: Target::Entries(inbox, uids.clone()),
        change: FlagChange::Add(Flags::of(SystemFlag::Seen)),
        unchanged_since: None,
    };
    alter(&store, &ann, "flag all", flag).await?;
    alter(&store, &ann, "copy all", Alteration::Copy { from: inbox, uids: uids.clone(), to: archive })
        .await?;
    let expunge = |mailbox| Alteration::Expunge { mailbox, uids: None, deleted_only: false };
    alter(&store, &ann, "expunge all", expunge(inbox)).await?;
    alter(&store, &ann, "expunge all again", expunge(archive)).await
}

async fn fill(
    store: &Arc<SqliteStore>,
    ann: &Address,
    inbox: MailboxId,
    messages: usize,
) -> Result<(), Failure> {
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (store, ann) = (Arc::clone(store), ann.clone());
        writers.spawn(async move {
            for number in (writer..messages).step_by(WRITERS) {
                let content = format!(
                    "Message-ID: <{number}@example.org>\r\nFrom: Bob <bob@example.net>\r\nTo: ann@example.org\r\n\
                     Subject: number {number}\r\nDate: Tue, 24 Nov 2026 08:45:10 +0000\r\n\r\n{}\r\n",
                    "some words of a text that says little. ".repeat(40)
                );
                let append = Alteration::Append {
                    mailboxes: vec![inbox],
                    content: Source::Bytes(Bytes::from(content)),
                    flags: Flags::NONE,
                    received_at: now(),
                };
                store.alter(&ann, vec![append], Room::default(), now()).await?;
            }
            Ok::<(), store::StoreError>(())
        });
    }
    while let Some(done) = writers.join_next().await {
        done??;
    }
    Ok(())
}

async fn timed<T>(what: &str, work: impl Future<Output = T>) -> T {
    let begin = Instant::now();
    let done = work.await;
    println!("{what}: {:?}", begin.elapsed());
    done
}

async fn alter(
    store: &SqliteStore,
    ann: &Address,
    what: &str,
    alteration: Alteration,
) -> Result<(), Failure> {
    let done = timed(what, store.alter(ann, vec![alteration], Room::default(), now())).await?;
    done.each.into_iter().try_for_each(|each| each.map(drop)).map_err(|refusal| format!("{refusal:?}").into())
}
