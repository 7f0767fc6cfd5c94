//! Which object is chosen, and what is said of it.

use std::net::{IpAddr, Ipv4Addr};

use mail::{
    ContentTraits, EnhancedStatus, Envelope, MessageId, Origin, Parameters, Reply, ReversePath, Source,
    Timestamp,
};

use super::*;
use crate::check::Environment;
use crate::expr::DnsKind;
use crate::facts::HostFacts;
use crate::retry::Progress;

/// The recipient of a test.
struct Case {
    configuration: Configuration,
    envelope: Envelope,
    progress: Progress,
}

impl Case {
    fn new(strategy: &str) -> Self {
        let json = format!(
            r#"{{"MtaRoute": [{{"@type": "Relay", "name": "fallback", "address": "fallback.example.org", "port": 587}},
                {{"@type": "Relay", "name": "relay-sales", "address": "192.0.2.1"}}],
              "Domain": [{{"name": "example.org"}}], "MtaOutboundStrategy": {strategy}}}"#
        );
        let environment = Environment::default();
        let configuration = Configuration::from_settings_json(&json, &environment)
            .unwrap_or_else(|findings| panic!("{}", findings[0]));
        let parameters = Parameters::default();
        let accepted_at = Timestamp::from_millis(1_000_000);
        let progress = Progress::first(&configuration.schedules["remote"], accepted_at, &parameters);
        let envelope = Envelope {
            message: MessageId(1),
            reverse_path: ReversePath::Address(Address::parse("Zoe@Sales.example.net").unwrap()),
            accepted_at,
            origin: Origin {
                source: Source::Authenticated,
                listener: "submission".to_owned(),
                client_ip: IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7)),
                local_port: 587,
                authenticated_as: Some("zoe".to_owned()),
            },
            parameters,
            traits: ContentTraits::default(),
            size: 5000,
            recipients: Vec::new(),
        };
        Case { configuration, envelope, progress }
    }

    fn retried(mut self, retry_num: u32) -> Self {
        self.progress.retry_num = retry_num;
        self
    }

    fn ask<T>(
        &self,
        to: &str,
        ask: fn(&Configuration, &Facts<'_>, &LookupAnswers) -> T,
        answers: &LookupAnswers,
    ) -> T {
        let forward_path = Address::parse(to).unwrap();
        let now = self.envelope.accepted_at.plus(std::time::Duration::from_secs(90));
        let host = HostFacts { mx: "mx1.example.net", remote_ip: None, local_ip: None };
        let facts = Facts::new(&self.envelope, &forward_path, &self.progress, now).at(host);
        ask(&self.configuration, &facts, answers)
    }

    /// The name of the route, or why there is none.
    fn route(&self, to: &str) -> String {
        match self.ask(to, choose_route, &LookupAnswers::default()) {
            Choice::Decided(route) => next_hop(&route, &Address::parse(to).unwrap()).to_string(),
            Choice::Needs(lookups) => format!("needs {}", lookups[0]),
            Choice::Undecidable(trouble) => trouble.text,
        }
    }
}

const FAILOVER: &str = r#"{"route": {"match": [{"if": "is_local_domain('', rcpt_domain)", "then": "'local'"},
    {"if": "retry_num > 1", "then": "'fallback'"}], "else": "'mx'"}}"#;

#[test]
fn failover_begins_at_the_third_attempt() {
    for (retry_num, to, expected) in [
        (0, "a@example.net", "mx of example.net via mx"),
        (1, "a@example.net", "mx of example.net via mx"),
        (2, "a@example.net", "relay via fallback"),
        (9, "a@example.net", "relay via fallback"),
        (9, "a@Example.ORG", "local via local"),
    ] {
        assert_eq!(Case::new(FAILOVER).retried(retry_num).route(to), expected, "{retry_num} {to}");
    }
}

