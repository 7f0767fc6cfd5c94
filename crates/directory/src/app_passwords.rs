//! App passwords: made by us for one program each, shown once, taken back one by one.
//!
//! One has 100 bits of chance, so its SHA-256 cannot be guessed back and needs no slow hash: a program that opens ten
//! connections at once is let in without ten times 20 MiB and a core.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mail::{Address, Timestamp};
use serde::{Deserialize, Serialize};
use store::{KeyChange, KeyValues, StoreError};
use subtle::ConstantTimeEq;
use thiserror::Error;

use crate::Service;

/// App passwords of one account at most.
pub const APP_PASSWORDS_MAX: usize = 64;
/// Those that are looked at at once.
const PAGE: usize = 1_000;
/// How exact it is written down when one was last used.
const USED_WITHIN: Duration = Duration::from_secs(60 * 60);
/// Where they are.
const SPACE: &str = "app-password";
/// Where it is written when they were last used: apart, so that no use brings back what was taken back.
const USED_SPACE: &str = "app-password-used";
/// Whose each is, by its id.
const OWNER_SPACE: &str = "app-password-owner";
/// How long it is remembered when one was last used.
const USED_KEPT: Duration = Duration::from_secs(400 * 24 * 60 * 60);
/// Without those that look like others.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Letters of a group.
const GROUP: usize = 5;
/// Letters in all.
const LENGTH: usize = 20;
/// Bytes of an id, before they are written in hexadecimal digits.
const ID_BYTES: usize = 8;

/// One app password, without the password.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AppPassword {
    /// What it is called by; never used twice.
    pub id: String,
    /// The account's name.
    pub account: Address,
    /// For which program it was made.
    pub description: String,
    /// What it is good for; everything if empty.
    pub services: BTreeSet<Service>,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Option<Timestamp>,
    /// When it was last used, to the hour.
    pub last_used: Option<Timestamp>,
}

/// What somebody wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewAppPassword {
    /// The account's name.
    pub account: Address,
    /// For which program.
    pub description: String,
    /// What it is good for; everything if empty.
    pub services: BTreeSet<Service>,
    /// When it ends.
    pub expires: Option<Timestamp>,
}

