//! With which keys is a password proven without being sent (RFC 5802 section 3, RFC 7677)?
//!
//! They stand behind the argon2id hash of an account's secret, after a space, in the form of RFC 5803. Where they do not
//! there are none, and to make them of a password at each login would take a time that tells who is there.

use std::num::NonZeroU32;

use aws_lc_rs::{digest, hmac, pbkdf2};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use policy::settings::Secret;

use crate::ScramKeys;
use crate::password::is_hash;

/// How often a password is hashed; clients do as much at each login.
pub const ITERATIONS: u32 = 50_000;
/// More than this is not taken from what was stored.
const ITERATIONS_MAX: u32 = 10_000_000;
/// Bytes of a salt.
const SALT_BYTES: usize = 16;
const PREFIX: &str = "SCRAM-SHA-256$";

/// The keys of a password as they are written down (RFC 5803).
pub fn written(password: &str) -> String {
    let mut salt = [0_u8; SALT_BYTES];
    aws_lc_rs::rand::fill(&mut salt).expect("chance never fails");
    let keys = derive(password, &salt, ITERATIONS);
    let (salt, stored) = (STANDARD.encode(&keys.salt), STANDARD.encode(keys.stored_key));
    format!("{PREFIX}{}:{salt}${stored}:{}", keys.iterations, STANDARD.encode(keys.server_key))
}

/// What is never the same twice, for our part of a nonce: printable, without a comma.
pub fn nonce() -> String {
    let mut chance = [0_u8; 18];
    aws_lc_rs::rand::fill(&mut chance).expect("chance never fails");
    STANDARD.encode(chance)
}

/// The hash of a secret, and the keys that stand behind it.
pub(crate) fn split(secret: &str) -> (&str, Option<&str>) {
    match secret.split_once(' ') {
        Some((hash, keys)) if is_hash(hash) => (hash, Some(keys)),
        _ => (secret, None),
    }
}

/// Whether keys are known for this secret.
pub fn has_keys(secret: &Secret) -> bool {
    split(secret.expose()).1.is_some_and(|keys| read(keys).is_some())
}

/// The keys that belong to this secret, or those that nobody can prove. `pepper` is known to this server only: the salt
/// of a name stays what it is, whether anybody has the name or not.
pub(crate) fn keys(secret: Option<&Secret>, name: &str, pepper: &hmac::Key) -> ScramKeys {
    let salt = hmac::sign(pepper, name.as_bytes());
    let salt = &salt.as_ref()[..SALT_BYTES];
    let found = secret.and_then(|secret| read(split(secret.expose()).1?));
    found.unwrap_or_else(|| impossible(name, salt, pepper))
}

/// Nobody knows anything that has these keys.
fn impossible(name: &str, salt: &[u8], pepper: &hmac::Key) -> ScramKeys {
    let of = |which: &[u8]| {
        let mut context = hmac::Context::with_key(pepper);
        context.update(which);
        context.update(name.as_bytes());
        array(context.sign().as_ref())
    };
    ScramKeys {
        salt: salt.to_vec(),
        iterations: ITERATIONS,
        stored_key: of(b"\0stored"),
        server_key: of(b"\0server"),
    }
}

fn derive(password: &str, salt: &[u8], iterations: u32) -> ScramKeys {
    let mut salted = [0_u8; 32];
    let times = NonZeroU32::new(iterations).unwrap_or(NonZeroU32::MIN);
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, times, salt, password.as_bytes(), &mut salted);
    let key = hmac::Key::new(hmac::HMAC_SHA256, &salted);
    let client_key = hmac::sign(&key, b"Client Key");
    ScramKeys {
        salt: salt.to_vec(),
        iterations,
        stored_key: array(digest::digest(&digest::SHA256, client_key.as_ref()).as_ref()),
        server_key: array(hmac::sign(&key, b"Server Key").as_ref()),
    }
}

/// Reads what [`written`] wrote.
fn read(text: &str) -> Option<ScramKeys> {
    let (head, keys) = text.strip_prefix(PREFIX)?.split_once('$')?;
    let (iterations, salt) = head.split_once(':')?;
    let (stored, server) = keys.split_once(':')?;
    let key = |text: &str| <[u8; 32]>::try_from(STANDARD.decode(text).ok()?).ok();
    let iterations = iterations.parse().ok().filter(|count| (1..=ITERATIONS_MAX).contains(count))?;
    let salt = STANDARD.decode(salt).ok().filter(|salt| !salt.is_empty())?;
    Some(ScramKeys { salt, iterations, stored_key: key(stored)?, server_key: key(server)? })
}

fn array(bytes: &[u8]) -> [u8; 32] {
    bytes.try_into().expect("SHA-256 makes 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pepper() -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &[7; 32])
    }

    #[test]
    fn the_keys_of_the_example_of_rfc_7677() {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let keys = derive("pencil", &salt, 4096);
        assert_eq!(STANDARD.encode(keys.stored_key), "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=");
        assert_eq!(STANDARD.encode(keys.server_key), "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
    }

    #[test]
    fn what_is_written_is_read() {
        let secret = Secret::new(format!("$argon2id$v=19$x {}", written("pencil")));
        assert!(has_keys(&secret));
        let one = keys(Some(&secret), "anna@example.org", &pepper());
        let again = derive("pencil", &one.salt, one.iterations);
        assert_eq!((one.stored_key, one.server_key), (again.stored_key, again.server_key));
        for broken in ["SCRAM-SHA-256$0:YQ==$a:b", "SCRAM-SHA-256$", "", "SCRAM-SHA-1$1:YQ==$YQ==:YQ=="] {
            assert!(read(broken).is_none(), "{broken}");
        }
    }

    // proves: L2
    #[test]
    fn a_name_that_nobody_has_gets_the_same_keys_each_time_and_others_than_any_other_name() {
        let of = |name| keys(None, name, &pepper());
        let (one, again, other) = (of("a@example.org"), of("a@example.org"), of("b@example.org"));
        assert_eq!((&one.salt, one.stored_key), (&again.salt, again.stored_key));
        assert!(one.salt != other.salt && one.stored_key != other.stored_key);
        let hash_only = keys(Some(&Secret::new("$argon2id$v=19$x")), "a@example.org", &pepper());
        assert_eq!(hash_only.stored_key, one.stored_key);
        let known = Secret::new(format!("$argon2id$v=19$x {}", written("pencil")));
        let known = keys(Some(&known), "a@example.org", &pepper());
        assert_eq!((known.salt.len(), known.iterations), (one.salt.len(), one.iterations));
        assert_ne!(known.stored_key, one.stored_key);
    }
}
