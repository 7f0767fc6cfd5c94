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
    /// Whether the caller may change nothing.
    pub read_only: bool,
    /// The capabilities besides the core.
    pub capabilities: &'a [&'a str],
    /// The limits of the core capability.
    pub limits: &'a Limits,
    /// Before the paths of its URLs, such as `https://mail.example.org:8443`; what it was got from may be asked so too.
    pub base: &'a str,
    /// Changes whenever the session object does.
    pub state: &'a str,
}

/// The session object.
pub fn session(of: &Session<'_>) -> Value {
    let limits = of.limits;
    let url = |path: &str| format!("{}{path}", of.base);
    let core = json!({
        // Nothing can be uploaded.
        "maxSizeUpload": 0,
        "maxConcurrentUpload": 1,
        "maxSizeRequest": limits.request_bytes_max,
        "maxConcurrentRequests": limits.concurrent_requests_max,
        "maxCallsInRequest": limits.calls_max,
        "maxObjectsInGet": limits.objects_in_get_max,
        "maxObjectsInSet": limits.objects_in_set_max,
        "collationAlgorithms": [],
    });
    let empty =
        |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), json!({}))).collect::<Map<_, _>>();
    let mut capabilities = empty(of.capabilities);
    capabilities.insert(CORE.to_owned(), core);
    // Clients that know no capability of ours look for an account under that of the core.
    let primary: Map<_, _> =
        of.capabilities.iter().chain(&[CORE]).map(|name| ((*name).to_owned(), of.account.into())).collect();
    json!({
        "capabilities": capabilities,
        "accounts": {
            of.account: {
                "name": of.account_name,
                "isPersonal": false,
                "isReadOnly": of.read_only,
                "accountCapabilities": empty(of.capabilities),
            },
        },
        "primaryAccounts": primary,
        "username": of.username,
        "apiUrl": url("/jmap"),
        "downloadUrl": url("/jmap/download/{accountId}/{blobId}/{name}?accept={type}"),
        "uploadUrl": url("/jmap/upload/{accountId}"),
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
            read_only: false,
            capabilities: &["urn:x"],
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