// proves: J1, 5.17 unknown names
#[test]
fn a_name_that_is_computed_and_unknown_defers_the_recipient() {
    let computed = r#"{"route": {"match": [{"if": "matches('^([a-z]+)\\.', sender_domain)",
        "then": "'relay-' + if_then(size > 9000, 'big', $1)"}], "else": "'mx'"}}"#;
    assert_eq!(Case::new(computed).route("a@example.net"), "relay via relay-sales");
    let mut case = Case::new(computed);
    case.envelope.size = 9001;
    let expected = "MtaOutboundStrategy route.match.0.then: there is no route \"relay-big\"";
    assert_eq!(case.route("a@example.net"), expected);
    let Choice::Undecidable(trouble) = case.ask("a@example.net", choose_route, &LookupAnswers::default())
    else {
        panic!("a route of this name does not exist");
    };
    assert_eq!((trouble.kind, trouble.scope), (TroubleKind::Io, Scope::Recipient));
    assert_eq!(trouble.status, EnhancedStatus::new(4, 3, 5));
}

#[test]
fn no_name_means_the_default_object_or_none() {
    let odd = r#"{"route": "if_then(size > 9000, 5, 'mx')", "tls": "if_then(size > 1, 5, 'invalid-tls')",
        "schedule": "'remote'"}"#;
    let mut case = Case::new(odd);
    case.envelope.size = 9001;
    let expected = "MtaOutboundStrategy route.else: 5 is no name, and there is no route \"default\"";
    assert_eq!(case.route("a@example.net"), expected);
    let tls = case.ask("a@example.net", choose_tls, &LookupAnswers::default());
    assert!(matches!(tls, Choice::Decided(tls) if tls.name == "default"));
}

// proves: J2
#[test]
fn lookups_are_asked_for_and_a_failed_one_defers() {
    let case = Case::new(
        r#"{"route": {"match": [{"if": "ends_with(dns_query(rcpt_domain, 'mx')[0], '.example')",
        "then": "'fallback'"}], "else": "'mx'"}}"#,
    );
    assert_eq!(case.route("a@example.net"), "needs dns_query('example.net', 'mx')");
    let lookup = Lookup::Dns { name: "example.net".to_owned(), kind: DnsKind::Mx };
    let mut answers = LookupAnswers::default();
    answers.insert_dns(lookup.clone(), Ok(vec!["mx.example".to_owned()]));
    let choice = case.ask("a@example.net", choose_route, &answers);
    assert!(matches!(choice, Choice::Decided(route) if route.name == "fallback"));
    answers.insert_dns(lookup, Err(crate::dns::DnsError::Failed("SERVFAIL".to_owned())));
    let Choice::Undecidable(trouble) = case.ask("a@example.net", choose_route, &answers) else {
        panic!("the lookup failed");
    };
    let expected = "MtaOutboundStrategy route.match.0.if: dns_query('example.net', 'mx'): SERVFAIL";
    assert_eq!(trouble.text, expected);
}

