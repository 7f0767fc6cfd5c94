//! Reads SEARCH, SORT and THREAD (RFC 9051 section 6.4.4, RFC 5256, RFC 5182, RFC 5032, RFC 8474, RFC 8514, RFC 9394).

use mail::{ModSeq, SystemFlag};

use super::cursor::{Cursor, Fault, Read};
use super::date::parse_day;
use super::set::{Numbers, SequenceSet};

/// SEARCH.
#[derive(Clone, PartialEq, Debug)]
pub struct Search {
    /// What the answer has.
    pub numbers: Numbers,
    /// What is to be answered by ESEARCH; a plain SEARCH answer if `None`.
    pub returns: Option<Returns>,
    /// What must hold.
    pub key: Key,
}

/// SORT.
#[derive(Clone, PartialEq, Debug)]
pub struct Sort {
    /// What the answer has.
    pub numbers: Numbers,
    /// What is to be answered by ESEARCH; a plain SORT answer if `None` (RFC 5267).
    pub returns: Option<Returns>,
    /// In which order; whether the greatest come first.
    pub order: Vec<(SortBy, bool)>,
    /// What must hold.
    pub key: Key,
}

/// THREAD.
#[derive(Clone, PartialEq, Debug)]
pub struct Thread {
    /// What the answer has.
    pub numbers: Numbers,
    /// The algorithm.
    pub algorithm: Algorithm,
    /// What must hold.
    pub key: Key,
}

/// How conversations are found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Algorithm {
    /// By base subject.
    OrderedSubject,
    /// By References.
    References,
    /// By References, without regard to subjects.
    Refs,
}

/// What a SEARCH is to answer (RFC 9051 section 6.4.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Returns {
    /// The least.
    pub min: bool,
    /// The greatest.
    pub max: bool,
    /// All.
    pub all: bool,
    /// How many.
    pub count: bool,
    /// Nothing, but `$` is to name what was found.
    pub save: bool,
    /// Those at these places of the result, counted from 1, or from its end if negative (RFC 9394).
    pub partial: Option<(i64, i64)>,
}

/// By what is sorted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SortBy {
    /// When it came.
    Arrival,
    /// The first Cc.
    Cc,
    /// The Date field.
    Date,
    /// The first From.
    From,
    /// Bytes.
    Size,
    /// The base subject.
    Subject,
    /// The first To.
    To,
    /// The shown name of the first From (RFC 5957).
    DisplayFrom,
    /// The shown name of the first To.
    DisplayTo,
}

/// What must hold of a message. Days are counted from 1970.
#[derive(Clone, PartialEq, Debug)]
pub enum Key {
    /// All of these; anything if there are none.
    And(Vec<Key>),
    /// One of the two.
    Or(Box<Key>, Box<Key>),
    /// Not this.
    Not(Box<Key>),
    /// It has this flag.
    Flag(SystemFlag),
    /// It has this keyword, in lower case.
    Keyword(String),
    /// It is recent: none is.
    Recent,
    /// Its sequence number is one of these, or it was saved.
    Sequence(SequenceSet),
    /// Its UID is one of these.
    Uid(SequenceSet),
    /// It came on a day before.
    Before(i64),
    /// It came on this day.
    On(i64),
    /// It came on this day or later.
    Since(i64),
    /// Its Date field is of a day before.
    SentBefore(i64),
    /// Its Date field is of this day.
    SentOn(i64),
    /// Its Date field is of this day or later.
    SentSince(i64),
    /// It was put here on a day before (RFC 8514).
    SavedBefore(i64),
    /// It was put here on this day.
    SavedOn(i64),
    /// It was put here on this day or later.
    SavedSince(i64),
    /// SAVEDATE is known; it always is.
    SaveDateSupported,
    /// It came at least so many seconds ago (RFC 5032).
    Older(u32),
    /// It came at most so many seconds ago.
    Younger(u32),
    /// It has more bytes.
    Larger(u64),
    /// It has fewer bytes.
    Smaller(u64),
    /// Its modification sequence is this one at least.
    ModSeq(ModSeq),
    /// Its name for programs is this (RFC 8474).
    EmailId(String),
    /// Its conversation is this.
    ThreadId(String),
    /// From has the text.
    From(String),
    /// To has the text.
    To(String),
    /// Cc has the text.
    Cc(String),
    /// Bcc has the text.
    Bcc(String),
    /// Subject has the text.
    Subject(String),
    /// This field has the text; its name is in lower case.
    Header(String, String),
    /// The body has the text.
    Body(String),
    /// Header or body have the text.
    Text(String),
}

impl Key {
    /// Whether MODSEQ is asked for anywhere in it (RFC 7162 section 3.1.5).
    pub fn has_modseq(&self) -> bool {
        match self {
            Key::And(keys) => keys.iter().any(Key::has_modseq),
            Key::Or(a, b) => a.has_modseq() || b.has_modseq(),
            Key::Not(key) => key.has_modseq(),
            Key::ModSeq(_) => true,
            _ => false,
        }
    }
}

