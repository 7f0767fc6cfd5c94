//! What does the server say about itself and the caller's account (RFC 8620 section 2)?

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use policy::settings::Account;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use wire::jmap::{Capability, Limits, Session};

use super::account_id::account_id;
use super::methods::MAIL;
use crate::World;

/// How much one request may ask.
pub(crate) const LIMITS: Limits = Limits {
    upload_bytes_max: 50_000_000,
    concurrent_uploads_max: 4,
    request_bytes_max: 10_000_000,
    concurrent_requests_max: 8,
    calls_max: 64,
    objects_in_get_max: 1_000,
    objects_in_set_max: 1_000,
    referenced_bytes_max: 16 << 20,
};

/// Depth of mailboxes at most.
pub(crate) const MAILBOX_DEPTH_MAX: usize = 10;
/// Bytes of the name of a mailbox at most.
pub(crate) const MAILBOX_NAME_BYTES_MAX: usize = 255;
/// Bytes of all attachments of a message at most.
pub(crate) const ATTACHMENTS_BYTES_MAX: u64 = 50_000_000;
/// How text may be ordered (RFC 4790).
pub(crate) const COLLATIONS: [&str; 2] = ["i;ascii-casemap", "i;unicode-casemap"];
/// What Email/query can sort by.
pub(crate) const SORTS: [&str; 9] = [
    "receivedAt",
    "sentAt",
    "size",
    "from",
    "to",
    "subject",
    "hasKeyword",
    "allInThreadHaveKeyword",
    "someInThreadHaveKeyword",
];

/// All capabilities besides the core, with what is said about each.
pub(crate) fn capabilities() -> Vec<Capability<'static>> {
    let mail = json!({
        "maxMailboxesPerEmail": null,
        "maxMailboxDepth": MAILBOX_DEPTH_MAX,
        "maxSizeMailboxName": MAILBOX_NAME_BYTES_MAX,
        "maxSizeAttachmentsPerEmail": ATTACHMENTS_BYTES_MAX,
        "emailQuerySortOptions": SORTS,
        "mayCreateTopLevelMailbox": true,
    });
    vec![Capability { name: MAIL, server: json!({}), account: Some(mail) }]
}

/// The session object; `base` is where the client believes this server to be.
pub(crate) fn session(world: &World, account: &Account, base: &str) -> Value {
    let name = account.name.to_string();
    wire::jmap::session(&Session {
        username: &name,
        account: &account_id(&account.name),
        account_name: &name,
        personal: true,
        read_only: false,
        capabilities: &capabilities(),
        limits: &LIMITS,
        collations: &COLLATIONS,
        download: "/jmap/download/{accountId}/{blobId}/{name}?type={type}",
        upload: "/jmap/upload/{accountId}/",
        base,
        state: &state(world, account),
    })
}

/// The session changes when what it is made of does: the account, or what this program can do.
pub(crate) fn state(_world: &World, account: &Account) -> String {
    let mut hash = Sha256::new();
    hash.update(account.name.to_string().as_bytes());
    hash.update(env!("CARGO_PKG_VERSION").as_bytes());
    for capability in capabilities() {
        hash.update(capability.name.as_bytes());
    }
    URL_SAFE_NO_PAD.encode(&hash.finalize()[..9])
}
