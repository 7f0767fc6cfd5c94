//! IDLE: a client waits to be told (RFC 9051 section 6.3.13).

use mail::ModSeq;
use tokio::sync::watch;
use wire::imap::reply;

use super::selected::catch_up;
use super::session::{Answer, Session};
use super::talk::Ended;

/// Tells the client what happens, at once, until it has had enough.
pub(super) async fn idle(session: &mut Session, tag: &str) -> Result<(), Ended> {
    // What it has not been told yet it is told first: it does not ask again.
    reply::go_on(&mut session.talk.output, "idling");
    catch_up(session).await?;
    loop {
        session.talk.flush().await?;
        if let Some(line) = session.talk.line()? {
            let done = line.eq_ignore_ascii_case(b"DONE");
            let answer = if done { Answer::ok("done") } else { Answer::bad("DONE was expected") };
            return session.end_and_tell(tag, &answer).await;
        }
        let changed = match &session.selected {
            Some(selected) => {
                let mut changes = selected.changes.clone();
                tokio::select! {
                    biased;
                    () = told(&mut changes) => true,
                    heard = session.talk.wait_only() => {
                        heard?;
                        false
                    }
                }
            }
            None => {
                session.talk.wait_only().await?;
                false
            }
        };
        if changed {
            catch_up(session).await?;
        }
    }
}

/// Waits for a change. A store that ends tells of none.
async fn told(changes: &mut watch::Receiver<ModSeq>) {
    if changes.changed().await.is_err() {
        std::future::pending().await
    }
}
