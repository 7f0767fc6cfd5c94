//! Reads GETMETADATA and SETMETADATA (RFC 5464).

use super::cursor::{Cursor, Fault, Read};

/// GETMETADATA.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GetMetadata {
    /// The mailbox; empty for the server.
    pub mailbox: String,
    /// Entry names, in lower case.
    pub entries: Vec<String>,
    /// Longer values are not wanted.
    pub bytes_max: Option<u64>,
    /// How far below the entries: 0, 1, or all.
    pub depth: Depth,
}

/// How far below an entry (RFC 5464 section 4.2.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Depth {
    /// The entry alone.
    #[default]
    Zero,
    /// Its children too.
    One,
    /// All below.
    Infinity,
}

/// SETMETADATA.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetMetadata {
    /// The mailbox; empty for the server.
    pub mailbox: String,
    /// Entries, in lower case, with their new values; none removes one.
    pub values: Vec<(String, Option<Vec<u8>>)>,
}

/// Reads GETMETADATA. The options stand before the mailbox, or, as the examples of the standard have it, after it.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Read<GetMetadata> {
    let mut get =
        GetMetadata { mailbox: String::new(), entries: Vec::new(), bytes_max: None, depth: Depth::Zero };
    cursor.space()?;
    if cursor.peek() == Some(b'(') {
        options(cursor, &mut get)?;
        cursor.space()?;
    }
    get.mailbox = cursor.mailbox()?;
    cursor.space()?;
    if cursor.peek() == Some(b'(') {
        let mut after = cursor.clone();
        if options(&mut after, &mut get).is_ok() && after.space().is_ok() {
            *cursor = after;
        }
    }
    get.entries = if cursor.peek() == Some(b'(') { cursor.list(entry)? } else { vec![entry(cursor)?] };
    Ok(get)
}

fn options(cursor: &mut Cursor<'_>, get: &mut GetMetadata) -> Read<()> {
    cursor.list(|cursor| {
        match cursor.word()?.as_str() {
            "MAXSIZE" => {
                cursor.space()?;
                get.bytes_max = Some(cursor.number64()?);
            }
            "DEPTH" => {
                cursor.space()?;
                get.depth = match cursor.word()?.as_str() {
                    "0" => Depth::Zero,
                    "1" => Depth::One,
                    "INFINITY" => Depth::Infinity,
                    _ => return Err(Fault::Bad("there is no such depth")),
                };
            }
            _ => return Err(Fault::Bad("there is no such option")),
        }
        Ok(())
    })?;
    Ok(())
}

/// Reads SETMETADATA.
pub(super) fn write(cursor: &mut Cursor<'_>) -> Read<SetMetadata> {
    cursor.space()?;
    let mailbox = cursor.mailbox()?;
    cursor.space()?;
    let values = cursor.list(|cursor| {
        let name = entry(cursor)?;
        cursor.space()?;
        let value = match cursor.peek() {
            Some(b'~') => Some(cursor.literal()?.to_vec()),
            _ if cursor.eat_word("NIL") => None,
            _ => Some(cursor.string()?),
        };
        Ok((name, value))
    })?;
    Ok(SetMetadata { mailbox, values })
}

/// An entry name (RFC 5464 section 4.4.1: it begins with `/`, has no `*` nor `%`, and does not end with `/`).
pub(super) fn entry(cursor: &mut Cursor<'_>) -> Read<String> {
    let name = cursor.astring()?.to_ascii_lowercase();
    let good = (name.starts_with("/private/") || name.starts_with("/shared/"))
        && !name.contains("//")
        && !name.ends_with('/')
        && name.bytes().all(|byte| (0x20..0x7F).contains(&byte) && !b"*%".contains(&byte));
    if good { Ok(name) } else { Err(Fault::Bad("this is not the name of an entry")) }
}
