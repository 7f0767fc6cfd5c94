//! IDLE: a client waits to be told (RFC 9051 section 6.3.13).

use mail::ModSeq;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use wire::imap::reply::{self, Ending};

use super::limits::{IDLE_MAX, STILL_HERE_AFTER};
use super::selected::catch_up;
use super::session::{Answer, Session};
use super::talk::Ended;

/// Tells the client what happens, at once, until it has had enough.
pub(super) async fn idle(session: &mut Session, tag: &str) -> Result<(), Ended> {
    // What it has not been told yet it is told first: it does not ask again.
    reply::go_on(&mut session.talk.output, "idling");
    catch_up(session).await?;
    let until = Instant::now() + IDLE_MAX;
    loop {
        session.talk.flush().await?;
        if let Some(line) = session.talk.line()? {
            let done = line.eq_ignore_ascii_case(b"DONE");
            let answer = if done { Answer::ok("done") } else { Answer::bad("DONE was expected") };
            return session.end_and_tell(tag, &answer).await;
        }
        let still_here = Instant::now() + STILL_HERE_AFTER;
        let changed = match &session.selected {
            Some(selected) => {
                let mut changes = selected.changes.clone();
                tokio::select! {
                    biased;
                    () = told(&mut changes) => true,
                    () = sleep_until(still_here) => {
                        still(session, until)?;
                        false
                    }
                    heard = session.talk.wait_only() => {
                        heard?;
                        false
                    }
                }
            }
            None => {
                tokio::select! {
                    biased;
                    () = sleep_until(still_here) => still(session, until)?,
                    heard = session.talk.wait_only() => heard?,
                }
                false
            }
        };
        if changed {
            catch_up(session).await?;
        }
    }
}

/// Says that we are here, to a client that has not been silent for too long.
fn still(session: &mut Session, until: Instant) -> Result<(), Ended> {
    if Instant::now() >= until {
        return session.talk.close("", "silent for too long");
    }
    reply::untagged_status(&mut session.talk.output, Ending::Ok, "", "Still here");
    Ok(())
}

/// Waits for a change. A store that ends tells of none.
async fn told(changes: &mut watch::Receiver<ModSeq>) {
    if changes.changed().await.is_err() {
        std::future::pending().await
    }
}
