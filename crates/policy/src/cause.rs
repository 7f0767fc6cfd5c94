//! Why is a recipient still in the queue? One cause for all that wait for the same, and a plain sentence.

use std::fmt::Write;

use mail::Timestamp;

use crate::outcome::{Trouble, TroubleKind};
use crate::retry::Progress;
use crate::revise::Standing;
use crate::route::NextHop;

/// Characters of a text of a peer in a sentence.
const TEXT_CHARS_MAX: usize = 160;

/// What a recipient waits for. Those with the same id wait for the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cause {
    /// What kind of cause.
    pub kind: CauseKind,
    /// Where the last attempt went.
    pub next_hop: Option<NextHop>,
    /// The host, the person or the pause that it is about; empty if none.
    pub about: String,
    /// What was said; empty if nothing.
    pub words: String,
    /// Since when, where the cause itself knows.
    pub since: Option<Timestamp>,
    /// When what is in the way is tried again, where that is not each recipient's own time.
    pub trial: Option<Timestamp>,
}

/// What kind of cause.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum CauseKind {
    /// An operator holds it.
    Held,
    /// Deliveries are paused.
    Paused,
    /// It has ended, and its sender is still to be told.
    Telling,
    /// It is given up as soon as its attempt ends.
    Cancelled,
    /// Its next hop is down.
    Down,
    /// It was never tried.
    New,
    /// The host wants to see it again later.
    Greylisted,
    /// The host refused it for now.
    Refused,
    /// The host could not be reached.
    Connection,
    /// Its name could not be looked up.
    Dns,
    /// The connection was not safe enough.
    Tls,
    /// A relay did not take our credentials.
    Auth,
    /// A limit of ours.
    Limit,
    /// Something here is wrong.
    Ours,
}

impl CauseKind {
    /// As expressions and answers name it.
    pub fn name(self) -> &'static str {
        match self {
            CauseKind::Held => "held",
            CauseKind::Paused => "paused",
            CauseKind::Telling => "telling",
            CauseKind::Cancelled => "cancelled",
            CauseKind::Down => "down",
            CauseKind::New => "new",
            CauseKind::Greylisted => "greylisted",
            CauseKind::Refused => "refused",
            CauseKind::Connection => "connection",
            CauseKind::Dns => "dns",
            CauseKind::Tls => "tls",
            CauseKind::Auth => "auth",
            CauseKind::Limit => "limit",
            CauseKind::Ours => "ours",
        }
    }
}

/// A pause that covers a recipient, in words: `all deliveries`, `the virtual queue dsn`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PauseInForce<'a> {
    /// What is paused.
    pub what: &'a str,
    /// By whom.
    pub by: &'a str,
    /// Since when.
    pub since: Timestamp,
}

/// A next hop that is down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HopDown<'a> {
    /// Since when.
    pub since: Timestamp,
    /// When one delivery tries it again.
    pub trial: Timestamp,
    /// What the last delivery to it ran into.
    pub why: &'a str,
}

/// Why this recipient waits. `pause` is the one that covers it, `down` what is known of its last next hop.
pub fn cause(
    progress: &Progress,
    standing: Standing,
    pause: Option<PauseInForce<'_>>,
    down: Option<HopDown<'_>>,
) -> Cause {
    let plain = |kind| Cause {
        kind,
        next_hop: progress.last_hop.clone(),
        about: String::new(),
        words: String::new(),
        since: None,
        trial: None,
    };
    if standing != Standing::Pending {
        return Cause { next_hop: None, ..plain(CauseKind::Telling) };
    }
    let orders = progress.orders.as_deref();
    if let Some(cancelled) = orders.and_then(|orders| orders.cancelled.as_ref()) {
        return Cause { about: cancelled.by.clone(), next_hop: None, ..plain(CauseKind::Cancelled) };
    }
    if let Some(hold) = progress.held() {
        let (about, words) = (hold.by.clone(), short(&hold.reason));
        return Cause { about, words, next_hop: None, ..plain(CauseKind::Held) };
    }
    if let Some(PauseInForce { what, by, since }) = pause {
        let (about, words) = (what.to_owned(), by.to_owned());
        return Cause { about, words, since: Some(since), next_hop: None, ..plain(CauseKind::Paused) };
    }
    if let Some(HopDown { since, trial, why }) = down {
        let words = short(why);
        return Cause { words, since: Some(since), trial: Some(trial), ..plain(CauseKind::Down) };
    }
    match &progress.last {
        None => Cause { next_hop: None, ..plain(CauseKind::New) },
        Some(trouble) => {
            let kind = kind(trouble);
            Cause { about: trouble.host.clone(), words: words(kind, trouble), ..plain(kind) }
        }
    }
}