/// Why none was made.
#[derive(Debug, Error)]
pub enum AppPasswordError {
    /// There are enough.
    #[error("the account has {APP_PASSWORDS_MAX} app passwords, and no more may be")]
    TooMany,
    /// The store is unwell.
    #[error("cannot be written down: {0}")]
    Store(#[from] StoreError),
}

/// As it lies in the store.
#[derive(Serialize, Deserialize)]
struct Kept {
    hash: String,
    description: String,
    #[serde(default)]
    services: Vec<String>,
    created: u64,
    #[serde(default)]
    expires: Option<u64>,
}

/// Makes one; the password is known to nobody but who gets it here. Two made at once may
/// pass the limit by one.
pub async fn create(
    values: &dyn KeyValues,
    new: NewAppPassword,
    now: Timestamp,
) -> Result<(AppPassword, String), AppPasswordError> {
    if of_account(values, &new.account, now).await?.len() >= APP_PASSWORDS_MAX {
        return Err(AppPasswordError::TooMany);
    }
    let (id, password) = (hexadecimal(&chance::<ID_BYTES>()), letters());
    let kept = Kept {
        hash: STANDARD.encode(hash(&password)),
        description: new.description.clone(),
        services: new.services.iter().map(|service| service.name().to_owned()).collect(),
        created: now.as_millis(),
        expires: new.expires.map(Timestamp::as_millis),
    };
    let value = serde_json::to_vec(&kept).expect("it is text and numbers");
    let owner = new.account.to_string().into_bytes();
    let changes = vec![
        KeyChange::put(SPACE, &key(&new.account, &id), value, new.expires),
        KeyChange::put(OWNER_SPACE, id.as_bytes(), owner, new.expires),
    ];
    values.change(changes, now).await?;
    let NewAppPassword { account, description, services, expires } = new;
    let made = AppPassword { id, account, description, services, created: now, expires, last_used: None };
    Ok((made, grouped(&password)))
}

/// Takes one back; whether it was there.
pub async fn remove(values: &dyn KeyValues, id: &str, now: Timestamp) -> Result<bool, StoreError> {
    let Some(account) = owner(values, id, now).await? else { return Ok(false) };
    values.change(removal(&key(&account, id), id).into(), now).await?;
    Ok(true)
}

/// What takes back those of all accounts that are not there any more: an account that comes later by the same name
/// is somebody else's.
pub async fn forgotten(
    values: &dyn KeyValues,
    is_there: impl Fn(&Address) -> bool + Send,
    now: Timestamp,
) -> Result<Vec<KeyChange>, StoreError> {
    let (mut changes, mut after) = (Vec::new(), None::<Vec<u8>>);
    loop {
        let page = values.scan(SPACE, after.as_deref(), PAGE, now).await?;
        let Some((last, _)) = page.last() else { return Ok(changes) };
        after = Some(last.to_vec());
        for (key, _) in &page {
            let Some((account, id)) = std::str::from_utf8(key).ok().and_then(|key| key.split_once('\0'))
            else {
                continue;
            };
            if Address::parse(account).is_ok_and(|account| !is_there(&account)) {
                changes.extend(removal(key, id));
            }
        }
    }
}

fn removal(key: &[u8], id: &str) -> [KeyChange; 3] {
    [
        KeyChange::remove(SPACE, key),
        KeyChange::remove(USED_SPACE, key),
        KeyChange::remove(OWNER_SPACE, id.as_bytes()),
    ]
}

/// One, by its id.
pub async fn one(
    values: &dyn KeyValues,
    id: &str,
    now: Timestamp,
) -> Result<Option<AppPassword>, StoreError> {
    let Some(account) = owner(values, id, now).await? else { return Ok(None) };
    Ok(of_account(values, &account, now).await?.into_iter().find(|one| one.id == id))
}

async fn owner(values: &dyn KeyValues, id: &str, now: Timestamp) -> Result<Option<Address>, StoreError> {
    if id.len() != ID_BYTES * 2 {
        return Ok(None);
    }
    let owner = values.value(OWNER_SPACE, id.as_bytes(), now).await?;
    Ok(owner.and_then(|owner| Address::parse(std::str::from_utf8(&owner).ok()?).ok()))
}

/// All of an account, in the order of their making.
pub async fn of_account(
    values: &dyn KeyValues,
    account: &Address,
    now: Timestamp,
) -> Result<Vec<AppPassword>, StoreError> {
    let prefix = key(account, "");
    let mut found = Vec::new();
    for (key, kept) in kept(values, account, now).await? {
        let id = String::from_utf8_lossy(&key[prefix.len()..]).into_owned();
        let used = values.value(USED_SPACE, &key, now).await?;
        found.push(shown(account.clone(), id, kept, used.as_deref()));
    }
    found.sort_by(|one, other| (one.created, &one.id).cmp(&(other.created, &other.id)));
    Ok(found)
}

/// Those of all accounts, by account, at most `limit`.
pub async fn all(
    values: &dyn KeyValues,
    limit: usize,
    now: Timestamp,
) -> Result<Vec<AppPassword>, StoreError> {
    let mut found = Vec::new();
    for (key, value) in values.scan(SPACE, None, limit, now).await? {
        let Some((account, id)) = std::str::from_utf8(&key).ok().and_then(|key| key.split_once('\0')) else {
            continue;
        };
        let (Ok(account), Ok(kept)) = (Address::parse(account), serde_json::from_slice(&value)) else {
            continue;
        };
        let used = values.value(USED_SPACE, &key, now).await?;
        found.push(shown(account, id.to_owned(), kept, used.as_deref()));
    }
    Ok(found)
}

/// Whether this is one of the account's for this service; the key of it.
pub(crate) async fn find(
    values: &dyn KeyValues,
    account: &Address,
    service: Service,
    password: &str,
    now: Timestamp,
) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(hash) = plain(password).map(|plain| hash(&plain)) else { return Ok(None) };
    let mut found = None;
    for (key, kept) in kept(values, account, now).await? {
        let is_it = STANDARD.decode(&kept.hash).is_ok_and(|known| bool::from(known.ct_eq(&hash)));
        let serves = kept.services.is_empty() || kept.services.iter().any(|name| name == service.name());
        let lasts = kept.expires.is_none_or(|end| now.as_millis() < end);
        if is_it && serves && lasts {
            found = Some(key);
        }
    }
    Ok(found)
}

