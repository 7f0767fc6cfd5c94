//! Who may send what to whom.

use super::*;
use crate::check::Environment;
use crate::retry::Expiry;
use std::time::Duration;

const SETTINGS: &str = r#"{
    "Domain": [
        {"name": "example.org", "aliases": ["example.net"]},
        {"name": "caught.example", "catchAllAddress": "info@example.org"},
        {"name": "far.example", "catchAllAddress": "all@elsewhere.example"},
        {"name": "split.example", "allowRelaying": true}
    ],
    "Account": [
        {"name": "anna@example.org", "aliases": ["info@example.org", "a.nna@caught.example"]},
        {"name": "jos\u00e9@example.org"},
        {"name": "postmaster@example.org"}
    ]
}"#;

fn configuration() -> Configuration {
    let environment = Environment { hostname: Some("mx.example.org".to_owned()), ..Environment::default() };
    Configuration::from_settings_json(SETTINGS, &environment).unwrap()
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn origin(client: &str, user: Option<&str>) -> Origin {
    Origin {
        source: Source::Dsn,
        listener: "smtp".to_owned(),
        client_ip: client.parse().unwrap(),
        local_port: 25,
        authenticated_as: user.map(str::to_owned),
    }
}

fn rules() -> AdmissionRules {
    let networks = ["10.0.0.0/8", "2001:db8::/32"].map(|network| network.parse().unwrap());
    AdmissionRules { relay_networks: networks.to_vec(), ..AdmissionRules::default() }
}

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

fn begin_with(origin: Origin, parameters: Parameters) -> Result<Admission, Box<Reply>> {
    Admission::begin(&rules(), origin, ReversePath::Null, parameters, &Offered::to_users(), NOW)
}

fn stranger() -> Admission {
    let parameters = Parameters { smtputf8: true, ..Parameters::default() };
    begin_with(origin("192.0.2.1", None), parameters).unwrap()
}

fn user() -> Admission {
    begin_with(origin("192.0.2.1", Some("anna@example.org")), Parameters::default()).unwrap()
}

/// What becomes of a forward-path: where it goes and what is kept of it, or the reply.
#[track_caller]
fn check(mut admission: Admission, to: &str, expected: Result<(&str, Option<&str>), &str>) {
    let got =
        admission.recipient(&configuration(), address(to), None, None).map_err(|reply| reply.to_string());
    let got = got.map(|()| {
        let recipient = &admission.recipients[0];
        (
            recipient.forward_path.to_string(),
            recipient.original.as_ref().map(|o| format!("{};{}", o.kind, o.address)),
        )
    });
    let got = got.as_ref().map(|(path, original)| (path.as_str(), original.as_deref()));
    assert_eq!(got.map_err(String::as_str), expected, "{to}");
}

const NO_RELAY: Result<(&str, Option<&str>), &str> = Err("550 5.1.2 Relay not allowed.");
const NO_MAILBOX: Result<(&str, Option<&str>), &str> = Err("550 5.1.1 Mailbox does not exist.");

// proves: H22
#[test]
fn strangers_reach_our_addresses_only() {
    check(stranger(), "anna@example.org", Ok(("anna@example.org", None)));
    check(stranger(), "nobody@example.org", NO_MAILBOX);
    check(stranger(), "bert@elsewhere.example", NO_RELAY);
    check(stranger(), "bert@[192.0.2.9]", NO_RELAY);
    check(stranger(), "bert%elsewhere.example@example.org", NO_MAILBOX);
    check(stranger(), "elsewhere.example!bert@example.org", NO_MAILBOX);
    check(stranger(), "\"bert@elsewhere.example\"@example.org", NO_MAILBOX);
    check(stranger(), "anna@sub.example.org", NO_RELAY);
}

#[test]
fn users_and_listed_networks_reach_anybody() {
    let anybody = Ok(("bert@elsewhere.example", None));
    check(user(), "bert@elsewhere.example", anybody);
    for client in ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8::9"] {
        check(
            begin_with(origin(client, None), Parameters::default()).unwrap(),
            "bert@elsewhere.example",
            anybody,
        );
    }
    for client in ["11.1.2.3", "127.0.0.1", "::1", "2001:db9::9"] {
        check(
            begin_with(origin(client, None), Parameters::default()).unwrap(),
            "bert@elsewhere.example",
            NO_RELAY,
        );
    }
    check(user(), "nobody@example.org", NO_MAILBOX);
}

