//! The work itself, the same for every store.

use std::fmt::Write;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::imap::{Imap, Keep};
use super::lmtp;
use super::peers::{Peer, Place};
use super::{Case, Plan, Run, StoreKind};
use crate::processes;

pub(crate) const DOMAIN: &str = "bench.test";
/// Users, and sessions of the cases with many.
pub(crate) const USERS: u64 = 10;
/// One message in so many has the word that is looked for.
const RARE: u64 = 1000;
/// Searches whose middle one counts.
const SEARCHES: usize = 5;
/// Searches before that, which may bring indexes and caches up to date.
const SEARCHES_BEFORE: usize = 2;
/// How long all deliveries may take to be in their mailboxes.
const DELIVERED_MAX: Duration = Duration::from_secs(600);
/// How long sessions are left alone before their memory is looked at.
const SETTLE: Duration = Duration::from_secs(5);

/// A user's name and address.
pub(crate) fn user(nth: u64) -> String {
    format!("u{nth}@{DOMAIN}")
}

/// All cases in one store.
pub(crate) async fn run(
    plan: &Plan,
    peer: StoreKind,
    round: u32,
    place: &Place,
    of: &Peer,
) -> Result<Vec<Run>> {
    let mut runs = Vec::new();
    let mut in_first = 0;
    // Every account is made, and every process started, before anything is measured.
    for nth in 0..USERS {
        Imap::login(place.imap, &user(nth)).await?.append(&message(plan, 0)).await?;
    }
    for &case in &plan.cases {
        if matches!(case, Case::Fetch | Case::Search) {
            fill(plan, place, &mut in_first).await.context("filling the mailbox")?;
        }
        let before = processes::cpu(of.root());
        let value = match case {
            Case::Append1 => {
                in_first += plan.count;
                append(plan, place, 1).await
            }
            Case::Append10 => {
                in_first += plan.count / USERS;
                append(plan, place, USERS).await
            }
            Case::Lmtp => {
                in_first += plan.count / USERS;
                deliver(plan, place).await
            }
            Case::Fetch => fetch(place).await,
            Case::Search => search(place).await,
            Case::Idle => idle(plan, place, of).await,
        };
        let value = value.with_context(|| format!("{case:?}"))?;
        let cpu_ms = processes::cpu(of.root()).since(before).total() * 1000.0;
        let run = Run {
            peer,
            case,
            round,
            value,
            cpu_ms,
            proportional_bytes: processes::proportional_bytes(of.root()),
        };
        eprintln!("{}", serde_json::to_string(&run)?);
        runs.push(run);
    }
    Ok(runs)
}

