//! One IMAP session: who it is, what was enabled, what is selected; which file answers a command.

use std::sync::Arc;

use mail::{Address, Timestamp};
use policy::settings::Account;
use store::StoreError;
use store::messages::Room;
use wire::imap::command::Tagged;
use wire::imap::reply::{self, Ending};
use wire::imap::{Command, Fault, Names, parse};

use super::limits::MESSAGE_BYTES_MAX;
use super::selected::Selected;
use super::talk::{Ended, Heard, Talk};
use super::{append, capabilities, list, login, mailboxes, metadata, quota, selected, status};
use crate::connection::Connection;
use crate::world::World;

/// What one client has said that still holds.
pub(super) struct Session {
    pub(super) talk: Talk,
    pub(super) world: World,
    /// Who it is, once that is known.
    pub(super) account: Option<Arc<Account>>,
    /// What was enabled.
    pub(super) enabled: Enabled,
    /// The mailbox that is selected.
    pub(super) selected: Option<Selected>,
    /// Bytes of a message that may be appended.
    pub(super) message_bytes_max: u64,
    /// Logins that have failed.
    pub(super) failures: u32,
}

/// What a client has enabled (RFC 5161), by ENABLE or by using it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Enabled {
    /// MODSEQ goes with flags.
    pub(super) condstore: bool,
    /// VANISHED is sent.
    pub(super) qresync: bool,
    /// IMAP4rev2.
    pub(super) rev2: bool,
    /// UTF8=ACCEPT.
    pub(super) utf8: bool,
}

/// How a command has ended, but for its tag.
pub(super) struct Answer {
    pub(super) ending: Ending,
    pub(super) code: String,
    pub(super) text: &'static str,
}

impl Answer {
    /// It was done.
    pub(super) fn ok(text: &'static str) -> Self {
        Answer { ending: Ending::Ok, code: String::new(), text }
    }

    /// It was done; the code has its brackets.
    pub(super) fn ok_with(code: String, text: &'static str) -> Self {
        Answer { ending: Ending::Ok, code, text }
    }

    /// It could not be done.
    pub(super) fn no(code: &str, text: &'static str) -> Self {
        Answer { ending: Ending::No, code: code.to_owned(), text }
    }

    /// It cannot be understood, or not now.
    pub(super) fn bad(text: &'static str) -> Self {
        Answer { ending: Ending::Bad, code: String::new(), text }
    }

    /// The store does not answer; the log has more.
    pub(super) fn store(account: &Address, error: &StoreError) -> Self {
        tracing::error!(%account, %error, "a mailbox cannot be served by IMAP");
        Answer::no("[SERVERBUG]", "the mail store does not answer, try again later")
    }
}

impl Session {
    pub(super) fn new(connection: Connection, world: World) -> Self {
        Session {
            talk: Talk::new(connection),
            world,
            account: None,
            enabled: Enabled::default(),
            selected: None,
            message_bytes_max: MESSAGE_BYTES_MAX,
            failures: 0,
        }
    }

    /// Greets, and listens until one side has had enough.
    pub(super) async fn run(&mut self) -> Result<(), Ended> {
        let hostname = self.world.configuration.borrow().hostname.to_string();
        let code = format!("[CAPABILITY {}]", capabilities::list(self));
        let greeting = format!("{hostname} is ready");
        reply::untagged_status(&mut self.talk.output, Ending::Ok, &code, &greeting);
        loop {
            let heard = self.talk.hear().await?;
            if self.account.as_ref().is_some_and(|account| !self.world.still_admits(account)) {
                return self.talk.close("", "the account has changed, log in again");
            }
            match heard {
                Heard::Message(head, announced) => append::append(self, &head, announced).await?,
                Heard::Command(input) => match parse(&input, self.names()) {
                    Err(_) => self.talk.not_understood(None, "there is no tag")?,
                    Ok(tagged) if self.account.is_none() && is_http(&tagged.tag) => {
                        return self.talk.close("", "this is IMAP");
                    }
                    Ok(Tagged { tag, command: Ok(Command::Logout) }) => {
                        reply::bye(&mut self.talk.output, "", "see you");
                        self.end(&tag, &Answer::ok("logged out"));
                        return Ok(());
                    }
                    Ok(Tagged { tag, command: Ok(command) }) => self.command(&tag, command).await?,
                    Ok(Tagged { tag, command: Err(fault) }) => self.fault(&tag, fault)?,
                },
            }
            self.talk.spill().await?;
        }
    }

