//! What does the server say about itself and the caller's account (RFC 8620 section 2)?

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use policy::settings::Account;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use wire::jmap::{CORE, Capability, Limits, Session};

use super::account_id::account_id;
use super::methods::{MAIL, QUOTA, SUBMISSION, VACATION, WEBSOCKET};
use crate::World;
use crate::world::Offer;

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
pub(crate) fn capabilities(offer: &Offer, base: &str) -> Vec<Capability<'static>> {
    let mail = json!({
        "maxMailboxesPerEmail": null,
        "maxMailboxDepth": MAILBOX_DEPTH_MAX,
        "maxSizeMailboxName": MAILBOX_NAME_BYTES_MAX,
        "maxSizeAttachmentsPerEmail": ATTACHMENTS_BYTES_MAX,
        "emailQuerySortOptions": SORTS,
        "mayCreateTopLevelMailbox": true,
    });
    vec![
        Capability { name: MAIL, server: json!({}), account: Some(mail) },
        Capability { name: SUBMISSION, server: json!({}), account: Some(submission(offer)) },
        Capability::plain(VACATION),
        Capability::plain(QUOTA),
        Capability { name: WEBSOCKET, server: web_socket(base), account: None },
    ]
}

/// How much may be asked for when mail is sent (RFC 8621 section 1.3.2).
fn submission(offer: &Offer) -> Value {
    let mut extensions = Map::new();
    let mut add =
        |name: &str, arguments: Vec<String>| drop(extensions.insert(name.to_owned(), json!(arguments)));
    add("SMTPUTF8", Vec::new());
    if let Some(most) = offer.message_bytes_max {
        add("SIZE", vec![most.to_string()]);
    }
    if !offer.delay_max.is_zero() {
        add("FUTURERELEASE", Vec::new());
    }
    if offer.dsn {
        add("DSN", Vec::new());
    }
    if offer.deliver_by_max.is_some() {
        add("DELIVERBY", Vec::new());
    }
    if offer.priority {
        add("MT-PRIORITY", Vec::new());
    }
    if offer.require_tls {
        add("REQUIRETLS", Vec::new());
    }
    json!({ "maxDelayedSend": offer.delay_max.as_secs(), "submissionExtensions": extensions })
}

/// Where requests and changes go over one connection (RFC 8887 section 3).
fn web_socket(base: &str) -> Value {
    let base = match base.strip_prefix("http") {
        Some(rest) => format!("ws{rest}"),
        None => base.to_owned(),
    };
    json!({ "url": format!("{base}/jmap/ws"), "supportsPush": true })
}

/// The names of all capabilities, the core's too.
pub(crate) const NAMES: [&str; 6] = [CORE, MAIL, SUBMISSION, VACATION, QUOTA, WEBSOCKET];

/// The session object; `offer` is what the caller may ask for when it sends, `base` is where the client believes this server to be.
pub(crate) fn session(world: &World, account: &Account, offer: &Offer, base: &str) -> Value {
    let name = account.name.to_string();
    wire::jmap::session(&Session {
        username: &name,
        account: &account_id(&account.name),
        account_name: &name,
        personal: true,
        read_only: false,
        capabilities: &capabilities(offer, base),
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
    NAMES.iter().for_each(|name| hash.update(name.as_bytes()));
    URL_SAFE_NO_PAD.encode(&hash.finalize()[..9])
}