fn kind(trouble: &Trouble) -> CauseKind {
    let command = trouble.reply.as_ref().map_or("", |(command, _)| command.as_str());
    if command.starts_with("AUTH") || trouble.status.subject == 7 && trouble.status.detail == 8 {
        return CauseKind::Auth;
    }
    match trouble.kind {
        TroubleKind::UnexpectedReply if is_greylisting(trouble) => CauseKind::Greylisted,
        TroubleKind::UnexpectedReply => CauseKind::Refused,
        TroubleKind::Connection => CauseKind::Connection,
        TroubleKind::Dns => CauseKind::Dns,
        TroubleKind::Tls | TroubleKind::Dane | TroubleKind::MtaSts => CauseKind::Tls,
        TroubleKind::Rate | TroubleKind::Concurrency => CauseKind::Limit,
        TroubleKind::Io => CauseKind::Ours,
    }
}

fn is_greylisting(trouble: &Trouble) -> bool {
    let said = |text: &str| {
        let text = text.to_ascii_lowercase();
        text.contains("greylist") || text.contains("graylist") || text.contains("grey-list")
    };
    trouble.reply.as_ref().is_some_and(|(_, reply)| reply.code / 100 == 4 && said(&reply.text))
}

/// What was said, without what differs from one recipient to the next.
fn words(kind: CauseKind, trouble: &Trouble) -> String {
    match (&trouble.reply, kind) {
        (_, CauseKind::Greylisted | CauseKind::Limit) => String::new(),
        (Some((command, reply)), _) => {
            let status = reply.enhanced.map_or_else(String::new, |status| format!(" {status}"));
            let command = command.split([' ', ':']).next().unwrap_or_default();
            format!("{}{status} to {command}", reply.code)
        }
        (None, _) => short(&trouble.text),
    }
}