// proves: J2, 5.17 expression errors
#[test]
fn a_lookup_that_fails_defers_whatever_it_was_to_choose() {
    let ask = "key_get('', rcpt_domain)";
    let json = format!(r#"{{"route": "{ask}", "schedule": "{ask}", "tls": "{ask}", "connection": "{ask}"}}"#);
    let case = Case::new(&json);
    let question = crate::expr::Question::Get { key: "example.net".to_owned() };
    let mut answers = LookupAnswers::default();
    answers.insert(Lookup::Store { store: String::new(), question, turn: 0 }, Err("it burns".to_owned()));
    let reason = |choice: Result<(), Trouble>| {
        let trouble = choice.expect_err("there is no answer");
        assert_eq!((trouble.scope, trouble.status), (Scope::Recipient, EnhancedStatus::new(4, 3, 5)));
        trouble.text
    };
    fn outcome<T>(choice: Choice<T>) -> Result<(), Trouble> {
        match choice {
            Choice::Undecidable(trouble) => Err(trouble),
            Choice::Decided(_) | Choice::Needs(_) => Ok(()),
        }
    }
    let to = "a@example.net";
    for (property, choice) in [
        ("route", outcome(case.ask(to, choose_route, &answers))),
        ("schedule", outcome(case.ask(to, choose_schedule, &answers))),
        ("tls", outcome(case.ask(to, choose_tls, &answers))),
        ("connection", outcome(case.ask(to, choose_connection, &answers))),
    ] {
        let expected = format!("MtaOutboundStrategy {property}.else: key_get('', 'example.net'): it burns");
        assert_eq!(reason(choice), expected);
    }
}

#[test]
fn the_other_strategies_of_a_fresh_system() {
    let mut case = Case::new("{}");
    let answers = LookupAnswers::default();
    let schedule = |case: &Case, to| match case.ask(to, choose_schedule, &answers) {
        Choice::Decided(schedule) => schedule.name.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(schedule(&case, "a@example.net"), "remote");
    assert_eq!(schedule(&case, "a@example.org"), "local");
    case.envelope.origin.source = Source::Dsn;
    assert_eq!(schedule(&case, "a@example.net"), "dsn");
    case.progress.retry_num = 1;
    case.progress.last = Some(Trouble {
        scope: Scope::Host,
        kind: TroubleKind::Tls,
        status: EnhancedStatus::new(4, 7, 5),
        text: "no".to_owned(),
        host: "mx1.example.net".to_owned(),
        reply: None,
        in_doubt: false,
    });
    let tls = case.ask("a@example.net", choose_tls, &answers);
    assert!(matches!(tls, Choice::Decided(tls) if tls.name == "invalid-tls"));
    let connection = case.ask("a@example.net", choose_connection, &answers);
    assert!(matches!(connection, Choice::Decided(connection) if connection.name == "default"));
}

#[test]
fn an_explanation_shows_every_branch_that_was_looked_at() {
    let case = Case::new(FAILOVER).retried(2);
    let (choice, explained) = case.ask("a@example.net", explain_route, &LookupAnswers::default());
    assert!(matches!(choice, Choice::Decided(route) if route.name == "fallback"));
    let expected = "route: 'fallback', to fallback.example.org port 587 by SMTP\n  \
         no  0: if is_local_domain('', rcpt_domain)   [rcpt_domain = 'example.net', is_local_domain('example.net') = 0]\n  \
         yes 1: if retry_num > 1 then 'fallback'   [retry_num = 2]";
    assert_eq!(explained.to_string(), expected);
    let json = serde_json::to_value(&explained).unwrap();
    assert_eq!((&json["name"], &json["branches"][1]["fired"]), (&"fallback".into(), &true.into()));

    let (_, explained) = Case::new(FAILOVER).ask("a@example.net", explain_route, &LookupAnswers::default());
    assert_eq!(explained.branches.len(), 3);
    assert_eq!(explained.branches[2].index, None);
    assert!(explained.to_string().ends_with("\n  yes else 'mx'"), "{explained}");
}

#[test]
fn variables_hold_what_the_specification_says() {
    let mut case = Case::new("{}").retried(3);
    let reply = Reply::new(450, Some(EnhancedStatus::new(4, 2, 1)), "later");
    case.progress.last = Some(Trouble {
        scope: Scope::Recipient,
        kind: TroubleKind::UnexpectedReply,
        status: EnhancedStatus::new(4, 2, 1),
        text: "later".to_owned(),
        host: "mx1.example.net".to_owned(),
        reply: Some(("RCPT TO".to_owned(), reply)),
        in_doubt: false,
    });
    for (condition, expected) in [
        ("rcpt == 'Anna@example.net' && rcpt_domain == 'example.net'", true),
        ("sender == 'Zoe@sales.example.net'", true),
        ("queue_age == 90 && expires_in == 259200 - 90 && notify_num == 0", true),
        ("received_from_ip == '198.51.100.7' && received_via_port == 587", true),
        ("last_error == 'unexpected-reply' && queue_name == 'remote' && priority == 0", true),
        (
            "last_status == 'Temporary Failure for mx1.example.net: Unexpected response for RCPT TO: Code: 450, \
             Enhanced code: 4.2.1, Message: later'",
            true,
        ),
        ("mx == 'mx1.example.net' && remote_ip == '0.0.0.0' && local_ip == '0.0.0.0'", true),
        ("count(recipients) > 0", false),
    ] {
        let strategy = serde_json::json!({"tls": {
            "match": [{"if": condition, "then": "'invalid-tls'"}], "else": "'default'"}});
        let case =
            Case { configuration: Case::new(&strategy.to_string()).configuration, ..case_clone(&case) };
        let tls = case.ask("Anna@example.net", choose_tls, &LookupAnswers::default());
        let expected = if expected { "invalid-tls" } else { "default" };
        assert!(matches!(tls, Choice::Decided(tls) if tls.name == expected), "{condition}");
    }
}

fn case_clone(case: &Case) -> Case {
    Case { envelope: case.envelope.clone(), progress: case.progress.clone(), ..Case::new("{}") }
}
