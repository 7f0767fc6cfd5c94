//! SASL PLAIN (RFC 4616) and LOGIN, both sides.

use std::fmt;

use thiserror::Error;

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
pub fn encode_plain(_username: &str, _password: &str) -> String {
    todo!()
}

/// A user name or password as LOGIN sends it, in base64.
pub fn encode_login(_part: &str) -> String {
    todo!()
}

/// Reads a response of PLAIN, in base64.
pub fn decode_plain(_response: &[u8]) -> Result<PlainCredentials, SaslError> {
    todo!()
}

/// Reads a user name or password of LOGIN, in base64.
pub fn decode_login(_response: &[u8]) -> Result<String, SaslError> {
    todo!()
}
