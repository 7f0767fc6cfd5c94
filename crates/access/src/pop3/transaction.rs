//! The states TRANSACTION and UPDATE: messages are listed, read and marked, and deleted at the end. RFC 1939 sections 5
//! and 6.

use std::io::Write;

use store::messages::Room;
use wire::pop3::capabilities::{self, Offer};
use wire::pop3::command::{self, Command};
use wire::pop3::limits::COMMAND_BYTES_MAX;
use wire::pop3::response::{self, Code, MessageWriter};

use super::authorization::{Reader, language};
use super::limits::OUTPUT_BYTES;
use super::talk::{Ended, Talk};
use crate::world::World;

const NO_MESSAGE: &str = "no such message";

/// Listens until the client quits or is gone.
pub(super) async fn run(talk: &mut Talk, world: &World, mut reader: Reader) -> Result<(), Ended> {
    loop {
        let line = talk.line(COMMAND_BYTES_MAX).await?;
        match command::parse(&line) {
            Ok(Command::Quit) => return update(talk, world, &reader).await,
            Ok(Command::Retr(number)) => send(talk, world, &mut reader, number, None).await?,
            Ok(Command::Top(number, lines)) => send(talk, world, &mut reader, number, Some(lines)).await?,
            Ok(Command::List(None)) => {
                listing(talk, &reader, "sizes follow", |_, message| message.size.to_string()).await?
            }
            Ok(Command::Uidl(None)) => {
                listing(talk, &reader, "unique ids follow", |reader, message| reader.drop.unique_id(message))
                    .await?;
            }
            Ok(command) => short(talk, &mut reader, command)?,
            Err(error) => talk.nonsense(&error.to_string())?,
        }
        talk.spill().await?;
    }
}

/// Commands that are answered by a line, from what is at hand.
fn short(talk: &mut Talk, reader: &mut Reader, command: Command<'_>) -> Result<(), Ended> {
    let (drop, out) = (&mut reader.drop, &mut talk.output);
    match command {
        Command::Stat => {
            let (count, size) = drop.total();
            response::ok(out, &format!("{count} {size}"));
        }
        Command::List(Some(number)) => match drop.message(number) {
            Some(message) => response::ok(out, &format!("{number} {}", message.size)),
            None => response::err(out, None, NO_MESSAGE),
        },
        Command::Uidl(Some(number)) => match drop.message(number) {
            Some(message) => response::ok(out, &format!("{number} {}", drop.unique_id(message))),
            None => response::err(out, None, NO_MESSAGE),
        },
        Command::Dele(number) => match drop.delete(number) {
            true => response::ok(out, "it is deleted when you say QUIT"),
            false => response::err(out, None, NO_MESSAGE),
        },
        Command::Rset => {
            drop.reset();
            let (count, size) = drop.total();
            response::ok(out, &format!("{count} messages ({size} octets)"));
        }
        Command::Noop => response::ok(out, "still here"),
        Command::Capa => {
            let offer = Offer { stls: false, user: false, mechanisms: &[], utf8: false };
            capabilities::append(&offer, out);
        }
        Command::Lang(tag) => language(talk, tag),
        Command::Foreign => return talk.close(None, "this is POP3"),
        _ => talk.nonsense("not now: you are logged in")?,
    }
    Ok(())
}

/// Writes a line for each message that is not marked.
async fn listing(
    talk: &mut Talk,
    reader: &Reader,
    title: &str,
    what: impl Fn(&Reader, &super::maildrop::Message) -> String,
) -> Result<(), Ended> {
    response::ok(&mut talk.output, title);
    for (number, message) in reader.drop.messages() {
        // Writing to a vector cannot fail.
        let _ = write!(talk.output, "{number} {}\r\n", what(reader, message));
        talk.spill().await?;
    }
    response::end(&mut talk.output);
    Ok(())
}

/// Writes a message, or its header and some lines. One that is gone meanwhile is said to be, and no other is sent.
async fn send(
    talk: &mut Talk,
    world: &World,
    reader: &mut Reader,
    number: u32,
    lines: Option<u32>,
) -> Result<(), Ended> {
    let Some(message) = reader.drop.message(number) else {
        response::err(&mut talk.output, None, NO_MESSAGE);
        return Ok(());
    };
    let content = match world.messages.content(&reader.account.name, message.email).await {
        Ok(Some(content)) => content,
        Ok(None) => {
            response::err(&mut talk.output, None, "this message was removed by somebody else");
            return Ok(());
        }
        Err(error) => {
            tracing::error!(account = %reader.account.name, %error, "a message cannot be read by POP3");
            response::err(&mut talk.output, Some(Code::SysTemp), "this message cannot be read now");
            return Ok(());
        }
    };
    let shown = lines.map_or(&content[..], |lines| response::top(&content, lines));
    response::ok(&mut talk.output, &format!("{} octets", shown.len()));
    let mut writer = MessageWriter::new(shown);
    while writer.write(&mut talk.output, OUTPUT_BYTES) {
        talk.flush().await?;
    }
    writer.finish(&mut talk.output);
    if lines.is_none() {
        // It counts as read when its end is on its way.
        talk.flush().await?;
        reader.drop.was_read(number);
    }
    Ok(())
}

/// Deletes what was marked, and says so when it is done.
async fn update(talk: &mut Talk, world: &World, reader: &Reader) -> Result<(), Ended> {
    let (alterations, deleted) = reader.drop.update();
    let account = &reader.account.name;
    if !alterations.is_empty() {
        let now = world.clock.now();
        let outcome = world.messages.alter(account, alterations, Room::default(), now).await;
        let failed = match outcome {
            Ok(outcome) => {
                outcome.each.into_iter().find_map(Result::err).map(|refusal| format!("{refusal:?}"))
            }
            Err(error) => Some(error.to_string()),
        };
        if let Some(why) = failed {
            tracing::error!(%account, why, "what was read by POP3 cannot be deleted");
            return talk.close(Some(Code::SysTemp), "the deleted messages are not removed");
        }
    }
    tracing::info!(client = %talk.client(), %account, deleted, "a POP3 session has ended");
    response::ok(&mut talk.output, &format!("bye, {deleted} messages deleted"));
    Ok(())
}