/// Messages per second over so many sessions, each of another user.
async fn append(plan: &Plan, place: &Place, sessions: u64) -> Result<f64> {
    let each = plan.count / sessions;
    let mut clients = Vec::new();
    for nth in 0..sessions {
        let messages: Vec<_> = (0..each).map(|number| message(plan, number)).collect();
        clients.push((Imap::login(place.imap, &user(nth)).await?, messages));
    }
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for (mut client, messages) in clients {
        tasks.spawn(async move {
            for message in &messages {
                client.append(message).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok((each * sessions) as f64 / begun.elapsed().as_secs_f64())
}

/// Messages per second until all are where users find them.
async fn deliver(plan: &Plan, place: &Place) -> Result<f64> {
    let each = plan.count / USERS;
    let mut clients = Vec::new();
    let mut expected = Vec::new();
    for nth in 0..USERS {
        let mut client = Imap::login(place.imap, &user(nth)).await?;
        expected.push(messages(&mut client).await? + each);
        clients.push(client);
    }
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for nth in 0..USERS {
        let (port, messages) =
            (place.lmtp, (0..each).map(|number| message(plan, number)).collect::<Vec<_>>());
        tasks.spawn(async move { lmtp::deliver(port, &user(nth), &messages).await });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    let delivered = async {
        for (client, expected) in clients.iter_mut().zip(expected) {
            while messages(client).await? < expected {
                sleep(Duration::from_millis(10)).await;
            }
        }
        anyhow::Ok(())
    };
    timeout(DELIVERED_MAX, delivered).await.context("mail does not arrive")??;
    Ok((each * USERS) as f64 / begun.elapsed().as_secs_f64())
}

async fn messages(client: &mut Imap) -> Result<u64> {
    let answer = client.command("STATUS INBOX (MESSAGES)", Keep::Lines).await?;
    let line = answer.lines.iter().find(|line| line.contains("MESSAGES")).context("no STATUS")?;
    let number = line.rsplit_once("MESSAGES ").and_then(|(_, rest)| rest.trim_end_matches(')').parse().ok());
    number.context("STATUS without a number")
}

/// Brings the first user's mailbox to its size.
async fn fill(plan: &Plan, place: &Place, has: &mut u64) -> Result<()> {
    let missing = plan.mailbox.saturating_sub(*has);
    let sessions = USERS.min(missing);
    let mut tasks = JoinSet::new();
    for nth in 0..sessions {
        let mut client = Imap::login(place.imap, &user(0)).await?;
        let plan = plan.clone();
        tasks.spawn(async move {
            for number in (nth..missing).step_by(USERS as usize) {
                client.append(&message(&plan, number)).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    *has += missing;
    Ok(())
}

/// Seconds.
async fn fetch(place: &Place) -> Result<f64> {
    let mut seconds = Vec::new();
    for _ in 0..3 {
        let mut client = Imap::login(place.imap, &user(0)).await?;
        let begun = Instant::now();
        client.command("SELECT INBOX", Keep::Count).await?;
        let answer = client.command("FETCH 1:* (FLAGS ENVELOPE)", Keep::Count).await?;
        seconds.push(begun.elapsed().as_secs_f64());
        ensure!(answer.count > 0, "no message was fetched");
    }
    Ok(super::table::median(seconds))
}

/// Seconds of a search for a word that few have.
async fn search(place: &Place) -> Result<f64> {
    let mut client = Imap::login(place.imap, &user(0)).await?;
    client.command("SELECT INBOX", Keep::Count).await?;
    let mut seconds = Vec::new();
    for nth in 0..SEARCHES_BEFORE + SEARCHES {
        let begun = Instant::now();
        let answer = client.command("SEARCH TEXT quicksilver", Keep::Lines).await?;
        if nth >= SEARCHES_BEFORE {
            seconds.push(begun.elapsed().as_secs_f64());
        }
        ensure!(answer.lines.iter().any(|line| line.len() > "* SEARCH ".len()), "nothing was found");
    }
    Ok(super::table::median(seconds))
}

/// Bytes that each of many sessions adds.
async fn idle(plan: &Plan, place: &Place, of: &Peer) -> Result<f64> {
    sleep(SETTLE).await;
    let before = processes::proportional_bytes(of.root());
    let mut clients = Vec::new();
    for nth in 0..plan.idle {
        let mut client = Imap::login(place.imap, &user(1 + u64::from(nth) % (USERS - 1))).await?;
        client.command("SELECT INBOX", Keep::Count).await?;
        client.idle().await?;
        clients.push(client);
    }
    sleep(SETTLE).await;
    let after = processes::proportional_bytes(of.root());
    Ok(after.saturating_sub(before) as f64 / f64::from(plan.idle.max(1)))
}

/// A letter of the wanted size; one in a thousand has a word that no other has.
fn message(plan: &Plan, number: u64) -> Vec<u8> {
    const WORDS: [&str; 16] = [
        "the", "store", "keeps", "letters", "which", "people", "write", "about", "meetings", "invoices",
        "travel", "weather", "children", "music", "gardens", "numbers",
    ];
    let mut text = format!(
        "Date: Tue, 24 Nov 2026 08:{:02}:{:02} +0000\r\nFrom: Sender {} <s{}@load.test>\r\nTo: Someone <u@{DOMAIN}>\r\n\
         Subject: Letter {number} about {}\r\nMessage-ID: <{number}.{}@load.test>\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\r\n",
        number / 60 % 60,
        number % 60,
        number % 97,
        number % 97,
        WORDS[(number % 16) as usize],
        number * 7919 % 1_000_003,
    );
    if number.is_multiple_of(RARE) {
        text.push_str("Here is the word quicksilver.\r\n");
    }
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    while text.len() < plan.size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        for shift in (0..48).step_by(4) {
            text.push_str(WORDS[(state >> shift & 15) as usize]);
            text.push(' ');
        }
        // Writing to a string cannot fail.
        let _ = write!(text, "{}\r\n", state % 100_000);
    }
    text.into_bytes()
}
