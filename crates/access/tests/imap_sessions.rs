//! Several IMAP sessions on the same mailboxes do random things; after a NOOP each knows what is true.
#![allow(clippy::unwrap_used, reason = "test code")]

mod imap_world;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use imap_world::{ACCOUNT, Line, Lines, Stores, account};
use mail::{Flags, Timestamp, UidSet};
use store::MessageStore;
use store::messages::alteration::Source;
use store::messages::{Alteration, Room};

/// Mailboxes that the sessions work in.
const MAILBOXES: [&str; 2] = ["INBOX", "Archive"];
/// Flags that they set and take away.
const FLAGS: [&str; 6] = ["\\Seen", "\\Flagged", "\\Deleted", "\\Answered", "$Work", "\\Draft"];

/// Numbers from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit.max(1)
    }

    fn flag(&mut self) -> &'static str {
        FLAGS[self.below(FLAGS.len())]
    }
}

/// What a client knows of a message.
#[derive(Clone, Default, Debug)]
struct Known {
    uid: Option<u32>,
    flags: Option<BTreeSet<String>>,
}

/// Which message has which UID, as all sessions of a history have seen it.
type Bodies = Arc<Mutex<BTreeMap<(String, u32), String>>>;

/// A client that believes what it hears, and remembers it.
struct Client {
    name: String,
    lines: Lines,
    tag: u32,
    selected: String,
    messages: Vec<Known>,
    qresync: bool,
    bodies: Bodies,
    log: Arc<Mutex<Vec<String>>>,
}

impl Client {
    async fn start(
        name: String,
        stores: &mut Stores,
        qresync: bool,
        bodies: &Bodies,
        log: &Arc<Mutex<Vec<String>>>,
    ) -> Self {
        let lines = stores.connect();
        let (bodies, log) = (Arc::clone(bodies), Arc::clone(log));
        let selected = String::new();
        let mut client = Client { name, lines, tag: 0, selected, messages: Vec::new(), qresync, bodies, log };
        client.lines.line().await;
        client.ask(&format!("LOGIN {ACCOUNT} secret"), true).await;
        if qresync {
            client.ask("ENABLE QRESYNC", true).await;
        }
        client.select("INBOX").await;
        client
    }

    /// Sends a command and takes in what it is answered; gives the end of the answer.
    async fn ask(&mut self, command: &str, expunges: bool) -> String {
        self.tag += 1;
        let tag = format!("{}{}", self.name, self.tag);
        self.log.lock().unwrap().push(format!("{tag} {command}"));
        self.lines.send(format!("{tag} {command}\r\n").as_bytes()).await;
        loop {
            let line = self.lines.line().await;
            self.log.lock().unwrap().push(format!("      {}: {}", self.name, line.text));
            if let Some(end) = line.text.strip_prefix(&format!("{tag} ")) {
                assert!(!end.starts_with("BAD"), "{command}: {end}");
                return end.to_owned();
            }
            self.hear(&line, expunges);
        }
    }

    fn hear(&mut self, line: &Line, expunges: bool) {
        let mut words = line.text.split(' ').skip(1);
        let (first, second) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let number: usize = first.parse().unwrap_or(0);
        match (first, second) {
            (_, "EXISTS") => {
                assert!(number >= self.messages.len(), "fewer messages without EXPUNGE");
                self.messages.resize(number, Known::default());
            }
            (_, "EXPUNGE") => {
                assert!(expunges && !self.qresync, "an EXPUNGE at the wrong time");
                self.messages.remove(number - 1);
            }
            ("VANISHED", uids) => {
                assert!(expunges && self.qresync, "a VANISHED at the wrong time");
                let gone = set(uids);
                for uid in gone.iter() {
                    let place = self.messages.iter().position(|known| known.uid == Some(uid));
                    let place = place.or_else(|| self.place_for(uid));
                    self.messages.remove(place.expect("nothing can have this UID"));
                }
            }
            (_, "FETCH") => self.hear_fetch(number, line),
            _ => {}
        }
    }

    /// Where a message lies whose UID it has not been told: UIDs rise.
    fn place_for(&self, uid: u32) -> Option<usize> {
        let before = |known: &Known| known.uid.is_none_or(|known| known < uid);
        let after = |known: &Known| known.uid.is_none_or(|known| known > uid);
        (0..self.messages.len()).find(|place| {
            let (left, right) = self.messages.split_at(*place);
            self.messages[*place].uid.is_none() && left.iter().all(before) && right.iter().all(after)
        })
    }