/// Reads SEARCH, after its space.
pub(super) fn search(cursor: &mut Cursor<'_>, numbers: Numbers) -> Read<Search> {
    let returns = returns(cursor)?;
    if cursor.eat_word("CHARSET") {
        cursor.space()?;
        charset(cursor)?;
        cursor.space()?;
    }
    Ok(Search { numbers, returns, key: keys(cursor)? })
}

/// Reads SORT, after its space.
pub(super) fn sort(cursor: &mut Cursor<'_>, numbers: Numbers) -> Read<Sort> {
    let returns = returns(cursor)?;
    let order = cursor.list(|cursor| {
        let descending = cursor.eat_word("REVERSE");
        if descending {
            cursor.space()?;
        }
        Ok((sort_by(cursor)?, descending))
    })?;
    if order.is_empty() {
        return Err(Fault::Bad("there is nothing to sort by"));
    }
    cursor.space()?;
    charset(cursor)?;
    cursor.space()?;
    Ok(Sort { numbers, returns, order, key: keys(cursor)? })
}

fn sort_by(cursor: &mut Cursor<'_>) -> Read<SortBy> {
    Ok(match cursor.word()?.as_str() {
        "ARRIVAL" => SortBy::Arrival,
        "CC" => SortBy::Cc,
        "DATE" => SortBy::Date,
        "FROM" => SortBy::From,
        "SIZE" => SortBy::Size,
        "SUBJECT" => SortBy::Subject,
        "TO" => SortBy::To,
        "DISPLAYFROM" => SortBy::DisplayFrom,
        "DISPLAYTO" => SortBy::DisplayTo,
        _ => return Err(Fault::Bad("nothing is sorted by that")),
    })
}

/// Reads THREAD, after its space.
pub(super) fn thread(cursor: &mut Cursor<'_>, numbers: Numbers) -> Read<Thread> {
    let algorithm = match cursor.word()?.as_str() {
        "ORDEREDSUBJECT" => Algorithm::OrderedSubject,
        "REFERENCES" => Algorithm::References,
        "REFS" => Algorithm::Refs,
        _ => return Err(Fault::Bad("there is no such algorithm")),
    };
    cursor.space()?;
    charset(cursor)?;
    cursor.space()?;
    Ok(Thread { numbers, algorithm, key: keys(cursor)? })
}

fn charset(cursor: &mut Cursor<'_>) -> Read<()> {
    let name = cursor.astring()?;
    let known = ["UTF-8", "US-ASCII"].iter().any(|known| known.eq_ignore_ascii_case(&name));
    if known { Ok(()) } else { Err(Fault::BadCharset) }
}

fn returns(cursor: &mut Cursor<'_>) -> Read<Option<Returns>> {
    if !cursor.eat_word("RETURN") {
        return Ok(None);
    }
    cursor.space()?;
    let mut returns = Returns::default();
    let options = cursor.list(|cursor| {
        match cursor.word()?.as_str() {
            "MIN" => returns.min = true,
            "MAX" => returns.max = true,
            "ALL" => returns.all = true,
            "COUNT" => returns.count = true,
            "SAVE" => returns.save = true,
            "PARTIAL" => {
                cursor.space()?;
                returns.partial = Some(partial(cursor)?);
            }
            _ => return Err(Fault::Bad("there is no such return option")),
        }
        Ok(())
    })?;
    // RFC 9051 section 6.4.4: an empty list is ALL. RFC 9394 section 3.1: PARTIAL and ALL are alternatives.
    returns.all |= options.is_empty();
    if returns.all && returns.partial.is_some() {
        return Err(Fault::Bad("ALL and PARTIAL exclude each other"));
    }
    cursor.space()?;
    Ok(Some(returns))
}

fn partial(cursor: &mut Cursor<'_>) -> Read<(i64, i64)> {
    let negative = cursor.eat(b'-');
    let first = i64::from(cursor.nonzero()?);
    cursor.expect(b':', "this is not a range")?;
    if cursor.eat(b'-') != negative {
        return Err(Fault::Bad("this is not a range"));
    }
    let last = i64::from(cursor.nonzero()?);
    let (first, last) = (first.min(last), first.max(last));
    Ok(if negative { (-first, -last) } else { (first, last) })
}

fn keys(cursor: &mut Cursor<'_>) -> Read<Key> {
    let mut keys = vec![key(cursor)?];
    while !cursor.is_at_end() {
        cursor.space()?;
        if !cursor.is_at_end() {
            keys.push(key(cursor)?);
        }
    }
    Ok(match keys.len() {
        1 => keys.swap_remove(0),
        _ => Key::And(keys),
    })
}

fn key(cursor: &mut Cursor<'_>) -> Read<Key> {
    cursor.count_key()?;
    if cursor.peek() == Some(b'(') {
        let keys = cursor.list(key)?;
        return if keys.is_empty() { Err(Fault::Bad("a list is empty")) } else { Ok(Key::And(keys)) };
    }
    if cursor.at_set() {
        return cursor.set().map(Key::Sequence);
    }
    let name = cursor.word()?;
    if let Some(key) = plain(&name) {
        return Ok(key);
    }
    cursor.space()?;
    match name.as_str() {
        "NOT" => Ok(not(cursor.deeper(key)?)),
        "OR" => cursor.deeper(|cursor| {
            let one = key(cursor)?;
            cursor.space()?;
            Ok(Key::Or(Box::new(one), Box::new(key(cursor)?)))
        }),
        _ => with_argument(cursor, &name),
    }
}

