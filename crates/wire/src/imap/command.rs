//! What does a client ask for? One enum for all commands of both revisions and their extensions.

use mail::UidSet;
use mail::{Flags, ModSeq};

use super::cursor::{Cursor, Fault, Names, Read};
use super::fetch::{Fetch, Store};
use super::list::{self, List, StatusItem};
use super::metadata::{GetMetadata, SetMetadata};
use super::notify::Notify;
use super::search::{Search, Sort, Thread};
use super::set::{Numbers, SequenceSet};
use super::{fetch, metadata, notify, search, session};

pub use super::list::{ListReturn, ListSelect};

/// A command with its tag.
#[derive(Clone, PartialEq, Debug)]
pub struct Tagged {
    /// What the answer begins with.
    pub tag: String,
    /// What is asked for, or why it cannot be understood.
    pub command: Result<Command, Fault>,
}

/// A command. Mailbox names are Unicode, whatever they were on the wire; `INBOX` is in upper case.
#[derive(Clone, PartialEq, Debug)]
pub enum Command {
    /// CAPABILITY.
    Capability,
    /// NOOP.
    Noop,
    /// LOGOUT.
    Logout,
    /// STARTTLS.
    StartTls,
    /// AUTHENTICATE (RFC 4959: with an initial response).
    Authenticate {
        /// The mechanism, in upper case.
        mechanism: String,
        /// The initial response as it was sent, in base64; empty if it was `=`.
        initial: Option<String>,
    },
    /// LOGIN.
    Login {
        /// The user name.
        name: String,
        /// The password.
        password: Password,
    },
    /// ENABLE; in upper case.
    Enable(Vec<String>),
    /// ID (RFC 2971).
    Id(Vec<(String, Option<String>)>),
    /// COMPRESS (RFC 4978): the algorithm, in upper case.
    Compress(String),
    /// SELECT or EXAMINE.
    Select(Select),
    /// CREATE; with the attributes of USE (RFC 6154), such as `\Sent`.
    Create {
        /// Its name, maybe with `/` at its end.
        mailbox: String,
        /// As they were written.
        uses: Vec<String>,
    },
    /// DELETE.
    Delete(String),
    /// RENAME, from and to.
    Rename(String, String),
    /// SUBSCRIBE.
    Subscribe(String),
    /// UNSUBSCRIBE.
    Unsubscribe(String),
    /// LIST, extended or not.
    List(List),
    /// LSUB: reference and pattern.
    Lsub(String, String),
    /// NAMESPACE.
    Namespace,
    /// STATUS.
    Status(String, Vec<StatusItem>),
    /// IDLE.
    Idle,
    /// CHECK.
    Check,
    /// CLOSE.
    Close,
    /// UNSELECT.
    Unselect,
    /// EXPUNGE, or UID EXPUNGE of these.
    Expunge(Option<SequenceSet>),
    /// SEARCH and UID SEARCH.
    Search(Search),
    /// SORT and UID SORT (RFC 5256).
    Sort(Sort),
    /// THREAD and UID THREAD (RFC 5256).
    Thread(Thread),
    /// FETCH and UID FETCH.
    Fetch(Fetch),
    /// STORE and UID STORE.
    Store(Store),
    /// COPY and UID COPY.
    Copy(Numbers, SequenceSet, String),
    /// MOVE and UID MOVE.
    Move(Numbers, SequenceSet, String),
    /// GETQUOTA of a root (RFC 9208).
    GetQuota(String),
    /// GETQUOTAROOT of a mailbox.
    GetQuotaRoot(String),
    /// SETQUOTA: nobody may.
    SetQuota,
    /// GETMETADATA (RFC 5464).
    GetMetadata(GetMetadata),
    /// SETMETADATA.
    SetMetadata(SetMetadata),
    /// NOTIFY (RFC 5465).
    Notify(Notify),
}

/// A password, which is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(pub String);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("****")
    }
}

/// SELECT or EXAMINE.
#[derive(Clone, PartialEq, Debug)]
pub struct Select {
    /// The mailbox.
    pub mailbox: String,
    /// Whether it is EXAMINE.
    pub read_only: bool,
    /// Whether `(CONDSTORE)` was said (RFC 7162 section 3.1.8).
    pub condstore: bool,
    /// `(QRESYNC …)`.
    pub qresync: Option<Qresync>,
}

