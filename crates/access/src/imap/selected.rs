//! Which commands work on the selected mailbox, and what a client is told of it besides.

use mail::{Address, ModSeq};
use store::messages::FlagChange;
use wire::imap::command::{FlagStore, Select};
use wire::imap::fetch::{Fetch, Item, Store};
use wire::imap::reply::{self, Ending as Word};
use wire::imap::{Command, Numbers, SequenceSet, print};

pub(super) use super::desk::Selected;
use super::desk::{Broken, Desk, Ending};
use super::filing::{Answer as Wanted, Going};
use super::select::{Opening, open};
use super::session::{Answer, Session};
use super::talk::Ended;
use super::tree::Tree;
use super::view::{Expunges, Manner};

/// Answers a command that selects a mailbox, or works on the one that is.
pub(super) async fn command(session: &mut Session, tag: &str, command: Command) -> Result<(), Ended> {
    let Some(account) = session.account.as_ref().map(|account| account.name.clone()) else {
        session.end(tag, &Answer::bad("log in first"));
        return Ok(());
    };
    match command {
        Command::Select(select) => return select_mailbox(session, &account, tag, &select).await,
        Command::Idle => return super::idle::idle(session, tag).await,
        command if session.selected.is_none() => {
            let _ = command;
            session.end(tag, &Answer::bad("select a mailbox first"));
            return Ok(());
        }
        command => {
            enable_condstore(session, &command);
            match work(session, &account, tag, command).await {
                Ok(ending) => session.end(tag, &answer(ending)),
                Err(Failed::Ended(ended)) => return Err(ended),
                Err(Failed::Broken(broken)) => return broke(session, &account, tag, &broken),
            }
        }
    }
    Ok(())
}

/// Why a command has no end of its own.
enum Failed {
    Ended(Ended),
    Broken(Broken),
}

impl From<Ended> for Failed {
    fn from(ended: Ended) -> Self {
        Failed::Ended(ended)
    }
}

impl From<Broken> for Failed {
    fn from(broken: Broken) -> Self {
        Failed::Broken(broken)
    }
}

impl From<store::StoreError> for Failed {
    fn from(error: store::StoreError) -> Self {
        Failed::Broken(Broken::Store(error))
    }
}

async fn work(
    session: &mut Session,
    account: &Address,
    tag: &str,
    command: Command,
) -> Result<Ending, Failed> {
    Ok(match command {
        Command::Check => {
            let Some(mut desk) = desk(session, account) else { return Ok(Ending::OK) };
            desk.catch_up(Expunges::Tell).await?;
            Ending::OK
        }
        Command::Close | Command::Unselect => close(session, account, &command).await?,
        Command::Fetch(fetch) => return self::fetch(session, account, &fetch).await,
        Command::Copy(by, set, name) => file(session, account, (&set, by), &name, Going::Copy).await?,
        Command::Move(by, set, name) => file(session, account, (&set, by), &name, Going::Move).await?,
        command => {
            let Some(mut desk) = desk(session, account) else {
                return Ok(Ending::Bad("select a mailbox first"));
            };
            match command {
                Command::Store(store) => store_flags(&mut desk, store).await?,
                Command::Expunge(set) => desk.expunge(set.as_ref()).await?,
                Command::Search(search) => desk.search(tag, &search).await?,
                Command::Sort(sort) => desk.sort(tag, &sort).await?,
                Command::Thread(thread) => desk.thread(&thread).await?,
                _ => Ending::Bad("there is no such command"),
            }
        }
    })
}

/// Says how a command has ended that could not go on.
fn broke(session: &mut Session, account: &Address, tag: &str, broken: &Broken) -> Result<(), Ended> {
    match broken {
        Broken::MailboxGone => gone(session),
        Broken::Store(error) => {
            let answer = Answer::store(account, error);
            session.end(tag, &answer);
            Ok(())
        }
    }
}

/// Nothing that the client has holds any more (RFC 2180 section 3.3).
fn gone<T>(session: &mut Session) -> Result<T, Ended> {
    session.selected = None;
    session.talk.close("", "the selected mailbox is gone")
}

fn answer(ending: Ending) -> Answer {
    match ending {
        Ending::Ok(code) => Answer::ok_with(code.unwrap_or_default(), "done"),
        Ending::No(code, why) => Answer::no(&code.unwrap_or_default(), why),
        Ending::Bad(why) => Answer::bad(why),
    }
}

/// What a command on the selected mailbox works with; `None` if none is selected.
fn desk<'a>(session: &'a mut Session, account: &'a Address) -> Option<Desk<'a>> {
    let (room, now, manner, names) = (session.room(), session.now(), manner(session), session.names());
    let selected = session.selected.as_mut()?;
    let store = &*session.world.messages;
    Some(Desk { store, account, room, now, manner, names, selected, out: &mut session.talk.output })
}

fn manner(session: &Session) -> Manner {
    let enabled = &session.enabled;
    Manner { condstore: enabled.condstore || enabled.qresync, qresync: enabled.qresync, rev2: enabled.rev2 }
}

