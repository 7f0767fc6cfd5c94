//! What lists pass on: to whom, once, and who hears of failures.

#![allow(clippy::unwrap_used, reason = "tests")]

mod yard;

use mail::Notify;
use yard::{Manner, PATIENT, SENDER, Yard, configuration_with};

const BY_DOMAIN: &str = r#"{"match": [{"if": "is_local_domain(rcpt_domain)", "then": "'local'"},
    {"if": "rcpt_domain == 'one.example'", "then": "'one'"}], "else": "'two'"}"#;

fn list(members: &[String], more: &str) -> String {
    let members = members.iter().map(|member| format!("\"{member}\"")).collect::<Vec<_>>().join(", ");
    format!(
        r#""MailingList": [{{"name": "team@home.example", "owner": "{SENDER}", "allowedSenders": "anyone",
            "members": [{members}]}}{more}],"#
    )
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn each_member_gets_one_copy_and_the_owner_hears_of_failures() {
    let members = ["bert@home.example", SENDER, "x@one.example", "fail@one.example", "inner@home.example"];
    let inner = format!(
        r#", {{"name": "inner@home.example", "owner": "{SENDER}", "members": ["x@one.example", "team@home.example"]}}"#
    );
    let yard = Yard::open(configuration_with(&list(&names(&members), &inner), BY_DOMAIN, PATIENT));
    yard.peers.set(1, Manner::AsTheyAreCalled);
    yard.accept_from("stranger@far.example", &["team@home.example"], Notify::DEFAULT).await;
    yard.wait(30).await;
    assert!(yard.queued().await.is_empty(), "{:?}", yard.troubles().await);
    let taken = yard.peers.taken.lock().unwrap().clone();
    let taken: Vec<&String> = taken.iter().flat_map(|(_, _, paths)| paths).collect();
    assert_eq!(taken, ["x@one.example"]);
    // The sender of the yard is a member and the owner: its copy, and the news of the one who failed.
    let mailbox = yard.mailbox().await;
    let texts: Vec<_> = mailbox.iter().map(|mail| String::from_utf8_lossy(mail).into_owned()).collect();
    assert_eq!(texts.len(), 2, "{texts:#?}");
    let copy = texts.iter().find(|text| text.contains("List-Id: <team.home.example>")).unwrap();
    assert!(copy.starts_with("Return-Path: <team-bounces@home.example>\r\n"), "{copy}");
    assert_eq!(copy.matches("List-Id").count(), 1);
    let news = texts.iter().find(|text| text.contains("fail@one.example")).unwrap();
    assert!(news.contains("Delivered-To: team-bounces@home.example"), "{news}");
}

#[tokio::test(start_paused = true)]
async fn a_list_with_its_own_door_among_the_members_ends() {
    let yard =
        Yard::open(configuration_with(&list(&names(&["team-owner@home.example"]), ""), BY_DOMAIN, PATIENT));
    yard.accept(&["team@home.example"], Notify::DEFAULT).await;
    yard.wait(30).await;
    assert!(yard.queued().await.is_empty());
    assert_eq!(yard.mailbox().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_list_of_ten_thousand_comes_in_portions_and_whole() {
    let members: Vec<String> = (0..10_000).map(|n| format!("m{n}@one.example")).collect();
    let yard = Yard::open(configuration_with(&list(&members, ""), BY_DOMAIN, PATIENT));
    yard.peers.set(1, Manner::Takes);
    yard.accept(&["team@home.example"], Notify::DEFAULT).await;
    yard.wait(600).await;
    assert!(yard.queued().await.is_empty());
    let taken = yard.peers.taken.lock().unwrap().clone();
    let mut paths: Vec<String> = taken.into_iter().flat_map(|(_, _, paths)| paths).collect();
    assert_eq!(paths.len(), 10_000);
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), 10_000);
}
