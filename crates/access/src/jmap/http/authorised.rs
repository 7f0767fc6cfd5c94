//! Who asks? By Basic (RFC 7617) or Bearer (RFC 6750), with each request.

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use directory::{Authentication, Client, Credentials, Service};
use policy::settings::Account;

use super::super::account_id::account_id;
use super::{Peer, Shared};

/// Bytes of an `Authorization` field at most.
const CREDENTIALS_BYTES_MAX: usize = 8 << 10;

/// Somebody who is who they say they are.
#[derive(Clone)]
pub(crate) struct Caller {
    /// Their account.
    pub(crate) account: Arc<Account>,
    /// Its id.
    pub(crate) account_id: String,
}

/// Who asks, or what they are told instead.
pub(crate) async fn authorised(shared: &Shared, peer: Peer, headers: &HeaderMap) -> Result<Caller, Response> {
    // What was said in clear is known to others: it is not even looked at.
    if !peer.tls && !peer.address.ip().to_canonical().is_loopback() {
        return Err((StatusCode::FORBIDDEN, "passwords are not taken without TLS\n").into_response());
    }
    let field = headers.get(header::AUTHORIZATION).ok_or_else(who_are_you)?.as_bytes();
    if field.len() > CREDENTIALS_BYTES_MAX {
        return Err(who_are_you());
    }
    let configuration = Arc::clone(&shared.world.configuration.borrow());
    let now = shared.world.clock.now();
    if let Some(account) = shared.recognised.find(field, &configuration, now) {
        return Ok(caller(account));
    }
    let credentials = credentials(field).ok_or_else(who_are_you)?;
    let client = Client { address: peer.address.ip(), service: Service::Jmap };
    match shared.world.directory.authenticate(client, credentials).await {
        Authentication::Is(account) => {
            shared.recognised.remember(field, &account, &configuration, now);
            Ok(caller(account))
        }
        Authentication::IsNot => Err(who_are_you()),
        Authentication::NotNow => {
            let later = (StatusCode::SERVICE_UNAVAILABLE, "nobody can be let in now; try again later\n");
            Err(([(header::RETRY_AFTER, "10")], later).into_response())
        }
    }
}

fn caller(account: Arc<Account>) -> Caller {
    let account_id = account_id(&account.name);
    Caller { account, account_id }
}

fn who_are_you() -> Response {
    let challenge =
        [(header::WWW_AUTHENTICATE, "Basic realm=\"mail\", charset=\"UTF-8\", Bearer realm=\"mail\"")];
    (StatusCode::UNAUTHORIZED, challenge, "say who you are\n").into_response()
}

fn credentials(field: &[u8]) -> Option<Credentials> {
    let field = std::str::from_utf8(field).ok()?;
    let (scheme, rest) = field.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(Credentials::Token { name: None, token: rest.to_owned() });
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(rest).ok()?).ok()?;
    let (name, password) = text.split_once(':')?;
    Some(Credentials::Password { name: name.to_owned(), password: password.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_schemes_are_known() {
        let check = |field: &str| match credentials(field.as_bytes()) {
            Some(Credentials::Password { name, password }) => format!("{name}|{password}"),
            Some(Credentials::Token { name: None, token }) => format!("token {token}"),
            _ => "none".to_owned(),
        };
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        assert_eq!(check(&basic("ann@example.org:a:b")), "ann@example.org|a:b");
        assert_eq!(check(&basic("ann@example.org:pässwörd")), "ann@example.org|pässwörd");
        assert_eq!(check("bearer abc"), "token abc");
        for wrong in ["", "Basic", "Basic !", "Digest x", &basic("ann")] {
            assert_eq!(check(wrong), "none", "{wrong}");
        }
    }
}
