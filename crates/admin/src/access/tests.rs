//! Administrators, sessions, tokens and links over a store.

use std::net::IpAddr;
use std::time::Duration;

use mta::World;

use super::administrators::{AdministratorChange, NewAdministrator};
use super::proof::Shown;
use super::sessions::{SESSION_IDLE_MAX, SESSION_MAX, SESSIONS_EACH_MAX};
use super::tokens::{NewToken, TokenChange};
use super::*;
use crate::caller::{Caller, Proof, Role};
use crate::testing::{self, HandClock};

const PASSWORD: &str = "correct horse battery";
const OTHER_PASSWORD: &str = "staple the battery";

fn client(number: u8) -> Option<IpAddr> {
    Some(IpAddr::from([192, 0, 2, number]))
}

fn new(name: &str, role: Role) -> NewAdministrator {
    NewAdministrator { name: name.to_owned(), role, description: None, password: Some(PASSWORD.to_owned()) }
}

struct Place {
    world: World,
    clock: std::sync::Arc<HandClock>,
    access: Access,
}

async fn place() -> Place {
    let (world, clock) = testing::world_and_clock();
    let access = Access::open(&world, Vec::new()).await.unwrap();
    Place { world, clock, access }
}

async fn log_in(access: &Access, name: &str, password: &str) -> Result<sessions::Login, Refusal> {
    access.log_in(client(1), name, password.to_owned()).await
}

async fn asks(access: &Access, secret: &str) -> Result<Caller, Refusal> {
    access.identify(client(1), Shown::Cookie(secret.to_owned())).await.map(|(caller, _)| caller)
}

fn admin() -> Caller {
    Caller::new("local root", Role::Admin)
}

#[tokio::test]
async fn an_administrator_logs_in_asks_and_logs_out() {
    let Place { access, .. } = place().await;
    access.add_administrator(new("Alice", Role::Router)).await.unwrap();
    let login = log_in(&access, "alice", PASSWORD).await.unwrap();
    assert_eq!((login.name.as_str(), login.role), ("Alice", Role::Router));
    let caller = asks(&access, &login.secret).await.unwrap();
    assert_eq!((caller.role, caller.proof, caller.address), (Role::Router, Proof::Session, client(1)));
    assert_eq!(access.log_out(&login.secret).await.unwrap().as_deref(), Some("Alice"));
    assert!(matches!(asks(&access, &login.secret).await, Err(Refusal::Unknown(_))));
    assert!(matches!(log_in(&access, "alice", "wrong horse battery").await, Err(Refusal::Unknown(_))));
}

// proves: L15
#[tokio::test]
async fn a_session_ends_when_it_idles_and_at_the_latest_after_half_a_day() {
    let Place { access, clock, .. } = place().await;
    access.add_administrator(new("alice", Role::Admin)).await.unwrap();
    let idle = log_in(&access, "alice", PASSWORD).await.unwrap().secret;
    let busy = log_in(&access, "alice", PASSWORD).await.unwrap().secret;
    clock.pass(SESSION_IDLE_MAX - Duration::from_secs(60));
    asks(&access, &busy).await.unwrap();
    clock.pass(Duration::from_secs(61));
    assert!(asks(&access, &idle).await.is_err());
    let mut passed = SESSION_IDLE_MAX;
    while passed + Duration::from_secs(3600) < SESSION_MAX {
        asks(&access, &busy).await.unwrap();
        clock.pass(Duration::from_secs(3600));
        passed += Duration::from_secs(3600);
    }
    clock.pass(Duration::from_secs(3600));
    assert!(asks(&access, &busy).await.is_err());
}

// proves: L15
#[tokio::test]
async fn sessions_and_tokens_outlast_a_restart_and_lie_in_the_store_as_hashes_only() {
    let Place { access, world, .. } = place().await;
    let id = access.add_administrator(new("alice", Role::Admin)).await.unwrap();
    let session = log_in(&access, "alice", PASSWORD).await.unwrap().secret;
    let (_, token) = access.add_token(&admin(), new_token("backup", Role::Viewer, None)).await.unwrap();
    let again = Access::open(&world, Vec::new()).await.unwrap();
    assert_eq!(asks(&again, &session).await.unwrap().name, "alice");
    assert_eq!(bearer(&again, &token).await.unwrap().name, "token backup");
    for space in ["administrators", "admin-sessions", "api-tokens", "access"] {
        for (key, value) in world.store.scan(space, None, 100, world.clock.now()).await.unwrap() {
            let text = format!("{}{}", String::from_utf8_lossy(&key), String::from_utf8_lossy(&value));
            for secret in [PASSWORD, session.as_str(), token.as_str()] {
                assert!(!text.contains(secret), "{space}: {text}");
            }
        }
    }
    again.remove_administrator(id).await.unwrap_err();
}

