//! SCRAM-SHA-256 as a server (RFC 5802, RFC 7677), without channel binding.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::SaslError;
use super::scram::{equal, hmac};
use super::server::Keys;

/// What the client says first.
pub(super) struct First {
    name: String,
    /// What stands before the message proper, and is said again at the end.
    header: String,
    bare: String,
    nonce: String,
}

/// What the client's last message is checked with.
pub(super) struct Awaiting {
    first: First,
    keys: Keys,
    nonce: String,
    server_first: String,
}

impl First {
    /// Reads `client-first-message`: RFC 5802 section 7.
    pub(super) fn read(text: &str) -> Result<Self, SaslError> {
        let mut parts = text.splitn(3, ',');
        let (flag, authorization, bare) = (parts.next(), parts.next(), parts.next());
        let (Some("n" | "y"), Some(authorization), Some(bare)) = (flag, authorization, bare) else {
            return Err(SaslError::Malformed);
        };
        let mut attributes = bare.split(',');
        let mut attribute = |name: &str| attributes.next().and_then(|part| part.strip_prefix(name));
        // An extension that is mandatory would stand first.
        let name = attribute("n=").and_then(name).ok_or(SaslError::Malformed)?;
        let nonce = attribute("r=").filter(|nonce| !nonce.is_empty()).ok_or(SaslError::Malformed)?;
        match authorization.strip_prefix("a=") {
            None if authorization.is_empty() => {}
            Some(other) if self::name(other).as_deref() == Some(&name) => {}
            _ => return Err(SaslError::AuthorizationId),
        }
        let header = text[..text.len() - bare.len()].to_owned();
        Ok(First { nonce: nonce.to_owned(), header, bare: bare.to_owned(), name })
    }

    /// Who it is to be.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Goes on with the keys of that user.
    pub(super) fn answer(self, keys: Keys) -> Awaiting {
        let nonce = format!("{}{}", self.nonce, keys.nonce);
        let server_first = format!("r={nonce},s={},i={}", STANDARD.encode(&keys.salt), keys.iterations);
        Awaiting { first: self, keys, nonce, server_first }
    }
}

impl Awaiting {
    /// `server-first-message`.
    pub(super) fn server_first(&self) -> &str {
        &self.server_first
    }

    /// Reads `client-final-message`: who it is, and the `server-final-message` if the proof fits.
    pub(super) fn finish(self, text: &str) -> Result<(String, Option<String>), SaslError> {
        let (without_proof, proof) = text.rsplit_once(",p=").ok_or(SaslError::Malformed)?;
        let mut attributes = without_proof.split(',');
        let binding = attributes.next().and_then(|part| part.strip_prefix("c="));
        let nonce = attributes.next().and_then(|part| part.strip_prefix("r="));
        let proof = STANDARD.decode(proof).map_err(|_| SaslError::Malformed)?;
        if binding != Some(STANDARD.encode(&self.first.header).as_str()) || nonce != Some(&self.nonce) {
            return Err(SaslError::Malformed);
        }
        let auth_message = format!("{},{},{without_proof}", self.first.bare, self.server_first);
        let signature = hmac(&self.keys.stored_key, auth_message.as_bytes());
        let client_key: Vec<u8> = proof.iter().zip(signature).map(|(proof, sign)| proof ^ sign).collect();
        let fits = proof.len() == 32 && equal(&Sha256::digest(client_key), &self.keys.stored_key);
        let server_final = || {
            let signature = hmac(&self.keys.server_key, auth_message.as_bytes());
            format!("v={}", STANDARD.encode(signature))
        };
        let server_final = fits.then(server_final);
        Ok((self.first.name, server_final))
    }
}

/// Reads `saslname`: RFC 5802 section 5.1.
pub(super) fn name(escaped: &str) -> Option<String> {
    let mut parts = escaped.split('=');
    let mut name = parts.next()?.to_owned();
    for part in parts {
        let (escape, rest) = (part.get(..2)?, part.get(2..)?);
        name.push(match escape {
            "2C" => ',',
            "3D" => '=',
            _ => return None,
        });
        name.push_str(rest);
    }
    (!name.is_empty() && !name.chars().any(char::is_control)).then_some(name)
}