/// Remembers that it was used; not each time.
pub(crate) async fn used(values: &dyn KeyValues, key: &[u8], now: Timestamp) -> Result<(), StoreError> {
    let last = values.value(USED_SPACE, key, now).await?.and_then(|value| number(&value));
    if last.is_some_and(|last| now.since(last) < USED_WITHIN) {
        return Ok(());
    }
    let digits = now.as_millis().to_string().into_bytes();
    values.put(USED_SPACE, key, digits.into(), Some(now.plus(USED_KEPT)), now).await
}

async fn kept(
    values: &dyn KeyValues,
    account: &Address,
    now: Timestamp,
) -> Result<Vec<(Vec<u8>, Kept)>, StoreError> {
    let prefix = key(account, "");
    let scanned = values.scan(SPACE, Some(&prefix), APP_PASSWORDS_MAX * 2, now).await?;
    let own = scanned.into_iter().take_while(|(key, _)| key.starts_with(&prefix));
    Ok(own.filter_map(|(key, value)| Some((key.to_vec(), serde_json::from_slice(&value).ok()?))).collect())
}

fn shown(account: Address, id: String, kept: Kept, used: Option<&[u8]>) -> AppPassword {
    AppPassword {
        id,
        account,
        description: kept.description,
        services: kept.services.iter().filter_map(|name| Service::named(name)).collect(),
        created: Timestamp::from_millis(kept.created),
        expires: kept.expires.map(Timestamp::from_millis),
        last_used: used.and_then(number),
    }
}

fn number(digits: &[u8]) -> Option<Timestamp> {
    std::str::from_utf8(digits).ok()?.parse().ok().map(Timestamp::from_millis)
}

fn key(account: &Address, id: &str) -> Vec<u8> {
    format!("{}\0{id}", account.to_string().to_lowercase()).into_bytes()
}

fn hash(plain: &str) -> [u8; 32] {
    digest::digest(&digest::SHA256, plain.as_bytes()).as_ref().try_into().expect("SHA-256 makes 32 bytes")
}

/// What was typed without blanks and hyphens, in lower case, if it can be one of ours at all.
fn plain(password: &str) -> Option<String> {
    let typed = password.chars().filter(|c| !matches!(c, ' ' | '-')).map(|c| c.to_ascii_lowercase());
    let plain: String = typed.take(LENGTH + 1).collect();
    (plain.len() == LENGTH && plain.bytes().all(|byte| LETTERS.contains(&byte))).then_some(plain)
}

fn letters() -> String {
    chance::<LENGTH>().iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect()
}