/// Tells what has happened in the selected mailbox since, where a client may be told anything.
pub(super) async fn catch_up(session: &mut Session) -> Result<(), Ended> {
    let Some(account) = session.account.clone() else { return Ok(()) };
    let Some(mut desk) = desk(session, &account.name) else { return Ok(()) };
    match desk.catch_up(Expunges::Tell).await {
        Ok(()) => Ok(()),
        Err(Broken::MailboxGone) => gone(session),
        // The command itself was done; the next one tells what this one could not.
        Err(Broken::Store(error)) => {
            tracing::error!(account = %account.name, %error, "cannot see what has changed in a mailbox");
            Ok(())
        }
    }
}

async fn select_mailbox(
    session: &mut Session,
    account: &Address,
    tag: &str,
    select: &Select,
) -> Result<(), Ended> {
    if select.qresync.is_some() && !session.enabled.qresync {
        session.end(tag, &Answer::bad("QRESYNC was not enabled"));
        return Ok(());
    }
    session.enabled.condstore |= select.condstore || select.qresync.is_some();
    if session.selected.take().is_some() {
        // Whoever did not ask for it must be able to read over it: it is a line like any other (RFC 9051 section 7.1).
        reply::untagged_status(&mut session.talk.output, Word::Ok, "[CLOSED]", "the one before is closed");
    }
    let mut name = Vec::new();
    print::mailbox(&mut name, &select.mailbox, session.names());
    let opening = Opening {
        store: &*session.world.messages,
        values: &*session.world.values,
        account,
        now: session.now(),
        manner: manner(session),
        name: &String::from_utf8_lossy(&name),
    };
    let opened = async {
        let tree = Tree::load(&session.world, account).await?;
        match tree.find(&select.mailbox) {
            Some(mailbox) => open(&opening, mailbox.id, select, &mut session.talk.output).await,
            None => Ok(None),
        }
    };
    let answer = match opened.await {
        Ok(Some(selected)) => {
            session.selected = Some(selected);
            let code = if select.read_only { "[READ-ONLY]" } else { "[READ-WRITE]" };
            Answer::ok_with(code.to_owned(), "selected")
        }
        Ok(None) => Answer::no("[NONEXISTENT]", "there is no such mailbox"),
        Err(error) => Answer::store(account, &error),
    };
    session.end(tag, &answer);
    Ok(())
}

/// A command that speaks of modification sequences enables them (RFC 7162 section 3.1).
fn enable_condstore(session: &mut Session, command: &Command) {
    let speaks = match command {
        Command::Fetch(fetch) => fetch.changed_since.is_some() || fetch.items.contains(&Item::ModSeq),
        Command::Store(store) => store.unchanged_since.is_some(),
        Command::Search(search) => search.key.has_modseq(),
        Command::Sort(sort) => sort.key.has_modseq(),
        _ => false,
    };
    if speaks && !session.enabled.condstore && !session.enabled.qresync {
        tell_modseq(session);
    }
    session.enabled.condstore |= speaks;
}

/// Says where the selected mailbox stands, for a client that counts changes from now on (RFC 7162 section 3.1.2).
pub(super) fn tell_modseq(session: &mut Session) {
    if let Some(selected) = &session.selected {
        let ModSeq(modseq) = selected.view.modseq();
        let code = format!("[HIGHESTMODSEQ {}]", modseq.max(1));
        reply::untagged_status(&mut session.talk.output, Word::Ok, &code, "the latest change");
    }
}

async fn close(session: &mut Session, account: &Address, command: &Command) -> Result<Ending, Failed> {
    if *command == Command::Close
        && let Some(mut desk) = desk(session, account)
    {
        desk.close().await?;
    }
    session.selected = None;
    Ok(Ending::OK)
}

async fn store_flags(desk: &mut Desk<'_>, store: Store) -> Result<Ending, Broken> {
    let change = match store.change {
        FlagStore::Add(flags) => FlagChange::Add(flags),
        FlagStore::Remove(flags) => FlagChange::Remove(flags),
        FlagStore::Replace(flags) => FlagChange::Replace(flags),
    };
    let wanted = if store.silent { Wanted::Silent } else { Wanted::Flags };
    desk.store_flags((&store.set, store.numbers), change, store.unchanged_since, wanted).await
}

async fn file(
    session: &mut Session,
    account: &Address,
    set: (&SequenceSet, Numbers),
    name: &str,
    going: Going,
) -> Result<Ending, Failed> {
    let to = Tree::load(&session.world, account).await?.find(name).map(|mailbox| mailbox.id);
    let Some(mut desk) = desk(session, account) else { return Ok(Ending::OK) };
    Ok(desk.file(set, to, going).await?)
}

async fn fetch(session: &mut Session, account: &Address, fetch: &Fetch) -> Result<Ending, Failed> {
    let Some(mut first) = desk(session, account) else { return Ok(Ending::OK) };
    let mut fetching = match first.begin_fetch(fetch).await? {
        Ok(fetching) => fetching,
        Err(ending) => return Ok(ending),
    };
    loop {
        let Some(mut desk) = desk(session, account) else { return Ok(Ending::OK) };
        if !desk.fetch_some(&mut fetching).await? {
            return Ok(desk.end_fetch(&fetching).await?);
        }
        session.talk.flush().await?;
    }
}
