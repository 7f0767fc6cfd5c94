//! SASL: PLAIN (RFC 4616) and LOGIN for both sides; `exchange` is the client and `server` the server of all mechanisms.

pub mod exchange;
mod oauth;
mod scram;
mod scram_server;
pub mod server;

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

/// What LOGIN asks first, `Username:` in base64.
pub const LOGIN_USERNAME_CHALLENGE: &str = "VXNlcm5hbWU6";
/// What LOGIN asks then, `Password:` in base64.
pub const LOGIN_PASSWORD_CHALLENGE: &str = "UGFzc3dvcmQ6";

/// What a client authenticates with.
#[derive(Clone, PartialEq, Eq)]
pub struct PlainCredentials {
    /// The user name.
    pub username: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for PlainCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PlainCredentials {{ username: {:?}, password: **** }}", self.username)
    }
}

/// Why a response is not one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum SaslError {
    /// It is not base64.
    #[error("the response is not base64")]
    Base64,
    /// It has not the parts that the mechanism asks for.
    #[error("the response is malformed")]
    Malformed,
    /// It asks to act for somebody else.
    #[error("acting for another user is not allowed")]
    AuthorizationId,
}

/// The initial response of PLAIN, in base64.
pub fn encode_plain(username: &str, password: &str) -> String {
    STANDARD.encode(format!("\0{username}\0{password}"))
}

/// A user name or password as LOGIN sends it, in base64.
pub fn encode_login(part: &str) -> String {
    STANDARD.encode(part)
}

/// Reads a response of PLAIN, in base64.
pub fn decode_plain(response: &[u8]) -> Result<PlainCredentials, SaslError> {
    let text = decode(response)?;
    let parts: Vec<&str> = text.splitn(4, '\0').collect();
    let [authorization_id, username, password] = parts[..] else {
        return Err(SaslError::Malformed);
    };
    if username.is_empty() || password.is_empty() || has_control(username) {
        return Err(SaslError::Malformed);
    }
    if !authorization_id.is_empty() && authorization_id != username {
        return Err(SaslError::AuthorizationId);
    }
    Ok(PlainCredentials { username: username.to_owned(), password: password.to_owned() })
}

/// Reads a user name or password of LOGIN, in base64.
pub fn decode_login(response: &[u8]) -> Result<String, SaslError> {
    let text = decode(response)?;
    if text.is_empty() || has_control(&text) { Err(SaslError::Malformed) } else { Ok(text) }
}

fn decode(response: &[u8]) -> Result<String, SaslError> {
    let bytes = STANDARD.decode(response).map_err(|_| SaslError::Base64)?;
    String::from_utf8(bytes).map_err(|_| SaslError::Malformed)
}

fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(plain: &str, expected: Result<(&str, &str), SaslError>) {
        let got = decode_plain(STANDARD.encode(plain).as_bytes());
        let got = got.as_ref().map(|c| (c.username.as_str(), c.password.as_str())).map_err(|error| *error);
        assert_eq!(got, expected, "{plain:?}");
    }

    // proves: H24
    #[test]
    fn plain_has_exactly_three_parts() {
        check("\0anna\0secret", Ok(("anna", "secret")));
        check("anna\0anna\0secret", Ok(("anna", "secret")));
        check("bert\0anna\0secret", Err(SaslError::AuthorizationId));
        check("\0anna\0sec\0ret", Err(SaslError::Malformed));
        check("\0anna", Err(SaslError::Malformed));
        check("\0\0secret", Err(SaslError::Malformed));
        check("\0anna\0", Err(SaslError::Malformed));
        check("", Err(SaslError::Malformed));
        check("\0an\r\nna\0secret", Err(SaslError::Malformed));
        assert_eq!(decode_plain(b"%%%"), Err(SaslError::Base64));
    }

    #[test]
    fn a_password_is_not_shown() {
        let shown = format!("{:?}", decode_plain(encode_plain("anna", "secret").as_bytes()));
        assert!(shown.contains("anna") && !shown.contains("secret"));
    }

    #[test]
    fn the_challenges_say_what_they_should() {
        assert_eq!(encode_login("Username:"), LOGIN_USERNAME_CHALLENGE);
        assert_eq!(encode_login("Password:"), LOGIN_PASSWORD_CHALLENGE);
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(username in "[^\\p{Cc}]{1,20}", password in "[^\\x00]{1,20}") {
            let credentials = decode_plain(encode_plain(&username, &password).as_bytes()).unwrap();
            prop_assert_eq!((credentials.username, credentials.password), (username.clone(), password));
            prop_assert_eq!(decode_login(encode_login(&username).as_bytes()), Ok(username));
        }

        #[test]
        fn never_panics(response in any::<Vec<u8>>()) {
            let _ = decode_plain(&response);
            let _ = decode_login(&response);
        }
    }
}
