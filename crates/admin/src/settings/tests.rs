//! Changes as several people make them at once, and as they are found again after something went wrong.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use directory::app_passwords::{self, NewAppPassword};
use mail::Address;
use mta::World;
use mta::world::Forget;
use policy::Configuration;
use policy::check::Environment;
use policy::registry::{CreationIds, Registry, SetRequest};
use policy::settings::{ObjectType, SecretReference, Settings as AllSettings};
use serde_json::{Value, json};
use store::KeyChange;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::stored::{SETTINGS_SPACE, UNDO_SPACE};
use super::*;
use crate::testing::{HandClock, world_and_clock};

/// A machine on which nothing lies outside the settings.
#[derive(Default)]
struct Bare {
    in_force: Mutex<Vec<Configuration>>,
}

#[async_trait]
impl Outside for Bare {
    async fn environment(&self, _: &AllSettings) -> Environment {
        Environment::default()
    }

    async fn allowed(&self, _: &SecretReference) -> Result<(), String> {
        Ok(())
    }
}

#[async_trait]
impl Machine for Bare {
    fn put_in_force(&self, configuration: Configuration) {
        self.in_force.lock().unwrap().push(configuration);
    }

    async fn load_file(&self) -> Result<FromFile, Vec<Remark>> {
        Err(Vec::new())
    }

    fn reload_certificates(&self) -> Result<(), String> {
        Ok(())
    }

    fn reload_lookup_stores(&self) {}

    fn forget(&self, _: Forget) {}
}

struct Stage {
    world: World,
    clock: Arc<HandClock>,
    machine: Arc<Bare>,
    settings: Settings,
    _owner: JoinSet<()>,
}

impl Stage {
    async fn new() -> Self {
        let (world, clock) = world_and_clock();
        let registry = Registry::fresh();
        let configuration = judge::judge(&Bare::default(), &registry).await.configuration.unwrap();
        let now = world.clock.now();
        let about = ("waypost", "a fresh system".to_owned());
        take_over(&*world.store, registry, (configuration, Vec::new()), about, now).await.unwrap();
        Self::again(world, clock).await.unwrap()
    }

    /// What a start finds in this world.
    async fn again(world: World, clock: Arc<HandClock>) -> Result<Self, StartError> {
        let machine = Arc::new(Bare::default());
        let now = world.clock.now();
        let stored = read_stored(&*world.store, now).await?.unwrap();
        let Started { current, .. } = resume(&*world.store, &*machine, stored, now).await?;
        let (settings, owner) = Settings::new(world.clone(), machine.clone(), current, hash);
        let mut tasks = JoinSet::new();
        tasks.spawn(owner.run(CancellationToken::new()));
        Ok(Stage { world, clock, machine, settings, _owner: tasks })
    }

    async fn restarted(self) -> Result<Self, StartError> {
        Self::again(self.world, self.clock).await
    }

    async fn set(&self, kind: ObjectType, arguments: Value) -> Outcome {
        self.settings.propose(proposal(kind, &arguments)).await.unwrap()
    }

    async fn write(&self, change: KeyChange) {
        self.world.store.change(vec![change], self.world.clock.now()).await.unwrap();
    }

    fn domains(&self) -> usize {
        self.settings.current().registry.ids(ObjectType::Domain).len()
    }
}

fn proposal(kind: ObjectType, arguments: &Value) -> Proposal {
    let request = SetRequest::from_arguments(arguments).unwrap();
    let draft = Draft::Parts { parts: vec![(kind, request)], created: CreationIds::new(), whole: false };
    Proposal::new(draft, "ann")
}

fn hash(password: &str) -> String {
    format!("$argon2id${}", password.len())
}

fn domain(name: &str) -> Value {
    json!({ "create": { "d": { "name": name } } })
}

// proves: J11
#[tokio::test]
async fn of_those_who_read_the_same_state_one_changes_it() {
    let stage = Stage::new().await;
    let mut tasks = JoinSet::new();
    for number in 0..20 {
        let settings = stage.settings.clone();
        tasks.spawn(async move {
            let of = proposal(ObjectType::Domain, &domain(&format!("d{number}.example")));
            settings.propose(Proposal { if_in_state: Some("1".to_owned()), ..of }).await
        });
    }
    let outcomes = tasks.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let late = |outcome: &Result<_, _>| matches!(outcome, Err(Refusal::StateMismatch { .. }));
    assert_eq!(outcomes.iter().filter(|outcome| late(outcome)).count(), 19);
    assert_eq!(stage.domains(), 1);
}

