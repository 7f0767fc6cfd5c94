//! What do clients send, and how does it enter the queue?

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use mail::{Address, Body, ContentTraits, Notify, Origin, Parameters, Ret, ReversePath, Source, Timestamp};
use policy::admit::{Admission, AdmissionRules};
use policy::expr::LookupAnswers;
use policy::extensions::Offered;
use policy::route::Choice;
use policy::{Accepted, Configuration};

use super::places::{HOME, Places, address};
use super::{Entrance, LETTERS_WITHIN, within};
use crate::chance::Chance;

/// One message that a client wants to send.
#[derive(Clone, PartialEq, Debug)]
pub struct Letter {
    /// When it is sent first.
    pub at: Timestamp,
    /// MAIL FROM.
    pub reverse_path: ReversePath,
    /// RCPT TO, with what NOTIFY asked for.
    pub recipients: Vec<(Address, Option<Notify>)>,
    /// RET.
    pub ret: Option<Ret>,
    /// Its content.
    pub content: String,
    /// Which way it comes.
    pub entrance: Entrance,
    /// How often the client tries again when it is turned away.
    pub again: u32,
}

impl Letter {
    /// What the bytes are like.
    pub fn traits(&self) -> ContentTraits {
        ContentTraits { eight_bit: !self.content.is_ascii(), binary: false, long_lines: false }
    }

    /// The same once more: other bytes, so that it can be told from the first.
    pub fn once_more(&self, now: Timestamp, wait: Duration) -> Letter {
        let content = format!("X-Again: {}\r\n{}", self.again, self.content);
        Letter { at: now.plus(wait), again: self.again - 1, content, ..self.clone() }
    }
}

/// Draws what is sent in a world.
pub(super) fn draw(chance: &mut Chance, places: &Places) -> Vec<Letter> {
    let count = chance.count(20, 60);
    let burst = within(chance, LETTERS_WITHIN);
    let letter = |n| {
        let at = if chance.per_mille(400) { burst } else { within(chance, LETTERS_WITHIN) };
        Letter {
            at,
            reverse_path: reverse_path(chance, places),
            recipients: recipients(chance, places),
            ret: *chance.pick(&[None, None, Some(Ret::Full), Some(Ret::Headers)]),
            content: content(chance, n, places.eight_bit),
            entrance: Entrance::draw(chance),
            again: u32::try_from(chance.between(0, 2)).expect("at most two"),
        }
    };
    let mut letters: Vec<Letter> = (0..count).map(letter).collect();
    letters.sort_by_key(|letter| letter.at);
    letters
}

fn reverse_path(chance: &mut Chance, places: &Places) -> ReversePath {
    match chance.between(0, 9) {
        0 => ReversePath::Null,
        1..=3 => ReversePath::Address(chance.pick(&places.accounts).clone()),
        _ => {
            let domain = chance.pick(&places.domains).clone();
            let domain = if domain == HOME { "d0.example".to_owned() } else { domain };
            ReversePath::Address(address(&format!("sender{}@{domain}", chance.between(0, 3))))
        }
    }
}

fn recipients(chance: &mut Chance, places: &Places) -> Vec<(Address, Option<Notify>)> {
    let count = if chance.per_mille(700) { chance.count(1, 2) } else { chance.count(3, 8) };
    let mut recipients: Vec<(Address, Option<Notify>)> = Vec::new();
    for _ in 0..count {
        let domain = chance.pick(&places.domains);
        let to = match chance.between(0, 9) {
            _ if domain == HOME => chance.pick(&places.accounts).clone(),
            0 => address(&format!("unknown{}@{domain}", chance.between(0, 9))),
            _ => address(&format!("r{}@{domain}", chance.between(0, 9))),
        };
        if recipients.iter().all(|(known, _)| *known != to) {
            recipients.push((to, notify(chance)));
        }
    }
    recipients
}

fn notify(chance: &mut Chance) -> Option<Notify> {
    let explicit = |success, delay, failure| Some(Notify { success, delay, failure, explicit: true });
    match chance.between(0, 9) {
        0 => explicit(false, false, false),
        1 => explicit(true, false, true),
        2 => explicit(true, true, true),
        3 => explicit(false, true, false),
        4 => explicit(false, false, true),
        _ => None,
    }
}

fn content(chance: &mut Chance, n: usize, eight_bit: bool) -> String {
    let mut text = format!("Received: from client\r\nX-Letter: {n}\r\nSubject: letter {n}\r\n\r\n");
    let lines = *chance.pick(&[0, 1, 5, 20, 60]);
    for _ in 0..lines {
        let line = match chance.between(0, 9) {
            0 => ".".to_owned(),
            1 => "..two dots".to_owned(),
            2 => String::new(),
            3 if eight_bit => "fünf Größen".to_owned(),
            _ => "x".repeat(chance.count(1, 200)),
        };
        let _ = write!(text, "{line}\r\n");
    }
    if chance.per_mille(100) {
        text.push_str("a last line without its end");
    }
    text
}

/// Passes the gate that every message passes; the client is one that has authenticated.
pub fn admit(
    configuration: &Configuration,
    rules: &AdmissionRules,
    letter: &Letter,
    now: Timestamp,
) -> Result<Accepted, String> {
    let origin = Origin {
        source: Source::Authenticated,
        listener: "submission".to_owned(),
        client_ip: IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9)),
        local_port: 587,
        authenticated_as: Some(format!("user0@{HOME}")),
    };
    let body = if letter.traits().eight_bit { Body::EightBitMime } else { Body::SevenBit };
    let parameters = Parameters { body, ret: letter.ret, ..Parameters::default() };
    let reply = |reply: Box<mail::Reply>| reply.to_string();
    let mut admission =
        Admission::begin(rules, origin, letter.reverse_path.clone(), parameters, &Offered::to_users(), now)
            .map_err(reply)?;
    let mut taken = 0;
    for (forward_path, notify) in &letter.recipients {
        let answer = admission.recipient(configuration, forward_path.clone(), None, *notify);
        taken += usize::from(answer.is_ok());
    }
    if taken == 0 {
        return Err("no recipient was taken".to_owned());
    }
    let size = letter.content.len() as u64;
    match admission.schedule(configuration, &LookupAnswers::default(), letter.traits(), size, now) {
        Choice::Decided(first) => Ok(admission.accept(first)),
        Choice::Needs(lookups) => Err(format!("the schedule asks for {lookups:?}")),
        Choice::Undecidable(trouble) => Err(trouble.text),
    }
}