    /// How mailbox names are written.
    pub(super) fn names(&self) -> Names {
        if self.enabled.rev2 || self.enabled.utf8 { Names::Utf8 } else { Names::Utf7 }
    }

    /// Now.
    pub(super) fn now(&self) -> Timestamp {
        self.world.clock.now()
    }

    /// How much the account may hold, as the settings are now.
    pub(super) fn room(&self) -> Room {
        let Some(account) = &self.account else { return Room { bytes_max: None } };
        // An account of another directory is not in the settings: what was said at login holds.
        let configuration = self.world.configuration.borrow();
        Room { bytes_max: configuration.account(&account.name).unwrap_or(account).quota }
    }

    /// Writes the end of a command.
    pub(super) fn end(&mut self, tag: &str, answer: &Answer) {
        reply::tagged(&mut self.talk.output, tag, answer.ending, &answer.code, answer.text);
    }

    /// Writes the end of a command after which a client may be told what else has happened.
    pub(super) async fn end_and_tell(&mut self, tag: &str, answer: &Answer) -> Result<(), Ended> {
        selected::catch_up(self).await?;
        self.end(tag, answer);
        Ok(())
    }

    pub(super) fn fault(&mut self, tag: &str, fault: Fault) -> Result<(), Ended> {
        reply::fault(&mut self.talk.output, tag, fault);
        if matches!(fault, Fault::Bad(_)) { self.talk.nonsense() } else { Ok(()) }
    }

    async fn command(&mut self, tag: &str, command: Command) -> Result<(), Ended> {
        match command {
            Command::Capability => {
                let list = capabilities::list(self);
                reply::untagged(&mut self.talk.output, format_args!("CAPABILITY {list}"));
                self.end_and_tell(tag, &Answer::ok("that is what is offered")).await
            }
            Command::Noop => self.end_and_tell(tag, &Answer::ok("nothing done")).await,
            Command::Id(fields) => login::id(self, tag, &fields).await,
            Command::StartTls | Command::Authenticate { .. } | Command::Login { .. } => {
                login::command(self, tag, command).await
            }
            command => match self.account.clone() {
                Some(account) => self.command_of(&account.name, tag, command).await,
                None => {
                    self.end(tag, &Answer::bad("log in first"));
                    self.talk.nonsense()
                }
            },
        }
    }

    async fn command_of(&mut self, account: &Address, tag: &str, command: Command) -> Result<(), Ended> {
        let answer = match command {
            Command::Enable(names) => capabilities::enable(self, &names),
            Command::Compress(algorithm) => return self.compress(tag, &algorithm).await,
            Command::Create { .. }
            | Command::Delete(_)
            | Command::Rename(..)
            | Command::Subscribe(_)
            | Command::Unsubscribe(_) => mailboxes::command(self, account, command).await,
            Command::Namespace => {
                reply::untagged(&mut self.talk.output, "NAMESPACE ((\"\" \"/\")) NIL NIL");
                Ok(Answer::ok("there is one"))
            }
            Command::List(list) => list::list(self, account, &list).await,
            Command::Lsub(reference, pattern) => list::lsub(self, account, &reference, &pattern).await,
            Command::Status(mailbox, items) => status::status(self, account, &mailbox, &items).await,
            Command::GetQuota(_) | Command::GetQuotaRoot(_) | Command::SetQuota => {
                quota::command(self, account, command).await
            }
            Command::GetMetadata(get) => metadata::read(self, account, &get).await,
            Command::SetMetadata(set) => metadata::write(self, account, set).await,
            Command::Notify(_) => {
                Ok(Answer::no("[CANNOT]", "NOTIFY is not offered: IDLE tells of the selected mailbox"))
            }
            command => return selected::command(self, tag, command).await,
        };
        let answer = answer.unwrap_or_else(|error| Answer::store(account, &error));
        self.end_and_tell(tag, &answer).await
    }

    async fn compress(&mut self, tag: &str, algorithm: &str) -> Result<(), Ended> {
        if algorithm != "DEFLATE" {
            self.end(tag, &Answer::no("", "only DEFLATE is known"));
            return Ok(());
        }
        if self.talk.is_compressed() {
            self.end(tag, &Answer::no("[COMPRESSIONACTIVE]", "it is compressed already"));
            return Ok(());
        }
        self.end(tag, &Answer::ok("compressed from here on"));
        self.talk.start_deflate().await
    }
}

/// A browser that was led here is hung up on (ALPACA).
fn is_http(tag: &str) -> bool {
    ["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "CONNECT", "PATCH", "TRACE", "PRI"].contains(&tag)
}