#[test]
fn rewritten_recipients_keep_what_was_asked_for() {
    let anna = |original| Ok(("anna@example.org", original));
    check(stranger(), "info@example.org", anna(Some("rfc822;info@example.org")));
    check(stranger(), "anna@example.net", anna(Some("rfc822;anna@example.net")));
    check(stranger(), "anna+lists@example.org", anna(Some("rfc822;anna+lists@example.org")));
    check(stranger(), "info+x@example.net", anna(Some("rfc822;info+x@example.net")));
    check(stranger(), "any@caught.example", anna(Some("rfc822;any@caught.example")));
    check(stranger(), "+x@example.org", NO_MAILBOX);
    check(stranger(), "any@far.example", Ok(("all@elsewhere.example", Some("rfc822;any@far.example"))));
    check(stranger(), "any@split.example", Ok(("any@split.example", None)));
    check(
        stranger(),
        "jos\u{e9}+x@example.org",
        Ok(("jos\u{e9}@example.org", Some("utf-8;jos\u{e9}+x@example.org"))),
    );
}

#[test]
fn postmaster_without_a_domain_is_one_of_ours() {
    assert!(configuration().local_domain(&postmaster(&configuration()).domain).is_some());
}

#[test]
fn an_original_recipient_that_was_given_stays() {
    let mut admission = stranger();
    let given = OriginalRecipient { kind: "rfc822".to_owned(), address: "first@example.com".to_owned() };
    admission.recipient(&configuration(), address("info@example.org"), Some(given.clone()), None).unwrap();
    assert_eq!(admission.recipients[0].original, Some(given));
}

// proves: H9
#[test]
fn a_recipient_is_kept_once() {
    let (mut admission, configuration) = (stranger(), configuration());
    for to in [
        "anna@example.org",
        "anna@example.org",
        "ANNA@example.org",
        "info@example.org",
        "postmaster@example.org",
    ] {
        admission.recipient(&configuration, address(to), None, None).unwrap();
    }
    let paths: Vec<String> = admission.forward_paths().map(ToString::to_string).collect();
    assert_eq!(paths, ["anna@example.org", "postmaster@example.org"]);
}

// proves: H27
#[test]
fn mail_from_nobody_has_few_readers() {
    let (mut admission, configuration) = (user(), configuration());
    let mut send = |number: u32| {
        let to = address(&format!("u{number}@elsewhere.example"));
        admission.recipient(&configuration, to, None, None).map_err(|reply| reply.to_string())
    };
    assert!((0..10).all(|number| send(number).is_ok()));
    assert!(send(10).unwrap_err().starts_with("452 4.5.3"));
    assert!(send(3).is_ok());
}

// proves: H11
#[test]
fn utf8_needs_to_be_asked_for() {
    let refused =
        user().recipient(&configuration(), address("jos\u{e9}@example.org"), None, None).unwrap_err();
    assert_eq!((refused.code, refused.enhanced), (553, EnhancedStatus::parse("5.6.7")));
    let path = ReversePath::Address(address("jos\u{e9}@example.org"));
    let refused = Admission::begin(
        &rules(),
        origin("192.0.2.1", None),
        path,
        Parameters::default(),
        &Offered::to_users(),
        NOW,
    );
    assert_eq!(refused.unwrap_err().code, 553);
}

fn accepted(mut admission: Admission, to: &str, notify: Option<Notify>) -> Accepted {
    let configuration = configuration();
    admission.recipient(&configuration, address(to), None, notify).unwrap();
    let traits = ContentTraits::default();
    match admission.schedule(&configuration, &LookupAnswers::default(), traits, 100, NOW) {
        Choice::Decided(first) => admission.accept(first),
        Choice::Needs(_) | Choice::Undecidable(_) => panic!("the fresh schedule expression decides"),
    }
}

#[test]
fn what_is_accepted_says_by_which_right() {
    let message = accepted(user(), "bert@elsewhere.example", None);
    assert_eq!(message.origin().source, Source::Authenticated);
    assert_eq!((message.size(), message.accepted_at()), (100, NOW));
    assert_eq!(message.recipients()[0].notify, Notify::DEFAULT);
    assert_eq!(message.recipients()[0].progress.due, NOW);
    let message = accepted(stranger(), "anna@example.org", Some(Notify::NEVER));
    assert_eq!(message.origin().source, Source::Unauthenticated);
    assert_eq!(message.recipients()[0].notify, Notify::NEVER);
}

