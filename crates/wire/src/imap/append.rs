//! Reads APPEND around its messages, which are not kept with the command (RFC 9051 section 6.3.12, RFC 3502).

use mail::{Flags, Timestamp};

use super::cursor::{Cursor, Fault, Names, Read};
use super::date::parse_date_time;

/// APPEND up to its first message.
#[derive(Clone, PartialEq, Debug)]
pub struct Append {
    /// The tag.
    pub tag: String,
    /// Where the messages go, and how the first is to be kept.
    pub first: Result<(String, Upcoming), Fault>,
}

/// How the next message is to be kept.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Upcoming {
    /// Its flags.
    pub flags: Flags,
    /// INTERNALDATE.
    pub received_at: Option<Timestamp>,
    /// Whether it stands in `UTF8 (…)` (RFC 6855 section 4).
    pub utf8: bool,
}

/// What follows a message.
#[derive(Clone, PartialEq, Debug)]
pub enum Following {
    /// Nothing.
    End,
    /// Another message.
    Another(Upcoming),
}

/// Reads the head of an APPEND, which ends where the message was announced.
pub fn head(input: &[u8], names: Names) -> Result<Append, Fault> {
    let mut cursor = Cursor::new(input, names);
    let tag = cursor.tag()?.to_owned();
    let first = first(&mut cursor);
    Ok(Append { tag, first })
}

fn first(cursor: &mut Cursor<'_>) -> Read<(String, Upcoming)> {
    cursor.space()?;
    cursor.word()?;
    cursor.space()?;
    let mailbox = cursor.mailbox()?;
    cursor.space()?;
    Ok((mailbox, upcoming(cursor)?))
}

/// Reads what follows a message; `more` says whether it ends where another was announced.
pub fn following(input: &[u8], names: Names, before: &Upcoming, more: bool) -> Result<Following, Fault> {
    let mut cursor = Cursor::new(input, names);
    if before.utf8 {
        cursor.expect(b')', "UTF8 does not end")?;
    }
    if more {
        cursor.space()?;
        return upcoming(&mut cursor).map(Following::Another);
    }
    cursor.end()?;
    Ok(Following::End)
}

fn upcoming(cursor: &mut Cursor<'_>) -> Read<Upcoming> {
    let mut next = Upcoming::default();
    if cursor.peek() == Some(b'(') {
        next.flags = cursor.flags()?;
        cursor.space()?;
    }
    if cursor.peek() == Some(b'"') {
        let date = cursor.text()?;
        next.received_at = Some(parse_date_time(&date).ok_or(Fault::Bad("this is not a date with time"))?);
        cursor.space()?;
    }
    if cursor.eat_word("UTF8") {
        cursor.space()?;
        cursor.expect(b'(', "a list is missing")?;
        next.utf8 = true;
    }
    if cursor.eat_word("CATENATE") {
        return Err(Fault::Bad("CATENATE is not offered"));
    }
    cursor.end()?;
    Ok(next)
}
