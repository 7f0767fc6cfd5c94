//! IMAP4rev2 and IMAP4rev1 sessions (RFC 9051, RFC 3501).
//!
//! One session is one task: it hears commands through [`talk`], and answers them in one file for each family. What a
//! client sees of its selected mailbox is in [`selected`].

mod append;
mod capabilities;
mod criteria;
mod deflate;
mod desk;
mod fetch;
mod fields;
mod filing;
mod finding;
mod idle;
mod items;
mod limits;
mod list;
mod login;
mod mailboxes;
mod metadata;
mod quota;
mod sections;
mod select;
mod selected;
mod session;
mod status;
mod talk;
mod threading;
mod tree;
mod view;

use self::session::Session;
use self::talk::Ended;
use crate::connection::Connection;
use crate::world::World;

/// Serves one client until one side has had enough. With implicit TLS the handshake has been made.
pub async fn serve(connection: Connection, world: World) {
    let client = connection.client;
    let mut session = Session::new(connection, world);
    match session.run().await {
        Ok(()) | Err(Ended::Closed) => session.talk.part().await,
        Err(Ended::Gone) => tracing::debug!(%client, "an IMAP client is gone"),
    }
}
