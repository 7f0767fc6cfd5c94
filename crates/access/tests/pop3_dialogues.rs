//! Golden dialogues of POP3: what is said and answered, line by line.
//!
//! `# …` is a remark, `C …` is said (`\r \n \0` and `{N*text}` are understood, CRLF is added; `C. …` adds none), `S …` is
//! the next line answered (`*` stands for anything where it is not the first character), `S ...` passes over lines until
//! the next `S` fits, `END` says that the server has hung up. `NEW name` is another client and `FAR name` one at
//! another machine, `AS name` goes back to one, `DROP` cuts the line, `OVER` waits until a session is over. `MAIL …`
//! brings a message, `EXPUNGE uid` removes one, `FLAGS uid …` says which it has, `RESTART` opens the store again.
#![allow(clippy::unwrap_used, reason = "test code")]

mod imap_world;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use imap_world::script::unescaped;
use imap_world::{Lines, Stores, account};
use mail::{Flags, SystemFlag, Timestamp, UidSet};
use store::messages::alteration::Source;
use store::messages::{Alteration, MailboxId, Room};
use store::{SqliteOptions, SqliteStore};

const HERE: [u8; 4] = [127, 0, 0, 1];
const FAR: [u8; 4] = [192, 0, 2, 1];

async fn run(name: &str) {
    let at = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogues/pop3").join(name);
    let script = std::fs::read_to_string(at).unwrap();
    let mut stage = Stage::new().await;
    for (number, line) in script.lines().enumerate() {
        let place = format!("{name}:{}", number + 1);
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        stage.act(word, rest, &place).await;
    }
}

/// A store and those who read it.
struct Stage {
    stores: Option<Stores>,
    clients: BTreeMap<String, Lines>,
    speaking: String,
    passing_over: bool,
    folder: tempfile::TempDir,
}

impl Stage {
    async fn new() -> Stage {
        let folder = tempfile::tempdir().unwrap();
        let (clients, speaking) = (BTreeMap::new(), String::new());
        let mut stage = Stage { stores: None, clients, speaking, passing_over: false, folder };
        stage.open();
        let messages = Arc::clone(&stage.stores().world.messages);
        messages.open(&account(), Timestamp::from_millis(1_795_500_000_000)).await.unwrap();
        stage
    }

    fn open(&mut self) {
        let store = SqliteStore::open(self.folder.path(), SqliteOptions::default()).unwrap();
        self.stores = Some(Stores::new(Arc::new(store)));
    }

    fn stores(&mut self) -> &mut Stores {
        self.stores.as_mut().unwrap()
    }

    async fn act(&mut self, word: &str, rest: &str, place: &str) {
        match word {
            "" | "#" => {}
            "NEW" => self.connect(rest, HERE),
            "FAR" => self.connect(rest, FAR),
            "AS" => rest.clone_into(&mut self.speaking),
            "C" => self.client().send(&[unescaped(rest), b"\r\n".to_vec()].concat()).await,
            "C." => self.client().send(&unescaped(rest)).await,
            "S" if rest == "..." => self.passing_over = true,
            "S" => {
                let passing_over = std::mem::take(&mut self.passing_over);
                self.client().expect(rest, passing_over, place).await;
            }
            "END" => self.client().expect_end(place).await,
            "DROP" => drop(self.clients.remove(&self.speaking).unwrap()),
            "OVER" => self.stores().one_is_over().await,
            "MAIL" => self.deliver(unescaped(rest)).await,
            "EXPUNGE" => self.expunge(rest.parse().unwrap()).await,
            "FLAGS" => self.flags(rest, place).await,
            "RESTART" => {
                self.clients.clear();
                self.stores = None;
                self.open();
            }
            _ => panic!("{place}: {word}"),
        }
    }

    fn connect(&mut self, name: &str, address: impl Into<IpAddr>) {
        let client = self.stores().connect_pop3(address.into());
        self.clients.insert(name.to_owned(), client);
        name.clone_into(&mut self.speaking);
    }

    fn client(&mut self) -> &mut Lines {
        self.clients.get_mut(&self.speaking).unwrap()
    }

    async fn inbox(&mut self) -> MailboxId {
        let list = self.stores().world.messages.mailbox_list(&account()).await.unwrap();
        list.into_iter().find(|mailbox| mailbox.name == "INBOX").unwrap().id
    }

    async fn alter(&mut self, alteration: Alteration) {
        let now = Timestamp::from_millis(1_795_500_000_000);
        let store = Arc::clone(&self.stores().world.messages);
        let outcome = store.alter(&account(), vec![alteration], Room::default(), now).await.unwrap();
        assert!(outcome.each[0].is_ok());
    }

    async fn deliver(&mut self, content: Vec<u8>) {
        let append = Alteration::Append {
            mailboxes: vec![self.inbox().await],
            content: Source::Bytes(Bytes::from(content)),
            flags: Flags::NONE,
            received_at: Timestamp::from_millis(1_795_500_000_000),
        };
        self.alter(append).await;
    }

    async fn expunge(&mut self, uid: u32) {
        let (mailbox, uids) = (self.inbox().await, Some(UidSet::range(uid, uid)));
        self.alter(Alteration::Expunge { mailbox, uids, deleted_only: false }).await;
    }

    /// `none` is no flag, `seen` is one, `gone` is no message.
    async fn flags(&mut self, rest: &str, place: &str) {
        let (uid, expected) = rest.split_once(' ').unwrap();
        let (inbox, uid) = (self.inbox().await, uid.parse().unwrap());
        let store = Arc::clone(&self.stores().world.messages);
        let found = store.entries_of(&account(), inbox, &UidSet::range(uid, uid), 1).await.unwrap();
        let found = match found.first() {
            None => "gone",
            Some(entry) if entry.flags.has(SystemFlag::Seen) => "seen",
            Some(_) => "none",
        };
        assert_eq!(found, expected, "{place}");
    }
}

#[tokio::test]
async fn who_it_is_is_asked_in_the_ways_that_are_offered() {
    run("login.txt").await;
}

#[tokio::test]
async fn no_password_is_taken_in_clear_from_elsewhere() {
    run("clear.txt").await;
}

#[tokio::test]
async fn messages_are_listed_read_and_deleted() {
    run("transaction.txt").await;
}

#[tokio::test]
async fn dots_and_line_ends_arrive_as_they_are_read() {
    run("content.txt").await;
}

#[tokio::test]
async fn one_session_at_a_time_has_the_inbox() {
    run("in_use.txt").await;
}

// proves: I5
#[tokio::test]
async fn who_drops_the_line_has_deleted_nothing() {
    run("dropped.txt").await;
}

#[tokio::test]
async fn what_others_remove_meanwhile_is_said_to_be_gone() {
    run("meanwhile.txt").await;
}

// proves: I4
#[tokio::test]
async fn unique_ids_stay_over_a_restart() {
    run("unique_ids.txt").await;
}

// proves: F18
#[tokio::test]
async fn what_is_no_command_is_refused_and_an_endless_line_ends_the_session() {
    run("malformed.txt").await;
}