#[tokio::test]
async fn nothing_that_several_change_at_once_is_lost() {
    let stage = Stage::new().await;
    let mut tasks = JoinSet::new();
    for number in 0..20 {
        let settings = stage.settings.clone();
        let of = proposal(ObjectType::Domain, &domain(&format!("d{number}.example")));
        tasks.spawn(async move { settings.propose(of).await.unwrap() });
    }
    tasks.join_all().await;
    assert_eq!((stage.domains(), stage.settings.current().revision), (20, 21));
    let in_force = stage.machine.in_force.lock().unwrap().last().unwrap().domains.len();
    assert_eq!(in_force, 20);
    let stage = stage.restarted().await.unwrap();
    assert_eq!((stage.domains(), stage.settings.current().revision), (20, 21));
}

#[tokio::test]
async fn every_revision_can_be_seen_again() {
    let stage = Stage::new().await;
    let mut states = vec![Registry::default(), stage.settings.current().registry.clone()];
    for number in 0..6 {
        stage.set(ObjectType::Domain, domain(&format!("d{number}.example"))).await;
        states.push(stage.settings.current().registry.clone());
    }
    stage
        .set(ObjectType::Domain, json!({ "destroy": ["b"], "update": { "c": { "description": "new" } } }))
        .await;
    for (number, state) in states.iter().enumerate().skip(1) {
        let found = stage.settings.registry_at(number as u64).await.unwrap();
        assert_eq!(state.diff(&found), [], "{number}");
    }
    assert!(matches!(stage.settings.registry_at(99).await, Err(Refusal::NotFound(_))));
    assert!(matches!(stage.settings.registry_at(0).await, Err(Refusal::NotFound(_))));
}

#[tokio::test]
async fn what_changes_nothing_makes_no_revision() {
    let stage = Stage::new().await;
    let dry = Proposal { dry_run: true, ..proposal(ObjectType::Domain, &domain("a.example")) };
    let outcome = stage.settings.propose(dry).await.unwrap();
    assert!(outcome.changed && outcome.differences.len() == 1);
    assert_eq!(stage.settings.current().revision, 1);
    let same = json!({ "update": { "singleton": {} } });
    assert!(!stage.set(ObjectType::System, same).await.changed);
    let refused = stage.set(ObjectType::Domain, domain("not a domain")).await;
    assert_eq!(refused.outcomes[0].not_created.len(), 1);
    assert_eq!(stage.settings.current().revision, 1);
}

#[tokio::test]
async fn what_the_check_refuses_is_laid_at_the_right_door() {
    let stage = Stage::new().await;
    // The check of the whole alone knows that a user name needs a secret.
    let routes = json!({ "create": {
        "good": { "@type": "Mx", "name": "more" },
        "bad": { "@type": "Relay", "name": "relay", "address": "192.0.2.1", "authUsername": "ann" },
    } });
    let outcome = stage.set(ObjectType::Route, routes).await;
    let part = &outcome.outcomes[0];
    let of = |list: &[(String, String)]| list.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>();
    assert_eq!((of(&part.created), outcome.current.revision), (vec!["good".to_owned()], 2));
    let (key, error) = &part.not_created[0];
    assert_eq!(
        (key.as_str(), error.properties.as_slice()),
        ("bad", &["authSecret".to_owned()][..]),
        "{error:?}"
    );
    // What breaks is an object that nobody touched: then what broke it is refused.
    stage.set(ObjectType::Domain, domain("a.example")).await;
    stage.set(ObjectType::Account, json!({ "create": { "z": { "name": "zed@a.example" } } })).await;
    let taken =
        json!({ "create": { "a": { "name": "ann@a.example", "aliases": { "zed@a.example": true } } } });
    let outcome = stage.set(ObjectType::Account, taken).await;
    let (_, error) = &outcome.outcomes[0].not_created[0];
    assert!(error.description.contains("Account zed@a.example"), "{error:?}");
    assert_eq!(outcome.current.revision, 4);
}