    fn hear_fetch(&mut self, number: usize, line: &Line) {
        let known = self.messages.get_mut(number - 1).expect("a FETCH of a message that there is not");
        let after = |word: &str| line.text.split_once(word).map(|(_, rest)| rest);
        let uid: Option<u32> =
            after("UID ").map(|rest| rest.split([' ', ')']).next().unwrap().parse().unwrap());
        if let Some(uid) = uid {
            assert_eq!(*known.uid.get_or_insert(uid), uid, "another message has this number");
        }
        if let Some(flags) = after("FLAGS (") {
            let flags = flags
                .split_once(')')
                .unwrap()
                .0
                .split(' ')
                .filter(|flag| !flag.is_empty() && *flag != "\\Recent");
            known.flags = Some(flags.map(str::to_lowercase).collect());
        }
        if let (Some(body), Some(uid)) = (&line.literal, known.uid) {
            let body = String::from_utf8_lossy(body).trim().to_owned();
            let mut bodies = self.bodies.lock().unwrap();
            let before = bodies.entry((self.selected.clone(), uid)).or_insert_with(|| body.clone());
            assert_eq!(*before, body, "another message has this UID");
        }
        let uids: Vec<u32> = self.messages.iter().filter_map(|known| known.uid).collect();
        assert!(uids.is_sorted_by(|a, b| a < b), "UIDs do not rise: {uids:?}");
    }

    async fn select(&mut self, mailbox: &str) {
        self.messages.clear();
        mailbox.clone_into(&mut self.selected);
        let end = self.ask(&format!("SELECT {mailbox}"), true).await;
        assert!(end.starts_with("OK"), "{end}");
        self.learn().await;
    }

    /// Asks for what it does not know.
    async fn learn(&mut self) {
        let first = self.messages.iter().position(|known| known.uid.is_none());
        if let Some(first) = first {
            let items = "(UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])";
            self.ask(&format!("FETCH {}:{} {items}", first + 1, self.messages.len()), false).await;
        }
    }

    /// Some of its messages, by number or by UID.
    fn some(&self, dice: &mut Dice) -> Option<(String, bool)> {
        if self.messages.is_empty() {
            return None;
        }
        let (a, b) = (dice.below(self.messages.len()), dice.below(self.messages.len()));
        let (a, b) = (a.min(b), a.max(b).min(a.min(b) + 3));
        match (dice.below(2), self.messages[a].uid, self.messages[b].uid) {
            (1, Some(a), Some(b)) => Some((format!("{a}:{b}"), true)),
            _ => Some((format!("{}:{}", a + 1, b + 1), false)),
        }
    }

    async fn act(&mut self, dice: &mut Dice, alone: bool) {
        let what = dice.below(16);
        let some = self.some(dice);
        let uid = |by_uid: bool| if by_uid { "UID " } else { "" };
        match (what, some) {
            (0, _) => drop(self.ask("NOOP", true).await),
            (1, _) => drop(self.ask("EXPUNGE", true).await),
            (2, _) => {
                let to = MAILBOXES[dice.below(2)];
                let text = format!("Subject: {}-{}\r\n\r\nx\r\n", self.name, self.tag);
                self.ask(&format!("APPEND {to} ({}) {{{}+}}\r\n{text}", dice.flag(), text.len()), true).await;
            }
            (3, _) => self.select(MAILBOXES[dice.below(2)]).await,
            (4 | 5, Some((set, by_uid))) => {
                let sign = ["+", "-", ""][dice.below(3)];
                let flag = dice.flag();
                self.ask(&format!("{}STORE {set} {sign}FLAGS ({flag})", uid(by_uid)), by_uid).await;
            }
            // Who works flags out cannot know what others did at the same moment.
            (6, Some((set, by_uid))) if alone => self.store_silent(&set, by_uid, dice).await,
            (7, Some((set, by_uid))) => {
                let to = MAILBOXES[dice.below(2)];
                self.ask(&format!("{}COPY {set} {to}", uid(by_uid)), true).await;
            }
            (8, Some((set, by_uid))) => {
                let to = MAILBOXES.into_iter().find(|name| *name != self.selected).unwrap();
                self.ask(&format!("{}MOVE {set} {to}", uid(by_uid)), true).await;
            }
            (9, Some((set, true))) => drop(self.ask(&format!("UID EXPUNGE {set}"), true).await),
            (10, Some((set, by_uid))) => {
                self.ask(
                    &format!("{}FETCH {set} (UID FLAGS BODY[HEADER.FIELDS (SUBJECT)])", uid(by_uid)),
                    by_uid,
                )
                .await;
            }
            (11, _) => drop(self.ask("SEARCH DELETED", false).await),
            (12, _) => drop(self.ask("UID SEARCH RETURN (ALL COUNT) UNSEEN", true).await),
            (13, _) => drop(self.ask("THREAD REFERENCES UTF-8 ALL", false).await),
            (14, Some((set, by_uid))) => {
                self.ask(&format!("{}FETCH {set} (FLAGS)", uid(by_uid)), by_uid).await;
            }
            _ => self.learn().await,
        }
    }

