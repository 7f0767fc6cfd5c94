//! Reads the arguments of commands about mailboxes: SELECT, CREATE, LIST, STATUS and their kin.

use mail::ModSeq;

use super::command::{Command, Qresync, Select};
use super::cursor::{Cursor, Fault, Read};
use super::set::parse_known;

/// LIST (RFC 9051 section 6.3.9, RFC 5258, RFC 5819, RFC 6154).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct List {
    /// What the patterns are relative to.
    pub reference: String,
    /// Patterns with `*` and `%`.
    pub patterns: Vec<String>,
    /// Which mailboxes are wanted.
    pub select: ListSelect,
    /// What is to be said about them.
    pub returns: ListReturn,
    /// Whether it is written in the extended form.
    pub extended: bool,
}

/// Selection options.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ListSelect {
    /// Only what is subscribed, whether it exists or not.
    pub subscribed: bool,
    /// Remote ones too; we have none.
    pub remote: bool,
    /// Also those whose children fit.
    pub recursive_match: bool,
    /// Only those with a special use.
    pub special_use: bool,
}

/// Return options.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ListReturn {
    /// `\Subscribed` is wanted.
    pub subscribed: bool,
    /// `\HasChildren` and `\HasNoChildren` are wanted.
    pub children: bool,
    /// Special uses are wanted.
    pub special_use: bool,
    /// A STATUS of each is wanted.
    pub status: Vec<StatusItem>,
    /// Annotations of each are wanted (RFC 9590).
    pub metadata: Vec<String>,
}

/// What STATUS tells.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum StatusItem {
    /// How many messages.
    Messages,
    /// How many are recent; none ever is.
    Recent,
    /// The next UID.
    UidNext,
    /// UIDVALIDITY.
    UidValidity,
    /// How many without `\Seen`.
    Unseen,
    /// How many with `\Deleted`.
    Deleted,
    /// Bytes (RFC 8438).
    Size,
    /// The greatest modification sequence (RFC 7162).
    HighestModSeq,
    /// The name for programs (RFC 8474).
    MailboxId,
    /// How large a message may be (RFC 7889).
    AppendLimit,
    /// Bytes that EXPUNGE would free (RFC 9208 section 4.1.4).
    DeletedStorage,
}