/// What the client knows of a mailbox (RFC 7162 section 3.2.5).
#[derive(Clone, PartialEq, Debug)]
pub struct Qresync {
    /// UIDVALIDITY.
    pub uid_validity: u32,
    /// The modification sequence up to which it knows all.
    pub modseq: ModSeq,
    /// UIDs that it has.
    pub known: Option<UidSet>,
    /// Some of its sequence numbers, and their UIDs.
    pub sequence_match: Option<(UidSet, UidSet)>,
}

/// What becomes of the flags of a STORE.
#[derive(Clone, PartialEq, Debug)]
pub enum FlagStore {
    /// `+FLAGS`.
    Add(Flags),
    /// `-FLAGS`.
    Remove(Flags),
    /// `FLAGS`.
    Replace(Flags),
}

/// Reads a whole command, without its last CRLF. `Err` if there is not even a tag.
pub fn parse(input: &[u8], names: Names) -> Result<Tagged, Fault> {
    let mut cursor = Cursor::new(input, names);
    let tag = cursor.tag()?.to_owned();
    Ok(Tagged { tag, command: after_tag(&mut cursor) })
}

fn after_tag(cursor: &mut Cursor<'_>) -> Read<Command> {
    cursor.space()?;
    let verb = cursor.word()?;
    let command = match verb.as_str() {
        "UID" => {
            cursor.space()?;
            let verb = cursor.word()?;
            of_messages(cursor, &verb, Numbers::Uid)?
        }
        verb => simple(verb).map_or_else(|| with_arguments(cursor, verb), Ok)?,
    };
    cursor.end()?;
    Ok(command)
}

fn simple(verb: &str) -> Option<Command> {
    Some(match verb {
        "CAPABILITY" => Command::Capability,
        "NOOP" => Command::Noop,
        "LOGOUT" => Command::Logout,
        "STARTTLS" => Command::StartTls,
        "NAMESPACE" => Command::Namespace,
        "IDLE" => Command::Idle,
        "CHECK" => Command::Check,
        "CLOSE" => Command::Close,
        "UNSELECT" => Command::Unselect,
        "EXPUNGE" => Command::Expunge(None),
        _ => return None,
    })
}

fn with_arguments(cursor: &mut Cursor<'_>, verb: &str) -> Read<Command> {
    match verb {
        "AUTHENTICATE" | "LOGIN" | "ENABLE" | "ID" | "COMPRESS" | "GETQUOTA" | "GETQUOTAROOT"
        | "SETQUOTA" => session::arguments(cursor, verb),
        "SELECT" | "EXAMINE" | "CREATE" | "DELETE" | "RENAME" | "SUBSCRIBE" | "UNSUBSCRIBE" | "LIST"
        | "LSUB" | "STATUS" => list::arguments(cursor, verb),
        "GETMETADATA" => metadata::read(cursor).map(Command::GetMetadata),
        "SETMETADATA" => metadata::write(cursor).map(Command::SetMetadata),
        "NOTIFY" => notify::arguments(cursor).map(Command::Notify),
        _ => of_messages(cursor, verb, Numbers::Sequence),
    }
}

fn of_messages(cursor: &mut Cursor<'_>, verb: &str, numbers: Numbers) -> Read<Command> {
    if !matches!(verb, "SEARCH" | "SORT" | "THREAD" | "FETCH" | "STORE" | "COPY" | "MOVE" | "EXPUNGE")
        || (verb == "EXPUNGE" && numbers == Numbers::Sequence)
    {
        return Err(Fault::Bad("there is no such command"));
    }
    cursor.space()?;
    match verb {
        "SEARCH" => search::search(cursor, numbers).map(Command::Search),
        "SORT" => search::sort(cursor, numbers).map(Command::Sort),
        "THREAD" => search::thread(cursor, numbers).map(Command::Thread),
        "FETCH" => fetch::fetch(cursor, numbers).map(Command::Fetch),
        "STORE" => fetch::store(cursor, numbers).map(Command::Store),
        "EXPUNGE" => Ok(Command::Expunge(Some(cursor.set()?))),
        _ => {
            let set = cursor.set()?;
            cursor.space()?;
            let mailbox = cursor.mailbox()?;
            let copies = verb == "COPY";
            Ok(if copies {
                Command::Copy(numbers, set, mailbox)
            } else {
                Command::Move(numbers, set, mailbox)
            })
        }
    }
}

#[cfg(test)]
mod tests;
