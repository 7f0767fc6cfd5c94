//! The content of a queued message, for a download: its blob id is the message's id.

use super::Office;
use store::Content;

use super::list::message_id;
use crate::error::MethodError;

/// The content as it is queued; none if there is no such message in the queue.
pub(crate) async fn content(api: &Office, blob: &str) -> Result<Option<Content>, MethodError> {
    let Some(id) = message_id(blob) else { return Ok(None) };
    // What only a mailbox holds any more is its owner's, and nobody's here.
    let queued = api.world.store.messages(&[id]).await.map_err(|why| super::unavailable(&why))?;
    if queued.is_empty() {
        return Ok(None);
    }
    api.world.store.content(id).await.map_err(|why| super::unavailable(&why))
}