fn grouped(letters: &str) -> String {
    let groups: Vec<&str> = (0..LENGTH / GROUP).map(|at| &letters[at * GROUP..(at + 1) * GROUP]).collect();
    groups.join("-")
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn chance<const N: usize>() -> [u8; N] {
    let mut bytes = [0_u8; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("chance never fails");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::MemoryStore;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn anna() -> Address {
        Address::parse("anna@example.org").unwrap()
    }

    fn new(services: &[Service], expires: Option<Timestamp>) -> NewAppPassword {
        let services = services.iter().copied().collect();
        NewAppPassword { account: anna(), description: "phone".to_owned(), services, expires }
    }

    #[tokio::test]
    async fn it_is_good_for_its_account_its_services_and_its_time() {
        let store = MemoryStore::new();
        let end = NOW.plus(Duration::from_secs(60));
        let (made, password) = create(&store, new(&[Service::Imap], Some(end)), NOW).await.unwrap();
        assert_eq!(password.len(), 23);
        let typed = password.replace('-', " ").to_uppercase();
        let found = |account: Address, service, typed: String, now| {
            let store = &store;
            async move { find(store, &account, service, &typed, now).await.unwrap().is_some() }
        };
        assert!(found(anna(), Service::Imap, typed.clone(), NOW).await);
        assert!(!found(anna(), Service::Smtp, typed.clone(), NOW).await);
        let ann = Address::parse("ann@example.org").unwrap();
        assert!(!found(ann, Service::Imap, typed.clone(), NOW).await);
        let (_, later) = create(&store, new(&[], Some(end)), NOW).await.unwrap();
        assert!(remove(&store, &made.id, NOW).await.unwrap());
        assert!(!remove(&store, &made.id, NOW).await.unwrap());
        assert!(!found(anna(), Service::Imap, typed, NOW).await);
        assert!(found(anna(), Service::Imap, later.clone(), NOW).await);
        assert!(!found(anna(), Service::Imap, later, end).await);
    }

    #[tokio::test]
    async fn it_is_known_when_one_was_last_used_and_never_what_it_is() {
        let store = MemoryStore::new();
        let (made, password) = create(&store, new(&[], None), NOW).await.unwrap();
        let key = find(&store, &anna(), Service::Pop3, &password, NOW).await.unwrap().unwrap();
        used(&store, &key, NOW).await.unwrap();
        used(&store, &key, NOW.plus(USED_WITHIN / 2)).await.unwrap();
        let known = of_account(&store, &anna(), NOW).await.unwrap();
        assert_eq!(known, vec![AppPassword { last_used: Some(NOW), ..made.clone() }]);
        assert_eq!(all(&store, 10, NOW).await.unwrap(), known);
        assert_eq!(one(&store, &made.id, NOW).await.unwrap().as_ref(), known.first());
        let kept = store.scan(SPACE, None, 10, NOW).await.unwrap();
        let plain = password.replace('-', "");
        assert!(kept.iter().all(|(_, value)| !String::from_utf8_lossy(value).contains(&plain)));
    }

    #[tokio::test]
    async fn those_of_accounts_that_are_gone_are_forgotten() {
        let store = MemoryStore::new();
        let ben = Address::parse("Ben@example.org").unwrap();
        let (bens, password) =
            create(&store, NewAppPassword { account: ben.clone(), ..new(&[], None) }, NOW).await.unwrap();
        create(&store, new(&[], None), NOW).await.unwrap();
        let changes = forgotten(&store, |account| *account == anna(), NOW).await.unwrap();
        store.change(changes, NOW).await.unwrap();
        assert!(find(&store, &ben, Service::Imap, &password, NOW).await.unwrap().is_none());
        assert_eq!(one(&store, &bens.id, NOW).await.unwrap(), None);
        assert_eq!(all(&store, 10, NOW).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn there_are_so_many_of_an_account_at_most() {
        let store = MemoryStore::new();
        for _ in 0..APP_PASSWORDS_MAX {
            create(&store, new(&[], None), NOW).await.unwrap();
        }
        let refused = create(&store, new(&[], None), NOW).await;
        assert!(matches!(refused, Err(AppPasswordError::TooMany)));
    }

    #[test]
    fn what_cannot_be_one_is_not_looked_for() {
        for typed in ["", "secret", "abcde-abcde-abcde-abcd", "abcde-abcde-abcde-abcdl", "ä"] {
            assert_eq!(plain(typed), None, "{typed}");
        }
    }
}