// proves: 5.10.4, 5.10.5
#[test]
fn a_hold_and_a_deadline_shape_the_first_place() {
    let later = NOW.plus(Duration::from_secs(60));
    let parameters = Parameters { hold_until: Some(later), ..Parameters::default() };
    let held = begin_with(origin("192.0.2.1", Some("anna@example.org")), parameters).unwrap();
    assert_eq!(accepted(held, "bert@elsewhere.example", None).recipients()[0].progress.due, later);

    let by = DeliverBy { until: later, mode: DeliverByMode::Return, trace: true };
    let parameters = Parameters { deliver_by: Some(by), ..Parameters::default() };
    let soon = begin_with(origin("192.0.2.1", Some("anna@example.org")), parameters).unwrap();
    let progress = accepted(soon, "bert@elsewhere.example", None).recipients()[0].progress.clone();
    assert_eq!(progress.expiry, Expiry::At(later));
}

#[test]
fn what_schedules_must_look_up_is_asked_for_all_recipients_at_once() {
    let environment = Environment { hostname: Some("mx.example.org".to_owned()), ..Environment::default() };
    let settings = r#"{ "MtaOutboundStrategy": { "schedule": {
        "match": [{ "if": "dns_query(rcpt_domain, 'mx') == 'mx.example.com'", "then": "'local'" }],
        "else": "'remote'" } } }"#;
    let configuration = Configuration::from_settings_json(settings, &environment).unwrap();
    let mut admission = user();
    for to in ["a@one.example", "b@two.example", "c@one.example", "d@three.example"] {
        admission.recipient(&configuration, address(to), None, None).unwrap();
    }
    let mut answers = LookupAnswers::default();
    let traits = ContentTraits::default();
    let Choice::Needs(lookups) = admission.schedule(&configuration, &answers, traits, 100, NOW) else {
        panic!("DNS must be asked")
    };
    assert_eq!(lookups.len(), 3);
    lookups.into_iter().for_each(|lookup| answers.insert_dns(lookup, Ok(Vec::new())));
    assert!(matches!(admission.schedule(&configuration, &answers, traits, 100, NOW), Choice::Decided(_)));
}

#[test]
fn each_recipient_counts_for_itself() {
    let environment = Environment { hostname: Some("mx.example.org".to_owned()), ..Environment::default() };
    let settings = r#"{ "MtaOutboundStrategy": { "schedule": {
        "match": [{ "if": "counter_incr('', sender, 1) > 1", "then": "'local'" }], "else": "'remote'" } } }"#;
    let configuration = Configuration::from_settings_json(settings, &environment).unwrap();
    let mut admission = user();
    for to in ["a@one.example", "b@one.example", "c@one.example"] {
        admission.recipient(&configuration, address(to), None, None).unwrap();
    }
    let mut answers = LookupAnswers::default();
    let traits = ContentTraits::default();
    let Choice::Needs(lookups) = admission.schedule(&configuration, &answers, traits, 100, NOW) else {
        panic!("the store must be asked")
    };
    assert_eq!(lookups.len(), 3);
    for (lookup, count) in lookups.into_iter().zip(1..) {
        answers.insert(lookup, Ok(crate::expr::LookupValue::Integer(count)));
    }
    let Choice::Decided(_) = admission.schedule(&configuration, &answers, traits, 100, NOW) else {
        panic!("all is known")
    };
}

#[test]
fn nobody_is_refused_for_good_while_settings_are_missing() {
    let configuration = Configuration { incomplete: true, ..configuration() };
    for to in ["nobody@example.org", "bert@elsewhere.example"] {
        let refused = stranger().recipient(&configuration, address(to), None, None).unwrap_err();
        assert!(refused.to_string().starts_with("451 4.3.5 "), "{to}: {refused}");
    }
    assert!(stranger().recipient(&configuration, address("anna@example.org"), None, None).is_ok());
    assert!(user().recipient(&configuration, address("bert@elsewhere.example"), None, None).is_ok());
}