fn short(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match line.char_indices().nth(TEXT_CHARS_MAX) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

impl Cause {
    /// The same for all that wait for the same.
    pub fn id(&self) -> String {
        let hop = self.next_hop.as_ref().map_or_else(String::new, ToString::to_string);
        // Where a next hop is down, what the last delivery ran into may differ from one to the next.
        let (about, words) =
            if self.kind == CauseKind::Down { ("", "") } else { (self.about.as_str(), self.words.as_str()) };
        let parts = [self.kind.name(), hop.as_str(), about, words];
        // FNV-1a.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in parts.join("\0").bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        format!("{}-{hash:016x}", self.kind.name())
    }

    /// For how many, and until when: `relay via smarthost is down since 14:05 …; 1,204 recipients wait`.
    pub fn sentence(&self, recipients: u64, next_attempt: Option<Timestamp>, now: Timestamp) -> String {
        let mut sentence = self.words(now);
        let next = self.trial.or(next_attempt).filter(|at| *at > now && *at != Timestamp::NEVER);
        if let Some(next) = next {
            let what = if self.kind == CauseKind::Down { "next trial" } else { "next attempt" };
            let _ = write!(sentence, "; {what} {}", clock(next, now));
        }
        let verb = if recipients == 1 { "recipient waits" } else { "recipients wait" };
        let _ = write!(sentence, "; {} {verb}", grouped(recipients));
        sentence
    }

    /// Why one recipient waits, and until when.
    pub fn why(&self, progress: &Progress, now: Timestamp) -> String {
        let mut why = self.words(now);
        match self.kind {
            CauseKind::Held | CauseKind::Paused | CauseKind::Telling | CauseKind::Cancelled => return why,
            CauseKind::New if progress.due <= now => return why,
            CauseKind::New => {
                let _ = write!(why, ", due {}", clock(progress.due, now));
            }
            _ => {
                let tries = progress.retry_num;
                let due = if progress.due <= now { "due now".to_owned() } else { clock(progress.due, now) };
                let _ = write!(why, "; next attempt {due}");
                if tries > 0 {
                    let _ = write!(why, ", after {tries} that failed");
                }
            }
        }
        if progress.last.as_ref().is_some_and(|last| last.in_doubt) {
            why.push_str("; the peer may have it already");
        }
        why
    }

    fn words(&self, now: Timestamp) -> String {
        let since = self.since.map_or_else(String::new, |since| format!(" since {}", clock(since, now)));
        let hop = self.next_hop.as_ref().map_or_else(|| "the next hop".to_owned(), ToString::to_string);
        let host = if self.about.is_empty() { &hop } else { &self.about };
        let (about, words) = (&self.about, &self.words);
        let because = if words.is_empty() { String::new() } else { format!(": {words}") };
        match self.kind {
            CauseKind::Held => format!("held by {about}{because}"),
            CauseKind::Paused => format!("{about} paused by {words}{since}"),
            CauseKind::Telling => "ended, its sender is being told".to_owned(),
            CauseKind::Cancelled => format!("cancelled by {about}, ends when its attempt does"),
            CauseKind::Down => format!("{hop} is down{since}{because}"),
            CauseKind::New => "waits for its first attempt".to_owned(),
            CauseKind::Greylisted => format!("greylisted by {host}"),
            CauseKind::Refused => format!("{host} refused it for now{because}"),
            CauseKind::Connection => format!("{host} could not be reached{because}"),
            CauseKind::Dns => format!("DNS of {hop} failed{because}"),
            CauseKind::Tls => format!("no safe connection to {host}{because}"),
            CauseKind::Auth => format!("authentication failed at {host}: our fault{because}"),
            CauseKind::Limit => "waits for a limit of ours".to_owned(),
            CauseKind::Ours => format!("our fault{because}"),
        }
    }
}

/// `14:05`, with the day if it is another; all times are UTC.
fn clock(at: Timestamp, now: Timestamp) -> String {
    let text = at.rfc3339();
    let (day, time) = text.split_once('T').unwrap_or((text.as_str(), ""));
    let time = time.get(..5).unwrap_or(time);
    if now.rfc3339().starts_with(day) { format!("{time} UTC") } else { format!("{day} {time} UTC") }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use mail::{EnhancedStatus, Reply};

    use super::*;
    use crate::outcome::Scope;
    use crate::revise::{Edit, Revised, revise};

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn at(minutes: u64) -> Timestamp {
        NOW.plus(std::time::Duration::from_secs(minutes * 60))
    }

    fn refused(code: u16, text: &str) -> Trouble {
        Trouble {
            scope: Scope::Recipient,
            kind: TroubleKind::UnexpectedReply,
            status: EnhancedStatus::new(4, 2, 0),
            text: format!("mx.example.net refused RCPT TO: {code} {text}"),
            host: "mx.example.net".to_owned(),
            reply: Some(("RCPT TO".to_owned(), Reply::new(code, None, text))),
            in_doubt: false,
        }
    }

    fn tried(trouble: Trouble) -> Progress {
        Progress {
            retry_num: 2,
            due: at(25),
            last: Some(trouble),
            last_hop: Some(NextHop::Relay { route: "smarthost".to_owned() }),
            ..Progress::unscheduled(NOW)
        }
    }

    fn why(progress: &Progress) -> String {
        cause(progress, Standing::Pending, None, None).why(progress, NOW)
    }

    #[test]
    fn says_in_one_plain_sentence_why_a_recipient_waits() {
        let check = |trouble, expected: &str| assert_eq!(why(&tried(trouble)), expected);
        let rest = "; next attempt 08:25 UTC, after 2 that failed";
        check(refused(450, "4.2.0 Greylisted, see you"), &format!("greylisted by mx.example.net{rest}"));
        check(refused(450, "later"), &format!("mx.example.net refused it for now: 450 to RCPT{rest}"));
        let auth = Trouble { reply: Some(("AUTH".into(), Reply::new(535, None, "no"))), ..refused(535, "") };
        check(auth, &format!("authentication failed at mx.example.net: our fault: 535 to AUTH{rest}"));
        let ours = Trouble::ours("there is no route 'x'");
        check(ours, &format!("our fault: there is no route 'x'{rest}"));
        assert_eq!(why(&Progress::unscheduled(NOW)), "waits for its first attempt");
    }

    #[test]
    fn what_is_down_says_since_when_and_until_when() {
        let down = HopDown { since: at(0), trial: at(25), why: "connection refused" };
        let found = cause(&tried(refused(450, "later")), Standing::Pending, None, Some(down));
        let expected = "relay via smarthost is down since 08:00 UTC: connection refused; next trial 08:25 UTC; \
                        1,204 recipients wait";
        assert_eq!(found.sentence(1204, None, at(1)), expected);
        let other = HopDown { why: "timed out", ..down };
        let same = cause(&tried(refused(450, "x")), Standing::Pending, None, Some(other));
        assert_eq!(found.id(), same.id());
    }

    #[test]
    fn what_an_operator_did_comes_first() {
        let progress = tried(refused(450, "later"));
        let hold = Edit::Hold { reason: "legal asked".into(), counts: false };
        let Revised::Goes(held) = revise(&progress, Standing::Pending, &[hold], "alice", NOW) else {
            panic!("held")
        };
        let pause = PauseInForce { what: "all deliveries", by: "bob", since: NOW };
        assert_eq!(
            cause(&held, Standing::Pending, Some(pause), None).why(&held, NOW),
            "held by alice: legal asked"
        );
        let paused = cause(&progress, Standing::Pending, Some(pause), None);
        assert_eq!(paused.why(&progress, NOW), "all deliveries paused by bob since 08:00 UTC");
    }

    #[test]
    fn recipients_with_the_same_refusal_are_one_group_whatever_their_address() {
        let id = |text: &str| cause(&tried(refused(452, text)), Standing::Pending, None, None).id();
        assert_eq!(id("mailbox of ann is full"), id("mailbox of bob is full"));
    }
}
