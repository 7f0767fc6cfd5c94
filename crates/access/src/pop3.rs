//! POP3 sessions (RFC 1939): the inbox of an account, for one reader at a time.
//!
//! A session sees the inbox as it was at login. What it deletes is deleted at QUIT and not before: whoever drops the
//! connection has lost nothing (RFC 1939 section 6).

mod authorization;
mod claims;
mod limits;
mod maildrop;
mod talk;
mod transaction;

pub use self::claims::Maildrops;
use self::talk::{Ended, Talk};
use crate::connection::Connection;
use crate::world::World;

/// Serves one client until one side has had enough. With implicit TLS the handshake has been made.
pub async fn serve(connection: Connection, world: World) {
    let client = connection.client;
    let mut talk = Talk::new(connection);
    match session(&mut talk, &world).await {
        Ok(()) | Err(Ended::Closed) => talk.part().await,
        Err(Ended::Gone) => tracing::debug!(%client, "a POP3 client is gone"),
    }
}

async fn session(talk: &mut Talk, world: &World) -> Result<(), Ended> {
    let Some(reader) = authorization::run(talk, world).await? else { return Ok(()) };
    tracing::info!(client = %talk.client(), account = %reader.account.name, messages = reader.drop.len(),
        "a mailbox is read by POP3");
    transaction::run(talk, world, reader).await
}
