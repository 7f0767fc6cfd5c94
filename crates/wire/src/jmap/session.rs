//! What does a server say about itself (RFC 8620 section 2)?

use serde_json::{Map, Value, json};

use super::CORE;
use super::limits::Limits;

/// What goes into a session object.
#[derive(Clone, Copy, Debug)]
pub struct Session<'a> {
    /// Who asks.
    pub username: &'a str,
    /// The one account.
    pub account: &'a str,
    /// Its name, for people.
    pub account_name: &'a str,
    /// Whether it is the caller's own.
    pub personal: bool,
    /// Whether the caller may change nothing.
    pub read_only: bool,
    /// The capabilities besides the core.
    pub capabilities: &'a [Capability<'a>],
    /// How text may be ordered (RFC 4790).
    pub collations: &'a [&'a str],
    /// The path and query under which content is given.
    pub download: &'a str,
    /// The path under which content is taken.
    pub upload: &'a str,
    /// The limits of the core capability.
    pub limits: &'a Limits,
    /// Before the paths of its URLs, such as `https://mail.example.org:8443`; what it was got from may be asked so too.
    pub base: &'a str,
    /// Changes whenever the session object does.
    pub state: &'a str,
}

/// A capability, with what is said about it.
#[derive(Clone, PartialEq, Debug)]
pub struct Capability<'a> {
    /// Its URN.
    pub name: &'a str,
    /// About the server.
    pub server: Value,
    /// About the account; none if it does not belong to accounts.
    pub account: Option<Value>,
}

impl<'a> Capability<'a> {
    /// One about which nothing is to be said.
    pub fn plain(name: &'a str) -> Self {
        Capability { name, server: json!({}), account: Some(json!({})) }
    }
}

/// The session object.
pub fn session(of: &Session<'_>) -> Value {
    let limits = of.limits;
    let url = |path: &str| format!("{}{path}", of.base);
    let mut core = json!({
        "maxSizeUpload": limits.upload_bytes_max,
        "maxConcurrentUpload": limits.concurrent_uploads_max,
        "maxSizeRequest": limits.request_bytes_max,
        "maxConcurrentRequests": limits.concurrent_requests_max,
        "maxCallsInRequest": limits.calls_max,
        "maxObjectsInGet": limits.objects_in_get_max,
        "maxObjectsInSet": limits.objects_in_set_max,
    });
    core["collationAlgorithms"] = of.collations.into();
    let mut capabilities = Map::new();
    let mut account_capabilities = Map::new();
    let mut primary = Map::new();
    for capability in of.capabilities {
        let name = capability.name.to_owned();
        capabilities.insert(name.clone(), capability.server.clone());
        if let Some(account) = &capability.account {
            account_capabilities.insert(name.clone(), account.clone());
            primary.insert(name, of.account.into());
        }
    }
    capabilities.insert(CORE.to_owned(), core);
    // Clients that know no capability of ours look for an account under that of the core.
    primary.insert(CORE.to_owned(), of.account.into());
    json!({
        "capabilities": capabilities,
        "accounts": {
            of.account: {
                "name": of.account_name,
                "isPersonal": of.personal,
                "isReadOnly": of.read_only,
                "accountCapabilities": account_capabilities,
            },
        },
        "primaryAccounts": primary,
        "username": of.username,
        "apiUrl": url("/jmap"),
        "downloadUrl": url(of.download),
        "uploadUrl": url(of.upload),
        "eventSourceUrl": url("/jmap/eventsource?types={types}&closeafter={closeafter}&ping={ping}"),
        "state": of.state,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_every_member_that_the_standard_demands() {
        let limits = Limits::default();
        let of = Session {
            username: "ann",
            account: "a",
            account_name: "mail.example.org",
            personal: false,
            read_only: false,
            capabilities: &[Capability::plain("urn:x")],
            collations: &[],
            download: "/jmap/download/{accountId}/{blobId}/{name}?type={type}",
            upload: "/jmap/upload/{accountId}/",
            limits: &limits,
            base: "https://mail.example.org",
            state: "1",
        };
        let session = session(&of);
        for member in
            "capabilities accounts primaryAccounts username apiUrl downloadUrl uploadUrl eventSourceUrl state"
                .split(' ')
        {
            assert!(!session[member].is_null(), "{member}");
        }
        for part in ["{accountId}", "{blobId}", "{name}", "{type}"] {
            assert!(session["downloadUrl"].as_str().unwrap().contains(part), "{part}");
        }
        assert_eq!(session["capabilities"][CORE]["maxCallsInRequest"], 64);
        assert_eq!(session["primaryAccounts"]["urn:x"], "a");
    }
}