#[tokio::test]
async fn a_trial_goes_back_at_its_end_or_at_the_next_start() {
    let stage = Stage::new().await;
    let within = |minutes: u64| Some(Duration::from_secs(60 * minutes));
    let trial =
        |name: &str| Proposal { confirm_within: within(10), ..proposal(ObjectType::Domain, &domain(name)) };
    stage.settings.propose(trial("a.example")).await.unwrap();
    let refused = stage.settings.propose(proposal(ObjectType::Domain, &domain("b.example"))).await;
    assert!(matches!(refused, Err(Refusal::Forbidden(_))));
    // A trial within the trial is part of it.
    stage.settings.propose(trial("c.example")).await.unwrap();
    assert_eq!(stage.settings.current().waiting.as_ref().unwrap().back_to, 1);
    stage.clock.pass(Duration::from_secs(11 * 60));
    let stage = stage.restarted().await.unwrap();
    assert_eq!((stage.domains(), stage.settings.current().revision), (0, 4));
    assert!(stage.settings.current().waiting.is_none());
    stage.settings.propose(trial("a.example")).await.unwrap();
    stage.settings.confirm(5).await.unwrap();
    stage.clock.pass(Duration::from_secs(11 * 60));
    let stage = stage.restarted().await.unwrap();
    assert_eq!((stage.domains(), stage.settings.current().revision), (1, 5));
    assert!(matches!(stage.settings.confirm(5).await, Err(Refusal::NotFound(_))));
}

#[tokio::test]
async fn a_trial_within_a_trial_ends_no_earlier() {
    let stage = Stage::new().await;
    let begun = stage.world.clock.now();
    for (name, seconds, expected) in [("a.example", 600, 600), ("b.example", 1, 600), ("c.example", 900, 900)]
    {
        let within = Some(Duration::from_secs(seconds));
        let trial = Proposal { confirm_within: within, ..proposal(ObjectType::Domain, &domain(name)) };
        let outcome = stage.settings.propose(trial).await.unwrap();
        let by = outcome.current.waiting.as_ref().unwrap().by;
        assert_eq!(by, begun.plus(Duration::from_secs(expected)), "{name}");
    }
}