fn not(key: Key) -> Key {
    Key::Not(Box::new(key))
}

fn plain(name: &str) -> Option<Key> {
    Some(match name {
        "ALL" => Key::And(Vec::new()),
        "ANSWERED" => Key::Flag(SystemFlag::Answered),
        "DELETED" => Key::Flag(SystemFlag::Deleted),
        "DRAFT" => Key::Flag(SystemFlag::Draft),
        "FLAGGED" => Key::Flag(SystemFlag::Flagged),
        "SEEN" => Key::Flag(SystemFlag::Seen),
        "UNANSWERED" => not(Key::Flag(SystemFlag::Answered)),
        "UNDELETED" => not(Key::Flag(SystemFlag::Deleted)),
        "UNDRAFT" => not(Key::Flag(SystemFlag::Draft)),
        "UNFLAGGED" => not(Key::Flag(SystemFlag::Flagged)),
        "UNSEEN" => not(Key::Flag(SystemFlag::Seen)),
        "RECENT" => Key::Recent,
        "OLD" => not(Key::Recent),
        "NEW" => Key::And(vec![Key::Recent, not(Key::Flag(SystemFlag::Seen))]),
        "SAVEDATESUPPORTED" => Key::SaveDateSupported,
        _ => return None,
    })
}

fn with_argument(cursor: &mut Cursor<'_>, name: &str) -> Read<Key> {
    Ok(match name {
        "KEYWORD" => Key::Keyword(cursor.atom()?.to_ascii_lowercase()),
        "UNKEYWORD" => not(Key::Keyword(cursor.atom()?.to_ascii_lowercase())),
        "UID" => Key::Uid(cursor.set()?),
        "BEFORE" => Key::Before(day(cursor)?),
        "ON" => Key::On(day(cursor)?),
        "SINCE" => Key::Since(day(cursor)?),
        "SENTBEFORE" => Key::SentBefore(day(cursor)?),
        "SENTON" => Key::SentOn(day(cursor)?),
        "SENTSINCE" => Key::SentSince(day(cursor)?),
        "SAVEDBEFORE" => Key::SavedBefore(day(cursor)?),
        "SAVEDON" => Key::SavedOn(day(cursor)?),
        "SAVEDSINCE" => Key::SavedSince(day(cursor)?),
        "OLDER" => Key::Older(cursor.nonzero()?),
        "YOUNGER" => Key::Younger(cursor.nonzero()?),
        "LARGER" => Key::Larger(cursor.number64()?),
        "SMALLER" => Key::Smaller(cursor.number64()?),
        "MODSEQ" => modseq(cursor)?,
        "EMAILID" => Key::EmailId(cursor.atom()?.to_owned()),
        "THREADID" => Key::ThreadId(cursor.atom()?.to_owned()),
        "FROM" => Key::From(cursor.astring()?),
        "TO" => Key::To(cursor.astring()?),
        "CC" => Key::Cc(cursor.astring()?),
        "BCC" => Key::Bcc(cursor.astring()?),
        "SUBJECT" => Key::Subject(cursor.astring()?),
        "BODY" => Key::Body(cursor.astring()?),
        "TEXT" => Key::Text(cursor.astring()?),
        "HEADER" => {
            let field = cursor.astring()?.to_ascii_lowercase();
            cursor.space()?;
            Key::Header(field, cursor.astring()?)
        }
        _ => return Err(Fault::Bad("there is no such search key")),
    })
}

fn day(cursor: &mut Cursor<'_>) -> Read<i64> {
    parse_day(&cursor.astring()?).ok_or(Fault::Bad("this is not a date"))
}

/// RFC 7162 section 3.1.5: an entry name and its kind may stand before; they make no difference where there is one
/// sequence for all flags.
fn modseq(cursor: &mut Cursor<'_>) -> Read<Key> {
    if cursor.peek() == Some(b'"') {
        cursor.string()?;
        cursor.space()?;
        match cursor.word()?.as_str() {
            "ALL" | "PRIV" | "SHARED" => {}
            _ => return Err(Fault::Bad("there is no such kind of entry")),
        }
        cursor.space()?;
    }
    cursor.modseq().map(Key::ModSeq)
}

#[cfg(test)]
mod tests {
    use super::super::cursor::Names;
    use super::*;

    #[test]
    fn a_command_has_so_many_search_keys_however_they_are_joined() {
        let read = |text: &str| search(&mut Cursor::new(text.as_bytes(), Names::Utf8), Numbers::Uid);
        for one in ["1:* ", "SEEN ", "(SEEN) ", "NOT TEXT a ", "OR SEEN DRAFT "] {
            assert!(read(one.repeat(300).trim_end()).is_ok(), "{one}");
            let many = read(one.repeat(1_001).trim_end());
            assert_eq!(many, Err(Fault::Bad("there are too many search keys")), "{one}");
        }
    }
}