    /// Changes flags without asking what came of it: the client works it out when it is done.
    async fn store_silent(&mut self, set: &str, by_uid: bool, dice: &mut Dice) {
        let (sign, flag) = (["+", "-", ""][dice.below(3)], dice.flag());
        let named: Vec<u32> = numbers(set, by_uid, &self.messages);
        let uid = if by_uid { "UID " } else { "" };
        self.ask(&format!("{uid}STORE {set} {sign}FLAGS.SILENT ({flag})"), by_uid).await;
        for known in
            self.messages.iter_mut().filter(|known| known.uid.is_some_and(|uid| named.contains(&uid)))
        {
            let Some(flags) = &mut known.flags else { continue };
            match sign {
                "+" => drop(flags.insert(flag.to_lowercase())),
                "-" => drop(flags.remove(&flag.to_lowercase())),
                _ => *flags = [flag.to_lowercase()].into(),
            }
        }
    }

    /// After a NOOP it knows what is true.
    async fn agree(&mut self, stores: &Stores) {
        self.ask("NOOP", true).await;
        let truth = truth(stores, &self.selected).await;
        assert_eq!(self.messages.len(), truth.len(), "{} does not know how many there are", self.name);
        for (known, (uid, flags)) in self.messages.iter().zip(&truth) {
            assert!(known.uid.is_none_or(|known| known == *uid), "{}: {known:?} is {uid}", self.name);
            assert!(
                known.flags.as_ref().is_none_or(|known| known == flags),
                "{}: {known:?} is {flags:?}",
                self.name
            );
        }
        self.learn().await;
        let all: Vec<_> = self.messages.iter().map(|known| known.uid.unwrap()).collect();
        assert_eq!(all, truth.iter().map(|(uid, _)| *uid).collect::<Vec<_>>());
    }
}

fn set(text: &str) -> UidSet {
    let mut set = UidSet::EMPTY;
    for range in text.split(',') {
        let (first, last) = range.split_once(':').unwrap_or((range, range));
        set.insert_range(first.parse().unwrap(), last.parse().unwrap());
    }
    set
}

fn numbers(text: &str, by_uid: bool, messages: &[Known]) -> Vec<u32> {
    let named = set(text);
    let places = (1..).zip(messages);
    places
        .filter_map(|(place, known)| {
            let uid = known.uid?;
            named.contains(if by_uid { uid } else { place }).then_some(uid)
        })
        .collect()
}

/// Mail comes in while sessions work.
async fn deliver(stores: &Stores, serial: usize) {
    let now = Timestamp::from_millis(1_795_500_000_000);
    let store = &stores.world.messages;
    let inbox =
        store.mailbox_list(&account()).await.unwrap().into_iter().find(|mailbox| mailbox.name == "INBOX");
    let content = Bytes::from(format!("Subject: delivery-{serial}\r\n\r\nhello\r\n"));
    let append = Alteration::Append {
        mailboxes: vec![inbox.unwrap().id],
        content: Source::Bytes(content),
        flags: Flags::NONE,
        received_at: now,
    };
    let outcome = store.alter(&account(), vec![append], Room::default(), now).await.unwrap();
    assert!(outcome.each[0].is_ok());
}

async fn truth(stores: &Stores, name: &str) -> Vec<(u32, BTreeSet<String>)> {
    let store = &stores.world.messages;
    let mailboxes = store.mailbox_list(&account()).await.unwrap();
    let id = mailboxes.iter().find(|mailbox| mailbox.name == name).unwrap().id;
    let entries = store.entries_of(&account(), id, &UidSet::range(1, u32::MAX), 10_000).await.unwrap();
    let flags = |flags: &Flags| {
        let system = mail::SystemFlag::ALL.into_iter().filter(|flag| flags.has(*flag));
        let names = system.map(|flag| flag.imap().to_lowercase());
        names.chain(flags.keywords.iter().cloned()).collect::<BTreeSet<_>>()
    };
    entries.iter().map(|entry| (entry.uid, flags(&entry.flags))).collect()
}