#[tokio::test]
async fn a_password_or_a_role_that_changes_ends_the_sessions() {
    let Place { access, .. } = place().await;
    access.add_administrator(new("root", Role::Admin)).await.unwrap();
    let id = access.add_administrator(new("alice", Role::Router)).await.unwrap();
    for change in [
        AdministratorChange { role: Some(Role::Viewer), ..Default::default() },
        AdministratorChange { password: Some(PASSWORD.to_owned()), ..Default::default() },
    ] {
        let session = log_in(&access, "alice", PASSWORD).await.unwrap().secret;
        access.change_administrator(id, change).await.unwrap();
        assert!(asks(&access, &session).await.is_err());
    }
    let session = log_in(&access, "alice", PASSWORD).await.unwrap().secret;
    let renamed = AdministratorChange { description: Some(Some("x".to_owned())), ..Default::default() };
    access.change_administrator(id, renamed).await.unwrap();
    assert!(asks(&access, &session).await.is_ok());
    access.remove_administrator(id).await.unwrap();
    assert!(asks(&access, &session).await.is_err());
}

#[tokio::test]
async fn whoever_logs_in_often_loses_the_oldest_sessions() {
    let Place { access, clock, .. } = place().await;
    access.add_administrator(new("alice", Role::Admin)).await.unwrap();
    let mut sessions = Vec::new();
    for _ in 0..=SESSIONS_EACH_MAX {
        sessions.push(log_in(&access, "alice", PASSWORD).await.unwrap().secret);
        clock.pass(Duration::from_secs(1));
    }
    assert!(asks(&access, &sessions[0]).await.is_err());
    assert!(asks(&access, &sessions[1]).await.is_ok());
}

// A session that somebody else has chosen is none (session fixation).
#[tokio::test]
async fn a_login_gives_a_new_session_whatever_was_there_before() {
    let Place { access, .. } = place().await;
    access.add_administrator(new("alice", Role::Admin)).await.unwrap();
    let planted = "planted-by-eve".to_owned();
    assert!(asks(&access, &planted).await.is_err());
    let one = log_in(&access, "alice", PASSWORD).await.unwrap().secret;
    let other = log_in(&access, "alice", PASSWORD).await.unwrap().secret;
    assert!(one != other && one.len() >= 43);
    assert!(asks(&access, &planted).await.is_err());
}

// proves: L2
#[tokio::test]
async fn guesses_are_slowed_down_and_lock_nobody_out_elsewhere() {
    let Place { access, .. } = place().await;
    access.add_administrator(new("alice", Role::Admin)).await.unwrap();
    access.log_in(client(9), "alice", PASSWORD.to_owned()).await.unwrap();
    for _ in 0..5 {
        let refusal = log_in(&access, "alice", "wrong horse battery").await.unwrap_err();
        assert!(matches!(refusal, Refusal::Unknown(_)));
    }
    let refusal = log_in(&access, "alice", PASSWORD).await.unwrap_err();
    assert!(matches!(refusal, Refusal::NotNow(wait) if wait <= Duration::from_secs(60)), "{refusal:?}");
    for number in 20..40 {
        let _ = access.log_in(client(number), "alice", "wrong horse battery".to_owned()).await;
    }
    assert!(matches!(access.log_in(client(50), "alice", PASSWORD.to_owned()).await, Err(Refusal::NotNow(_))));
    access.log_in(client(9), "ALICE", PASSWORD.to_owned()).await.unwrap();
}

// proves: L2
#[tokio::test]
async fn a_name_that_there_is_not_is_refused_in_the_same_words() {
    let Place { access, .. } = place().await;
    access.add_administrator(new("alice", Role::Admin)).await.unwrap();
    let known = log_in(&access, "alice", "wrong horse battery").await.unwrap_err().to_string();
    let unknown = log_in(&access, "nobody", "wrong horse battery").await.unwrap_err().to_string();
    assert_eq!(known, unknown);
}