#[tokio::test]
async fn damaged_settings_give_way_to_the_last_that_can_be_used() {
    let stage = Stage::new().await;
    stage.set(ObjectType::Domain, domain("a.example")).await;
    stage.set(ObjectType::Domain, domain("b.example")).await;
    // As a newer program might have left it: an object that this one cannot read as such.
    stage.write(KeyChange::put(SETTINGS_SPACE, b"object/Domain/b", r#"{"name":5}"#, None)).await;
    let stage = stage.restarted().await.unwrap();
    let current = stage.settings.current();
    assert_eq!((current.revision, current.in_force), (3, 2));
    assert!(current.remarks.iter().any(|remark| remark.is_error));
    // It is mended by going back.
    let registry = stage.settings.registry_at(2).await.unwrap();
    let mended = Proposal::new(Draft::Registry(Box::new(registry)), "ann");
    stage.settings.propose(mended).await.unwrap();
    let stage = stage.restarted().await.unwrap();
    assert_eq!(
        (stage.settings.current().revision, stage.settings.current().in_force, stage.domains()),
        (4, 4, 1)
    );
}

#[tokio::test]
async fn rubbish_in_the_store_starts_nothing_by_accident() {
    let stage = Stage::new().await;
    stage.write(KeyChange::put(SETTINGS_SPACE, b"object/MtaRoute/a", "{", None)).await;
    stage.write(KeyChange::put(UNDO_SPACE, b"rubbish", "{", None)).await;
    let stored = read_stored(&*stage.world.store, stage.world.clock.now()).await.unwrap().unwrap();
    assert_eq!(stored.damaged.len(), 1, "{:?}", stored.damaged);
    // The strategy names the route that cannot be read, and there is nothing to go back to.
    assert!(matches!(stage.restarted().await, Err(StartError::Unusable(_))));
}

#[tokio::test]
async fn settings_of_a_newer_program_are_used_and_not_changed() {
    let stage = Stage::new().await;
    let about = json!({ "version": 99, "revision": 7, "next": {}, "waiting": null, "novelty": true });
    stage.write(KeyChange::put(SETTINGS_SPACE, b"about", about.to_string(), None)).await;
    let stage = stage.restarted().await.unwrap();
    let refused = stage.settings.propose(proposal(ObjectType::Domain, &domain("a.example"))).await;
    let Err(Refusal::Forbidden(why)) = refused else { panic!("{refused:?}") };
    assert!(why.contains("newer"), "{why}");
}

#[tokio::test]
async fn an_account_of_the_same_name_has_no_app_passwords_of_the_one_before() {
    let stage = Stage::new().await;
    let (store, now) = (&*stage.world.store, stage.world.clock.now());
    stage.set(ObjectType::Domain, domain("a.example")).await;
    let account = |name: &str| json!({ "create": { "x": { "name": format!("{name}@a.example") } } });
    let mut ids = Vec::new();
    for name in ["ann", "ben"] {
        let outcome = stage.set(ObjectType::Account, account(name)).await;
        ids.push(outcome.created.values().next().unwrap().clone());
        let new = NewAppPassword {
            account: Address::parse(&format!("{name}@a.example")).unwrap(),
            description: "phone".to_owned(),
            services: BTreeSet::new(),
            expires: None,
        };
        app_passwords::create(store, new, now).await.unwrap();
    }
    stage.set(ObjectType::Account, json!({ "destroy": [ids[0]] })).await;
    stage.set(ObjectType::Account, account("ann")).await;
    let left = app_passwords::all(store, 10, now).await.unwrap();
    assert_eq!(left.iter().map(|one| one.account.to_string()).collect::<Vec<_>>(), ["ben@a.example"]);
}

#[tokio::test]
async fn a_password_of_an_imported_file_is_kept_as_its_hash() {
    let stage = Stage::new().await;
    let file = json!({
        "Domain": [{ "name": "example.org" }], "Account": [{ "name": "ann@example.org", "secret": "in the clear" }],
    });
    let draft = Draft::Document(file.to_string());
    stage.settings.propose(Proposal::new(draft, "ann")).await.unwrap();
    let current = stage.settings.current();
    let (_, account) = current.registry.of(ObjectType::Account).next().unwrap();
    assert_eq!(account["secret"], "$argon2id$12");
}

#[tokio::test]
async fn an_object_that_cannot_be_read_makes_nobody_unknown_for_good() {
    let stage = Stage::new().await;
    stage.set(ObjectType::Domain, domain("a.example")).await;
    stage.set(ObjectType::Account, json!({ "create": { "z": { "name": "zed@a.example" } } })).await;
    stage.set(ObjectType::Domain, domain("c.example")).await;
    let account = stage.settings.current().registry.ids(ObjectType::Account)[0].to_string();
    let key = format!("object/Account/{account}");
    stage.write(KeyChange::put(SETTINGS_SPACE, key.as_bytes(), "{", None)).await;
    let (store, now) = (stage.world.store.clone(), stage.world.clock.now());
    let stored = read_stored(&*store, now).await.unwrap().unwrap();
    let started = resume(&*store, &Bare::default(), stored, now).await.unwrap();
    assert!(started.configuration.incomplete && started.configuration.accounts.is_empty());
    assert!(started.alarms.iter().any(|alarm| alarm.contains(&key)), "{:?}", started.alarms);
    // Reading again helps nothing; a change does, and what could not be read is gone with it.
    let stage = stage.restarted().await.unwrap();
    let incomplete = |stage: &Stage| stage.machine.in_force.lock().unwrap().last().unwrap().incomplete;
    stage.settings.reload().await.unwrap();
    assert!(incomplete(&stage));
    stage.set(ObjectType::Domain, domain("d.example")).await;
    assert!(!incomplete(&stage));
    let stage = stage.restarted().await.unwrap();
    assert_eq!((stage.domains(), stage.settings.current().lost.len()), (3, 0));
}

#[tokio::test]
async fn an_object_that_cannot_be_read_is_as_it_was_before_its_last_change() {
    let stage = Stage::new().await;
    stage.set(ObjectType::Domain, domain("a.example")).await;
    let id = stage.settings.current().registry.ids(ObjectType::Domain)[0].to_string();
    stage.set(ObjectType::Domain, json!({ "update": { &id: { "description": "new" } } })).await;
    stage.set(ObjectType::Domain, domain("c.example")).await;
    let key = format!("object/Domain/{id}");
    stage.write(KeyChange::put(SETTINGS_SPACE, key.as_bytes(), "{", None)).await;
    let (store, now) = (stage.world.store.clone(), stage.world.clock.now());
    let stored = read_stored(&*store, now).await.unwrap().unwrap();
    let started = resume(&*store, &Bare::default(), stored, now).await.unwrap();
    assert!(started.configuration.incomplete);
    assert_eq!(started.configuration.domains.len(), 2);
}