/// Sessions one after another, or two at once.
async fn history<S: MessageStore + store::KeyValues + 'static>(store: Arc<S>, seed: u64, steps: usize) {
    let mut dice = Dice(seed);
    let (bodies, log) = (Bodies::default(), Arc::new(Mutex::new(Vec::new())));
    let mut stores = Stores::new(store);
    let told = Told(seed, Arc::clone(&log));
    for serial in 0..4 {
        stores.world.messages.open(&account(), Timestamp::from_millis(1)).await.unwrap();
        deliver(&stores, serial).await;
    }
    let mut clients = Vec::new();
    for (name, qresync) in [("a", false), ("b", true), ("c", false)] {
        clients.push(Client::start(name.into(), &mut stores, qresync, &bodies, &log).await);
    }
    for step in 0..steps {
        let which = dice.below(clients.len());
        match dice.below(12) {
            0 => deliver(&stores, 100 + step).await,
            1 => clients[which].agree(&stores).await,
            2..5 => {
                let mut dices = [Dice(dice.0 ^ 1), Dice(dice.0 ^ 2), Dice(dice.0 ^ 3)];
                let mut together: Vec<_> = clients
                    .iter_mut()
                    .zip(&mut dices)
                    .map(|(client, dice)| client.act(dice, false))
                    .collect();
                let (third, second, first) =
                    (together.pop().unwrap(), together.pop().unwrap(), together.pop().unwrap());
                tokio::join!(first, second, third);
            }
            _ => clients[which].act(&mut dice, true).await,
        }
    }
    for client in &mut clients {
        client.agree(&stores).await;
        client.select("Archive").await;
        client.agree(&stores).await;
    }
    drop(told);
}

/// Prints what was said if the test fails.
struct Told(u64, Arc<Mutex<Vec<String>>>);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.1.lock().unwrap();
            let last = log.len().saturating_sub(60);
            eprintln!("seed {}:\n{}", self.0, log[last..].join("\n"));
        }
    }
}

// proves: I4
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_agree_on_sqlite() {
    for seed in 0..8 {
        let folder = tempfile::tempdir().unwrap();
        let store = store::SqliteStore::open(folder.path(), store::SqliteOptions::default()).unwrap();
        history(Arc::new(store), seed, 60).await;
    }
}

// proves: I4
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_agree_in_memory() {
    for seed in 100..108 {
        history(Arc::new(store::MemoryStore::new()), seed, 60).await;
    }
}

/// Says a command without a tag; gives what was answered, with its end.
async fn say(client: &mut Lines, command: &str) -> Vec<String> {
    client.send(format!("x {command}\r\n").as_bytes()).await;
    let mut lines = Vec::new();
    loop {
        lines.push(client.line().await.text);
        if lines.last().unwrap().starts_with("x ") {
            return lines;
        }
    }
}

#[tokio::test]
async fn a_large_mailbox_is_flagged_filed_and_expunged_whole() {
    let mut stores = Stores::new(Arc::new(store::MemoryStore::new()));
    let (store, now) = (Arc::clone(&stores.world.messages), Timestamp::from_millis(1_795_500_000_000));
    store.open(&account(), now).await.unwrap();
    let inbox = store.mailbox_list(&account()).await.unwrap().remove(0).id;
    let append = |serial| Alteration::Append {
        mailboxes: vec![inbox],
        content: Source::Bytes(Bytes::from(format!("Subject: {serial}\r\n\r\n"))),
        flags: Flags::NONE,
        received_at: now,
    };
    store.alter(&account(), (0..2_100).map(append).collect(), Room::default(), now).await.unwrap();
    let mut client = stores.connect();
    client.line().await;
    say(&mut client, &format!("LOGIN {ACCOUNT} secret")).await;
    say(&mut client, "SELECT INBOX").await;
    let copied = say(&mut client, "UID COPY 1:* Archive").await.pop().unwrap();
    assert!(copied.contains(" 1:2100 1:2100]"), "{copied}");
    assert_eq!(say(&mut client, "STORE 1:* +FLAGS.SILENT (\\Seen)").await.len(), 1, "it can reckon");
    say(&mut client, "UID STORE 1:50 +FLAGS.SILENT (\\Deleted)").await;
    let moved = say(&mut client, "MOVE 51:2100 Archive").await;
    assert!(moved[0].contains(" 51:2100 2101:4150] moved"), "{}", moved[0]);
    assert_eq!(moved.len(), 1 + 2_050 + 1);
    assert_eq!(say(&mut client, "EXPUNGE").await.len(), 50 + 1);
    say(&mut client, "SELECT Archive").await;
    assert!(say(&mut client, "STATUS Archive (MESSAGES)").await[0].contains("MESSAGES 4150"));
}