fn new_token(description: &str, role: Role, methods: Option<&[&str]>) -> NewToken {
    let methods = methods.map(|methods| methods.iter().map(|&method| method.to_owned()).collect());
    NewToken { description: description.to_owned(), role, methods, expires_at: None }
}

async fn bearer(access: &Access, token: &str) -> Result<Caller, Refusal> {
    access.identify(client(1), Shown::Bearer(token.to_owned())).await.map(|(caller, _)| caller)
}

// proves: L2, L9
#[tokio::test]
async fn a_token_works_until_it_expires_or_is_removed() {
    let Place { access, clock, .. } = place().await;
    let ends = access.now().plus(Duration::from_secs(3600));
    let made = NewToken { expires_at: Some(ends), ..new_token("backup", Role::Viewer, Some(&["*/get"])) };
    let (id, token) = access.add_token(&admin(), made).await.unwrap();
    assert!(token.starts_with("wpt_") && token.len() == 47, "{token}");
    let caller = bearer(&access, &token).await.unwrap();
    assert_eq!((caller.role, &caller.proof), (Role::Viewer, &Proof::Token));
    assert!(caller.is_in_scope("MtaRoute", "get") && !caller.is_in_scope("MtaRoute", "set"));
    assert!(access.tokens()[0].used_at.is_some());
    clock.pass(Duration::from_secs(3600));
    assert!(matches!(bearer(&access, &token).await, Err(Refusal::Unknown("the token has expired"))));
    let longer = TokenChange { expires_at: Some(None), ..Default::default() };
    access.change_token(id, longer).await.unwrap();
    assert!(bearer(&access, &token).await.is_ok());
    access.remove_token(id).await.unwrap();
    assert!(bearer(&access, &token).await.is_err());
    assert!(bearer(&access, "wpt_").await.is_err());
}

// proves: L9
#[tokio::test]
async fn a_token_makes_no_token_that_may_do_more() {
    let Place { access, .. } = place().await;
    let scoped = |methods: &[&str]| Caller {
        scope: Some(methods.iter().map(|&method| method.to_owned()).collect()),
        ..Caller::new("token maker", Role::Admin)
    };
    let maker = scoped(&["ApiToken/*", "MtaRoute/*", "*/query"]);
    for (methods, good) in [
        (Some(&["MtaRoute/get"][..]), true),
        (Some(&["x:MtaRoute/*", "QueuedMessage/query"]), true),
        (Some(&["MtaRoute/get", "Administrator/set"]), false),
        (Some(&["*/*"]), false),
        (None, false),
    ] {
        let made = access.add_token(&maker, new_token(&format!("{methods:?}"), Role::Admin, methods)).await;
        assert_eq!(made.is_ok(), good, "{methods:?}");
    }
    let made = access.add_token(&Caller::new("bob", Role::Router), new_token("x", Role::Admin, None)).await;
    assert!(matches!(made, Err(Refusal::Forbidden(_))));
    let made = access.add_token(&admin(), new_token("y", Role::Viewer, Some(&["MtaRuote/get"]))).await;
    assert!(matches!(made, Err(Refusal::Invalid("methods", _))));
}

// proves: L1
#[tokio::test]
async fn the_first_administrator_comes_in_by_a_link_that_works_once() {
    let Place { access, clock, .. } = place().await;
    let old = access.first_link().await.unwrap().unwrap();
    let link = access.first_link().await.unwrap().unwrap();
    let set_up = |secret: String, name: &str| {
        let (access, name) = (access.clone(), name.to_owned());
        async move { access.set_up(client(1), &secret, &name, PASSWORD.to_owned()).await }
    };
    assert!(matches!(set_up(old.secret, "alice").await, Err(Refusal::Unknown(_))));
    assert_eq!(set_up(link.secret.clone(), "alice").await.unwrap(), "alice");
    assert!(matches!(set_up(link.secret, "eve").await, Err(Refusal::Unknown(_))));
    assert_eq!(log_in(&access, "alice", PASSWORD).await.unwrap().role, Role::Admin);
    assert!(access.first_link().await.unwrap().is_none());
    let late = access.link(None, Role::Viewer).await.unwrap();
    clock.pass(link::LINK_MAX);
    assert!(set_up(late.secret, "bob").await.is_err());
}

