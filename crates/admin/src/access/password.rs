//! Is this the password? argon2id, a few at a time; costs the same whether there is such a name or not.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

use super::{Refusal, records};

/// Passwords hashed at once: each takes some 20 MiB and a core.
const HASHES_MAX: usize = 2;
/// Hashes that wait for their turn at most; who comes then is told to come later.
const WAITING_MAX: usize = 32;
/// Characters of a password at least (NIST SP 800-63B section 5.1.1.2 demands 8).
pub const PASSWORD_CHARS_MIN: usize = 12;
/// Bytes of a password at most: hashing more is work that anybody could make us do.
pub const PASSWORD_BYTES_MAX: usize = 1024;
/// Bytes of chance in a salt.
const SALT_BYTES: usize = 16;

/// Words that everybody tries first; a password must have more to it than one of them and a few characters.
const WORN: &[&str] = &[
    "password",
    "passwort",
    "waypost",
    "administrator",
    "changeme",
    "letmein",
    "welcome",
    "qwertyuiop",
    "qwerty",
    "123456789",
    "1234567890",
    "abcdefgh",
    "iloveyou",
    "postmaster",
    "secret",
];

/// Whether a password may be taken for this name; the reason if not.
pub fn check_rules(name: &str, password: &str) -> Result<(), String> {
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(format!("must not be longer than {PASSWORD_BYTES_MAX} bytes"));
    }
    if password.chars().count() < PASSWORD_CHARS_MIN {
        return Err(format!("must have at least {PASSWORD_CHARS_MIN} characters"));
    }
    let folded = password.to_lowercase();
    let mut kinds: Vec<char> = folded.chars().collect();
    kinds.sort_unstable();
    kinds.dedup();
    if kinds.len() < 5 {
        return Err("must have at least 5 different characters".to_owned());
    }
    let rest = |word: &str| folded.replace(word, "").chars().count();
    let name = name.to_lowercase();
    if name.len() >= 3 && folded.contains(&name) && rest(&name) < 8 {
        return Err("must have more to it than the name".to_owned());
    }
    if WORN.iter().any(|word| folded.contains(word) && rest(word) < 8) {
        return Err("must have more to it than a word that everybody tries first".to_owned());
    }
    Ok(())
}

/// The argon2id hash of a password, as a PHC string; takes some 20 MiB and 20 ms.
pub fn hash_of(password: &str) -> Result<String, String> {
    let salt: [u8; SALT_BYTES] = records::chance();
    let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
    hash.map(|hash| hash.to_string()).map_err(|error| error.to_string())
}

/// The same for the settings, where an account's password is written.
pub fn password_hash(password: &str) -> String {
    hash_of(password).expect("argon2id takes every password")
}

/// Whether the password is that of the hash. Without a hash the same work is done, so that the time says nothing.
fn verify(hash: Option<&str>, password: &str) -> bool {
    if let Some(hash) = hash.and_then(|hash| PasswordHash::new(hash).ok()) {
        return Argon2::default().verify_password(password.as_bytes(), &hash).is_ok();
    }
    let mut digest = [0_u8; 32];
    let _ = Argon2::default().hash_password_into(password.as_bytes(), b"no such administrator", &mut digest);
    std::hint::black_box(digest);
    false
}

/// Hashes on blocking threads, a few at a time.
#[derive(Clone, Debug)]
pub(super) struct Passwords {
    turns: Arc<Semaphore>,
    room: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        let room = Arc::new(Semaphore::new(HASHES_MAX + WAITING_MAX));
        Passwords { turns: Arc::new(Semaphore::new(HASHES_MAX)), room }
    }
}

impl Passwords {
    /// The hash of a password.
    pub(super) async fn hash(&self, password: String) -> Result<String, Refusal> {
        self.work(move || hash_of(&password)).await?.map_err(|why| Refusal::Invalid("password", why))
    }

    /// Whether the password is that of the hash; takes the same time without one.
    pub(super) async fn is_right(&self, hash: Option<String>, password: String) -> Result<bool, Refusal> {
        if password.len() > PASSWORD_BYTES_MAX {
            return Ok(false);
        }
        self.work(move || verify(hash.as_deref(), &password)).await
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
        let busy = |_| Refusal::NotNow(std::time::Duration::from_secs(5));
        let place = Arc::clone(&self.room).try_acquire_owned().map_err(busy)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| Refusal::Ending)?;
        // Whoever asked may go away: the work is done to its end, and holds its place until then.
        let working = tokio::task::spawn_blocking(move || {
            let (_place, _turn) = (place, turn);
            work()
        });
        working.await.map_err(|_| Refusal::Ending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_long_and_not_worn() {
        for (password, good) in [
            ("correct horse battery", true),
            ("short", false),
            ("aaaaaaaaaaaaaaaaaaaa", false),
            ("abababababababababab", false),
            ("Password1234", false),
            ("waypost-2026!", false),
            ("alice-and-her-cat", true),
            ("alicealice12", false),
            ("пароль-очень-длинный", true),
        ] {
            assert_eq!(check_rules("alice", password).is_ok(), good, "{password}");
        }
        assert!(check_rules("alice", &"correct horse battery".repeat(100)).is_err());
    }

    #[test]
    fn a_hash_has_its_own_salt_and_knows_its_password() {
        let (one, other) = (hash_of("correct horse").unwrap(), hash_of("correct horse").unwrap());
        assert!(one.starts_with("$argon2id$") && one != other);
        assert!(verify(Some(&one), "correct horse"));
        assert!(!verify(Some(&one), "Correct horse"));
        assert!(!verify(Some("rubbish"), "rubbish"));
        assert!(!verify(None, "correct horse"));
    }

    // proves: L2
    #[tokio::test]
    async fn no_more_is_hashed_at_once_than_there_is_room_for() {
        let passwords = Passwords::default();
        let held = Arc::clone(&passwords.turns).acquire_many_owned(u32::try_from(HASHES_MAX).unwrap()).await;
        let mut waiting = tokio::task::JoinSet::new();
        for _ in 0..HASHES_MAX + WAITING_MAX {
            let passwords = passwords.clone();
            waiting.spawn(async move { passwords.is_right(None, "x".to_owned()).await.is_ok() });
        }
        while passwords.room.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let refused = passwords.is_right(None, "x".to_owned()).await;
        assert!(matches!(refused, Err(Refusal::NotNow(_))), "{refused:?}");
        waiting.abort_all();
        drop(held);
    }
}