impl StatusItem {
    /// All with their names.
    pub const ALL: [(StatusItem, &'static str); 11] = [
        (StatusItem::Messages, "MESSAGES"),
        (StatusItem::Recent, "RECENT"),
        (StatusItem::UidNext, "UIDNEXT"),
        (StatusItem::UidValidity, "UIDVALIDITY"),
        (StatusItem::Unseen, "UNSEEN"),
        (StatusItem::Deleted, "DELETED"),
        (StatusItem::Size, "SIZE"),
        (StatusItem::HighestModSeq, "HIGHESTMODSEQ"),
        (StatusItem::MailboxId, "MAILBOXID"),
        (StatusItem::AppendLimit, "APPENDLIMIT"),
        (StatusItem::DeletedStorage, "DELETED-STORAGE"),
    ];
}

/// Reads what follows the verb.
pub(super) fn arguments(cursor: &mut Cursor<'_>, verb: &str) -> Read<Command> {
    cursor.space()?;
    if verb == "LIST" {
        return list(cursor).map(Command::List);
    }
    if verb == "LSUB" {
        let reference = cursor.pattern()?;
        cursor.space()?;
        return Ok(Command::Lsub(reference, cursor.pattern()?));
    }
    let mailbox = cursor.mailbox()?;
    match verb {
        "SELECT" => select(cursor, mailbox, false),
        "EXAMINE" => select(cursor, mailbox, true),
        "CREATE" => create(cursor, mailbox),
        "DELETE" => Ok(Command::Delete(mailbox)),
        "RENAME" => {
            cursor.space()?;
            Ok(Command::Rename(mailbox, cursor.mailbox()?))
        }
        "SUBSCRIBE" => Ok(Command::Subscribe(mailbox)),
        "UNSUBSCRIBE" => Ok(Command::Unsubscribe(mailbox)),
        "STATUS" => {
            cursor.space()?;
            Ok(Command::Status(mailbox, cursor.list(status_item)?))
        }
        _ => Err(Fault::Bad("there is no such command")),
    }
}

/// One item of a STATUS.
pub(super) fn status_item(cursor: &mut Cursor<'_>) -> Read<StatusItem> {
    let name = cursor.word()?;
    let found = StatusItem::ALL.into_iter().find(|(_, known)| *known == name);
    found.map(|(item, _)| item).ok_or(Fault::Bad("there is no such status item"))
}

fn select(cursor: &mut Cursor<'_>, mailbox: String, read_only: bool) -> Read<Command> {
    let mut select = Select { mailbox, read_only, condstore: false, qresync: None };
    if !cursor.is_at_end() {
        cursor.space()?;
        if !cursor.is_at_end() {
            cursor.list(|cursor| {
                match cursor.word()?.as_str() {
                    "CONDSTORE" => select.condstore = true,
                    "QRESYNC" => {
                        cursor.space()?;
                        select.qresync = Some(qresync(cursor)?);
                    }
                    _ => return Err(Fault::Bad("there is no such parameter")),
                }
                Ok(())
            })?;
        }
    }
    Ok(Command::Select(select))
}

/// RFC 7162 section 3.2.5.
fn qresync(cursor: &mut Cursor<'_>) -> Read<Qresync> {
    const NOT_KNOWN: Fault = Fault::Bad("this is not a set of known messages");
    cursor.expect(b'(', "a list is missing")?;
    let uid_validity = cursor.nonzero()?;
    cursor.space()?;
    let modseq = match cursor.number64()? {
        0 => return Err(Fault::Bad("a modification sequence is zero")),
        number => ModSeq(number),
    };
    let mut read = Qresync { uid_validity, modseq, known: None, sequence_match: None };
    if !cursor.eat(b')') {
        cursor.space()?;
        if cursor.peek() != Some(b'(') {
            read.known = Some(parse_known(cursor.set_text()).ok_or(NOT_KNOWN)?);
        }
        if cursor.eat(b' ') || cursor.peek() == Some(b'(') {
            cursor.expect(b'(', "a list is missing")?;
            let numbers = parse_known(cursor.set_text()).ok_or(NOT_KNOWN)?;
            cursor.space()?;
            let uids = parse_known(cursor.set_text()).ok_or(NOT_KNOWN)?;
            cursor.expect(b')', "a list does not end")?;
            read.sequence_match = Some((numbers, uids));
        }
        cursor.expect(b')', "a list does not end")?;
    }
    Ok(read)
}

fn create(cursor: &mut Cursor<'_>, mailbox: String) -> Read<Command> {
    let mut uses = Vec::new();
    if !cursor.is_at_end() {
        cursor.space()?;
        if !cursor.is_at_end() {
            cursor.list(|cursor| {
                if cursor.word()? != "USE" {
                    return Err(Fault::Bad("there is no such parameter"));
                }
                cursor.space()?;
                uses = cursor.list(|cursor| {
                    cursor.expect(b'\\', "an attribute is missing")?;
                    Ok(format!("\\{}", cursor.atom()?))
                })?;
                Ok(())
            })?;
        }
    }
    Ok(Command::Create { mailbox, uses })
}

fn list(cursor: &mut Cursor<'_>) -> Read<List> {
    let mut list = List::default();
    if cursor.peek() == Some(b'(') {
        list.extended = true;
        cursor.list(|cursor| select_option(cursor, &mut list.select))?;
        cursor.space()?;
        // RFC 5258 section 3.1: it needs another one that it can belong to.
        if list.select.recursive_match && !list.select.subscribed && !list.select.special_use {
            return Err(Fault::Bad("RECURSIVEMATCH cannot stand alone"));
        }
    }
    list.reference = cursor.pattern()?;
    cursor.space()?;
    if cursor.peek() == Some(b'(') {
        list.extended = true;
        list.patterns = cursor.list(Cursor::pattern)?;
    } else {
        list.patterns = vec![cursor.pattern()?];
    }
    if !cursor.is_at_end() {
        cursor.space()?;
        if cursor.eat_word("RETURN") {
            list.extended = true;
            cursor.space()?;
            cursor.list(|cursor| return_option(cursor, &mut list.returns))?;
        }
    }
    Ok(list)
}

fn select_option(cursor: &mut Cursor<'_>, select: &mut ListSelect) -> Read<()> {
    match cursor.word()?.as_str() {
        "SUBSCRIBED" => select.subscribed = true,
        "REMOTE" => select.remote = true,
        "RECURSIVEMATCH" => select.recursive_match = true,
        "SPECIAL-USE" => select.special_use = true,
        _ => return Err(Fault::Bad("there is no such selection option")),
    }
    Ok(())
}

fn return_option(cursor: &mut Cursor<'_>, returns: &mut ListReturn) -> Read<()> {
    match cursor.word()?.as_str() {
        "SUBSCRIBED" => returns.subscribed = true,
        "CHILDREN" => returns.children = true,
        "SPECIAL-USE" => returns.special_use = true,
        "STATUS" => {
            cursor.space()?;
            returns.status = cursor.list(status_item)?;
        }
        "METADATA" => {
            cursor.space()?;
            returns.metadata = cursor.list(Cursor::astring)?;
        }
        _ => return Err(Fault::Bad("there is no such return option")),
    }
    Ok(())
}