#[tokio::test]
async fn a_link_sets_a_lost_password_and_ends_the_sessions() {
    let Place { access, .. } = place().await;
    access.add_administrator(new("alice", Role::Operator)).await.unwrap();
    let session = log_in(&access, "alice", PASSWORD).await.unwrap().secret;
    let link = access.link(Some("alice".to_owned()), Role::Admin).await.unwrap();
    let other = access.set_up(client(1), &link.secret, "mallory", OTHER_PASSWORD.to_owned()).await;
    assert!(matches!(other, Err(Refusal::Invalid("name", _))));
    access.set_up(client(1), &link.secret, "alice", OTHER_PASSWORD.to_owned()).await.unwrap();
    assert!(asks(&access, &session).await.is_err());
    assert_eq!(log_in(&access, "alice", OTHER_PASSWORD).await.unwrap().role, Role::Operator);
}

// proves: L1
#[tokio::test]
async fn a_link_goes_with_the_administrator_whom_it_names() {
    let Place { access, .. } = place().await;
    access.add_administrator(new("root", Role::Admin)).await.unwrap();
    let id = access.add_administrator(new("alice", Role::Viewer)).await.unwrap();
    let set_up = |link: link::OneTimeLink, name: &'static str| {
        let access = access.clone();
        async move { access.set_up(client(1), &link.secret, name, OTHER_PASSWORD.to_owned()).await }
    };
    let link = |name: &str| access.link(Some(name.to_owned()), Role::Admin);
    let renamed = link("Alice").await.unwrap();
    assert_eq!(access.state().link.as_ref().unwrap().role, Role::Viewer);
    let change = AdministratorChange { name: Some("ann".to_owned()), ..Default::default() };
    access.change_administrator(id, change).await.unwrap();
    assert!(matches!(set_up(renamed, "alice").await, Err(Refusal::Unknown(_))));
    let removed = link("ann").await.unwrap();
    access.remove_administrator(id).await.unwrap();
    assert!(matches!(set_up(removed, "ann").await, Err(Refusal::Unknown(_))));
    // That of somebody else stays.
    let id = access.add_administrator(new("bob", Role::Viewer)).await.unwrap();
    let other = link("root").await.unwrap();
    access.remove_administrator(id).await.unwrap();
    assert!(set_up(other, "root").await.is_ok());
}

#[tokio::test]
async fn the_last_admin_stays_and_names_are_given_once() {
    let Place { access, .. } = place().await;
    let id = access.add_administrator(new("alice", Role::Admin)).await.unwrap();
    assert!(matches!(access.remove_administrator(id).await, Err(Refusal::Forbidden(_))));
    let less = AdministratorChange { role: Some(Role::Router), ..Default::default() };
    assert!(matches!(access.change_administrator(id, less).await, Err(Refusal::Forbidden(_))));
    assert!(matches!(access.add_administrator(new("ALICE", Role::Viewer)).await, Err(Refusal::Taken(_))));
    assert!(matches!(
        access.add_administrator(new("a b", Role::Viewer)).await,
        Err(Refusal::Invalid("name", _))
    ));
}

#[tokio::test]
async fn a_password_with_every_request_is_hashed_once_a_minute_and_forgotten_when_it_changes() {
    let Place { access, .. } = place().await;
    let id = access.add_administrator(new("alice", Role::Admin)).await.unwrap();
    let basic =
        |password: &str| access.identify(client(1), Shown::Basic("alice".to_owned(), password.to_owned()));
    for _ in 0..50 {
        assert_eq!(basic(PASSWORD).await.unwrap().0.proof, Proof::Password);
    }
    let change = AdministratorChange { password: Some(OTHER_PASSWORD.to_owned()), ..Default::default() };
    access.change_administrator(id, change).await.unwrap();
    assert!(basic(PASSWORD).await.is_err());
    assert!(basic(OTHER_PASSWORD).await.is_ok());
}

#[test]
fn what_a_request_shows_is_read() {
    let is = |field: &str, expected: Shown| assert!(Shown::from_authorization(field) == expected, "{field}");
    is("Bearer wpt_x", Shown::Bearer("wpt_x".to_owned()));
    is("basic YWxpY2U6YTpi", Shown::Basic("alice".to_owned(), "a:b".to_owned()));
    for nonsense in ["", "Basic", "Basic !!!", "Basic YWxpY2U=", "Digest x"] {
        is(nonsense, Shown::Nothing);
    }
}
