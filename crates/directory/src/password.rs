//! Is this the password of an account? Costs the same whether there is such an account or not.

use argon2::Argon2;
use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc::PasswordHash;
use policy::settings::Secret;
use subtle::ConstantTimeEq;

use crate::scram;

/// Bytes of a password at most: hashing more is work that anybody could make us do.
pub(crate) const PASSWORD_BYTES_MAX: usize = 1024;

/// The work of one argon2id hash is done in every case, so that the time says nothing.
pub(crate) fn verify(secret: Option<&Secret>, password: &str) -> bool {
    let text = secret.map(|secret| scram::split(secret.expose()).0);
    let hash = text.and_then(|text| PasswordHash::new(text).ok());
    if let Some(hash) = hash {
        return Argon2::default().verify_password(password.as_bytes(), &hash).is_ok();
    }
    let mut digest = [0_u8; 32];
    let _ = Argon2::default().hash_password_into(password.as_bytes(), b"no such account", &mut digest);
    std::hint::black_box(digest);
    text.is_some_and(|text| !is_hash(text) && bool::from(text.as_bytes().ct_eq(password.as_bytes())))
}

/// Whether this is written as a hash: one that cannot be read is nobody's password.
pub(crate) fn is_hash(secret: &str) -> bool {
    secret.starts_with('$')
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::password_hash::PasswordHasher;

    // proves: L2
    #[test]
    fn hashes_and_plain_texts_are_compared() {
        let hash = Argon2::default().hash_password_with_salt(b"secret", b"0123456789abcdef").unwrap();
        let hash = Secret::new(hash.to_string());
        assert!(verify(Some(&hash), "secret"));
        assert!(!verify(Some(&hash), "Secret"));
        assert!(!verify(Some(&hash), hash.expose()));
        let plain = Secret::new("secret");
        assert!(verify(Some(&plain), "secret"));
        assert!(!verify(Some(&plain), "Secret"));
        assert!(!verify(Some(&plain), ""));
        assert!(!verify(None, "secret"));
        let broken = Secret::new("$argon2id$v=19$broken");
        assert!(!verify(Some(&broken), "$argon2id$v=19$broken"));
    }
}
