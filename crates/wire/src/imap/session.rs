//! Reads the arguments of commands about the session and the account.

use super::command::{Command, Password};
use super::cursor::{Cursor, Fault, Read};

/// Fields of an ID at most (RFC 2971 section 3.3).
const ID_FIELDS_MAX: usize = 30;

/// Reads what follows the verb.
pub(super) fn arguments(cursor: &mut Cursor<'_>, verb: &str) -> Read<Command> {
    cursor.space()?;
    match verb {
        "AUTHENTICATE" => authenticate(cursor),
        "LOGIN" => {
            let name = cursor.astring()?;
            cursor.space()?;
            Ok(Command::Login { name, password: Password(cursor.astring()?) })
        }
        "ENABLE" => enable(cursor),
        "ID" => id(cursor),
        "COMPRESS" => cursor.word().map(Command::Compress),
        "GETQUOTA" => cursor.astring().map(Command::GetQuota),
        "GETQUOTAROOT" => cursor.mailbox().map(Command::GetQuotaRoot),
        "SETQUOTA" => {
            cursor.astring()?;
            cursor.space()?;
            cursor.list(|cursor| cursor.astring())?;
            Ok(Command::SetQuota)
        }
        _ => Err(Fault::Bad("there is no such command")),
    }
}

fn authenticate(cursor: &mut Cursor<'_>) -> Read<Command> {
    let mechanism = cursor.word()?;
    let mut initial = None;
    if !cursor.is_at_end() {
        cursor.space()?;
        let base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
        let text = String::from_utf8_lossy(cursor.take_while(base64)).into_owned();
        initial = Some(if text == "=" { String::new() } else { text });
    }
    Ok(Command::Authenticate { mechanism, initial })
}

fn enable(cursor: &mut Cursor<'_>) -> Read<Command> {
    let mut names = vec![cursor.word()?];
    while !cursor.is_at_end() {
        cursor.space()?;
        if !cursor.is_at_end() {
            names.push(cursor.word()?);
        }
    }
    Ok(Command::Enable(names))
}

fn id(cursor: &mut Cursor<'_>) -> Read<Command> {
    if cursor.eat_word("NIL") {
        return Ok(Command::Id(Vec::new()));
    }
    let fields = cursor.list(|cursor| {
        let name = cursor.text()?;
        cursor.space()?;
        Ok((name, cursor.nstring()?))
    })?;
    if fields.len() > ID_FIELDS_MAX {
        return Err(Fault::Bad("there are too many fields"));
    }
    Ok(Command::Id(fields))
}
