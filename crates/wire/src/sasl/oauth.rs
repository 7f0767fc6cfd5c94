//! Access tokens as XOAUTH2 and OAUTHBEARER (RFC 7628) show them.

use super::exchange::{Login, Mechanism};
use super::scram::escaped;

/// The whole response of XOAUTH2.
pub(super) fn xoauth2(login: &Login) -> String {
    format!("user={}\x01auth=Bearer {}\x01\x01", login.username, login.password)
}

/// The whole response of OAUTHBEARER: RFC 7628 section 3.1.
pub(super) fn oauthbearer(login: &Login) -> String {
    let (host, port) = &login.server;
    let user = escaped(&login.username);
    format!("n,a={user},\x01host={host}\x01port={port}\x01auth=Bearer {}\x01\x01", login.password)
}

/// What is said to a refusal, in base64, so that the server ends the exchange: RFC 7628 section 3.2.3.
pub(super) fn acknowledgement(mechanism: Mechanism) -> &'static str {
    match mechanism {
        Mechanism::OAuthBearer => "AQ==",
        Mechanism::XOAuth2 | Mechanism::Plain | Mechanism::Login | Mechanism::ScramSha256 => "",
    }
}
