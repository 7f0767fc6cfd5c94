//! Tests of `Accounts`: who is let in, and how often it may be tried.

use std::collections::BTreeSet;
use std::net::IpAddr;

use policy::check::Environment;
use policy::limits::GUESSES_CLIENT_MAX;
use store::MemoryStore;

use super::*;
use crate::Service;
use crate::app_passwords::NewAppPassword;

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000)
    }
}

type Sender = watch::Sender<Arc<Configuration>>;

fn configuration(secret: &str) -> Arc<Configuration> {
    let environment = Environment { hostname: Some("mx.example.org".to_owned()), ..Environment::default() };
    let settings = format!(
        r#"{{"Domain": [{{"name": "example.org"}}], "Account": [
            {{"name": "anna@example.org", "secret": "{secret}", "aliases": ["info@example.org"]}},
            {{"name": "bert@example.org"}}]}}"#
    );
    Arc::new(Configuration::from_settings_json(&settings, &environment).unwrap())
}

fn accounts() -> (Accounts, Arc<MemoryStore>, Sender) {
    let store = Arc::new(MemoryStore::new());
    let (sender, receiver) = watch::channel(configuration("secret"));
    (Accounts::new(receiver, store.clone(), Arc::new(Fixed)), store, sender)
}

fn client(number: u8) -> Client {
    Client { address: IpAddr::from([192, 0, 2, number]), service: Service::Imap }
}

async fn login(accounts: &Accounts, number: u8, name: &str, password: &str) -> Authentication {
    let credentials = Credentials::Password { name: name.to_owned(), password: password.to_owned() };
    accounts.authenticate(client(number), credentials).await
}

fn is(found: &Authentication, name: &str) -> bool {
    matches!(found, Authentication::Is(account) if account.name.to_string() == name)
}

// proves: L2
#[tokio::test]
async fn an_account_is_known_by_its_name_its_aliases_and_in_the_default_domain() {
    let (accounts, _, _sender) = accounts();
    for name in ["anna@example.org", "ANNA@Example.org", "info@example.org", "anna"] {
        assert!(is(&login(&accounts, 1, name, "secret").await, "anna@example.org"), "{name}");
    }
    for (name, password) in [
        ("anna", "Secret"),
        ("bert", ""),
        ("bert", "secret"),
        ("nobody", "secret"),
        ("", "secret"),
        ("a b", "secret"),
    ] {
        let found = login(&accounts, 2, name, password).await;
        assert_eq!(found, Authentication::IsNot, "{name}");
        login(&accounts, 2, "anna", "secret").await;
    }
}

// proves: H23, L2
#[tokio::test]
async fn guesses_are_counted_for_all_services_together() {
    let (accounts, _, _sender) = accounts();
    for number in 0..GUESSES_CLIENT_MAX {
        let service = Service::ALL[number as usize % 4];
        let credentials = Credentials::Password { name: "anna".to_owned(), password: "wrong".to_owned() };
        let found = accounts.authenticate(Client { service, ..client(1) }, credentials).await;
        assert_ne!(found, Authentication::NotNow, "{number}");
    }
    assert_eq!(login(&accounts, 1, "anna", "secret").await, Authentication::NotNow);
    assert!(accounts.scram_keys(client(1), "anna").await.is_none());
    for proven in [false, true] {
        assert_eq!(accounts.scram_done(client(1), "anna", proven).await, Authentication::NotNow);
    }
}

#[tokio::test]
async fn a_password_that_was_changed_is_good_no_longer_though_it_was_right_a_moment_ago() {
    let (accounts, _, sender) = accounts();
    assert!(is(&login(&accounts, 1, "anna", "secret").await, "anna@example.org"));
    assert!(is(&login(&accounts, 1, "anna", "secret").await, "anna@example.org"));
    sender.send(configuration("other")).unwrap();
    assert_eq!(login(&accounts, 1, "anna", "secret").await, Authentication::IsNot);
    assert!(is(&login(&accounts, 1, "anna", "other").await, "anna@example.org"));
}

#[tokio::test]
async fn an_app_password_is_good_beside_the_password_and_where_there_is_none() {
    let (accounts, store, _sender) = accounts();
    let name = Address::parse("bert@example.org").unwrap();
    let services = BTreeSet::from([Service::Imap]);
    let new = NewAppPassword { account: name, description: "phone".to_owned(), services, expires: None };
    let (_, password) = app_passwords::create(&*store, new, Fixed.now()).await.unwrap();
    assert!(is(&login(&accounts, 1, "bert", &password).await, "bert@example.org"));
    assert_eq!(login(&accounts, 1, "anna", &password).await, Authentication::IsNot);
    let credentials = Credentials::Password { name: "bert".to_owned(), password };
    let by_smtp = Client { service: Service::Smtp, ..client(1) };
    assert_eq!(accounts.authenticate(by_smtp, credentials).await, Authentication::IsNot);
}

// proves: L2
#[tokio::test]
async fn the_keys_of_a_name_outlast_a_restart_and_do_not_tell_whether_it_is_there() {
    let (accounts, store, _sender) = accounts();
    let before = accounts.scram_keys(client(1), "nobody").await.unwrap();
    let (_sender, receiver) = watch::channel(configuration("secret"));
    let after = Accounts::new(receiver, store, Arc::new(Fixed));
    let after = after.scram_keys(client(1), "nobody@example.org").await.unwrap();
    assert_eq!((before.salt, before.stored_key), (after.salt, after.stored_key));
}
