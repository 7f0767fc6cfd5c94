//! Access tokens as XOAUTH2 and OAUTHBEARER (RFC 7628) show them.

use super::exchange::{Login, Mechanism};
use super::scram::escaped;
use super::{SaslError, scram_server};

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

/// What a client shows.
pub(super) struct Shown {
    /// The user that it names, if it does.
    pub(super) name: Option<String>,
    pub(super) token: String,
}

/// Reads the response of OAUTHBEARER: RFC 7628 section 3.1.
pub(super) fn read_oauthbearer(text: &str) -> Result<Shown, SaslError> {
    let (header, pairs) = text.split_once('\x01').ok_or(SaslError::Malformed)?;
    let authorization = match header.splitn(3, ',').collect::<Vec<_>>()[..] {
        ["n" | "y", authorization, ""] => authorization,
        _ => return Err(SaslError::Malformed),
    };
    let name = match authorization.strip_prefix("a=") {
        Some(name) => Some(scram_server::name(name).ok_or(SaslError::Malformed)?),
        None if authorization.is_empty() => None,
        None => return Err(SaslError::Malformed),
    };
    Ok(Shown { name, token: bearer(pairs)? })
}

/// Reads the response of XOAUTH2.
pub(super) fn read_xoauth2(text: &str) -> Result<Shown, SaslError> {
    let (user, pairs) = text.split_once('\x01').ok_or(SaslError::Malformed)?;
    let name = user.strip_prefix("user=").ok_or(SaslError::Malformed)?;
    if name.chars().any(char::is_control) {
        return Err(SaslError::Malformed);
    }
    Ok(Shown { name: (!name.is_empty()).then(|| name.to_owned()), token: bearer(pairs)? })
}

/// The token among `name=value` pairs, each of which ends with 0x01; an empty one ends them all.
fn bearer(pairs: &str) -> Result<String, SaslError> {
    let pairs = pairs.strip_suffix("\x01\x01").ok_or(SaslError::Malformed)?;
    let value = pairs.split('\x01').find_map(|pair| pair.strip_prefix("auth="));
    let (scheme, token) = value.and_then(|value| value.split_once(' ')).ok_or(SaslError::Malformed)?;
    let token = token.trim();
    let is_token = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    if !scheme.eq_ignore_ascii_case("Bearer") || !is_token {
        return Err(SaslError::Malformed);
    }
    Ok(token.to_owned())
}

/// How a token is refused, before the exchange fails: RFC 7628 section 3.2.2. None where a refusal says nothing more.
pub(super) fn refusal(mechanism: Mechanism) -> Option<&'static str> {
    match mechanism {
        Mechanism::OAuthBearer => Some(r#"{"status":"invalid_token","schemes":"bearer","scope":"mail"}"#),
        Mechanism::XOAuth2 => Some(r#"{"status":"401","schemes":"bearer","scope":"mail"}"#),
        Mechanism::Plain | Mechanism::Login | Mechanism::ScramSha256 => None,
    }
}
