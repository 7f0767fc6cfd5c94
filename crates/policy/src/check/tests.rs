//! What the check says of settings.

use super::*;

/// The findings about a settings file, one a line.
#[track_caller]
fn findings(json: &str, environment: &Environment) -> (String, Option<Configuration>) {
    let settings = Settings::from_json(json).unwrap_or_else(|errors| panic!("{json}: {}", errors[0]));
    let Checked { findings, configuration } = check(&settings, environment);
    let lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
    (lines.join("\n"), configuration)
}

#[track_caller]
fn check_is(json: &str, expected: &[&str]) {
    let (found, configuration) = findings(json, &Environment::default());
    assert_eq!(found, expected.join("\n"), "{json}");
    let is_error = expected.iter().any(|line| line.starts_with("error"));
    assert_eq!(configuration.is_none(), is_error, "{json}");
}

/// Settings whose route expression has these branches.
fn route(branches: &[(&str, &str)], otherwise: &str) -> String {
    strategy("route", branches, otherwise)
}

fn strategy(property: &str, branches: &[(&str, &str)], otherwise: &str) -> String {
    let matches: Vec<_> =
        branches.iter().map(|(condition, then)| serde_json::json!({"if": condition, "then": then})).collect();
    let relay = serde_json::json!({"@type": "Relay", "name": "relay", "address": "relay.example.org"});
    let strategy = serde_json::json!({"match": matches, "else": otherwise});
    serde_json::json!({"MtaRoute": [relay], "MtaOutboundStrategy": {property: strategy}}).to_string()
}

#[test]
fn fresh_settings_have_no_findings() {
    check_is("{}", &[]);
}

// proves: 5.17 unknown names
#[test]
fn names_that_no_object_bears_are_errors() {
    check_is(
        &route(&[], "'relai'"),
        &[
            "error: MtaOutboundStrategy: route.else: line 1, column 1: there is no route 'relai' (did you mean 'relay'?)",
        ],
    );
    check_is(
        &route(&[("retry_num > 1", "if_then(size > 5, 'big', 'mx')")], "'mx'"),
        &["error: MtaOutboundStrategy: route.match.0.then: line 1, column 19: there is no route 'big' \
         (there are 'local', 'mx', 'relay')"],
    );
    check_is(
        &strategy("tls", &[], "'defualt'"),
        &["error: MtaOutboundStrategy: tls.else: line 1, column 1: there is no TLS strategy 'defualt' \
         (did you mean 'default'?)"],
    );
    check_is(
        r#"{"MtaDeliverySchedule": [{"name": "s", "queueId": "remtoe"}]}"#,
        &[
            "error: MtaDeliverySchedule s: queueId: there is no virtual queue 'remtoe' (did you mean 'remote'?)",
        ],
    );
    check_is(
        &route(&[], "'to-' + rcpt_domain"),
        &[
            "warning: MtaOutboundStrategy: route.else: line 1, column 1: the name of no route begins with 'to-'",
        ],
    );
}

#[test]
fn a_result_that_is_no_name_needs_a_default() {
    check_is(
        &route(&[], "false"),
        &["error: MtaOutboundStrategy: route.else: line 1, column 1: this yields a number, not a name, \
         and there is no route 'default' that would count"],
    );
    check_is(
        &strategy("connection", &[], "false"),
        &[
            "warning: MtaOutboundStrategy: connection.else: line 1, column 1: this yields a number, not a name: \
         the connection strategy 'default' counts",
        ],
    );
    check_is(
        r#"{"MtaOutboundStrategy": {"route": {}}}"#,
        &[
            "error: MtaOutboundStrategy: route: the property is empty, and there is no route 'default' that would count then",
        ],
    );
}

#[test]
fn broken_expressions_are_errors_with_a_place() {
    check_is(
        &route(&[("retry_num >\n 1 1", "'mx'")], "relay"),
        &[
            "error: MtaOutboundStrategy: route.match.0.if: line 2, column 4: an operator is missing before this",
            "error: MtaOutboundStrategy: route.else: line 1, column 1: there is no variable or constant relay \
         (did you mean 'relay'? The name of a route is written in quotes)",
        ],
    );
    check_is(
        r#"{"MtaOutboundStrategy": {"route": {"match": [{"if": "1", "then": "'mx'"}]}}}"#,
        &["error: MtaOutboundStrategy: route.else: line 1, column 1: 'else' is missing \
         (say what holds when no condition is true)"],
    );
}

#[test]
fn branches_that_never_decide_are_warned_of() {
    let check = |branches: &[(&str, &str)], expected: &[&str]| {
        let expected: Vec<_> =
            expected.iter().map(|line| format!("warning: MtaOutboundStrategy: route.match.{line}")).collect();
        let expected: Vec<_> = expected.iter().map(String::as_str).collect();
        check_is(&route(branches, "'mx'"), &expected);
    };
    let never = "this is never true, so the branch never decides";
    let shadow = |earlier: &str| {
        format!(
            "whenever this is true, {earlier} is true before it, so the branch never decides \
             (put the narrower condition first)"
        )
    };
    check(&[("1 == 2", "'mx'")], &[&format!("0.if: line 1, column 1: {never}")]);
    check(&[("retry_num > 3 && retry_num < 4", "'mx'")], &[&format!("0.if: line 1, column 1: {never}")]);
    check(&[("retry_num < 0", "'mx'")], &[&format!("0.if: line 1, column 1: {never}")]);
    check(&[("sender == 'a' && sender == 'b'", "'mx'")], &[&format!("0.if: line 1, column 1: {never}")]);
    check(
        &[("retry_num >= 0", "'mx'"), ("size > 1", "'relay'")],
        &[
            "0.if: line 1, column 1: this is always true, so neither later branches nor 'else' ever decide",
            &format!("1.if: line 1, column 1: {}", shadow("match.0.if (retry_num >= 0)")),
        ],
    );
    check(
        &[("size > 1", "'mx'"), ("size>1", "'relay'")],
        &["1.if: line 1, column 1: this is the condition of match.0.if again, so the branch never decides"],
    );
    check(
        &[("retry_num > 1", "'mx'"), ("retry_num > 2", "'relay'")],
        &[&format!("1.if: line 1, column 1: {}", shadow("match.0.if (retry_num > 1)"))],
    );
    check(
        &[("retry_num > 0 && size > 5", "'mx'"), ("size > 5 && 2 <= retry_num", "'relay'")],
        &[&format!("1.if: line 1, column 1: {}", shadow("match.0.if (retry_num > 0 && size > 5)"))],
    );
    check(
        &[("sender in ['a', 'b']", "'mx'"), ("sender == 'b' && size > 1", "'relay'")],
        &[&format!("1.if: line 1, column 1: {}", shadow("match.0.if (sender in ['a', 'b'])"))],
    );
    check(
        &[("is_local_domain('', rcpt_domain)", "'local'"), ("is_local_domain(rcpt_domain)", "'mx'")],
        &[&format!("1.if: line 1, column 1: {}", shadow("match.0.if (is_local_domain('', rcpt_domain))"))],
    );
    check(&[("retry_num > 2", "'mx'"), ("retry_num > 1", "'relay'")], &[]);
    check(&[("retry_num > 1 && size > 5", "'mx'"), ("retry_num > 2", "'relay'")], &[]);
    check(&[("retry_num == 1", "'mx'"), ("retry_num >= 1", "'relay'")], &[]);
}

#[test]
fn the_default_tls_ladder_in_the_wrong_order_is_found() {
    let json = strategy(
        "tls",
        &[
            ("retry_num > 0 && last_error == 'tls'", "'default'"),
            ("retry_num > 1 && last_error == 'tls'", "'invalid-tls'"),
        ],
        "'default'",
    );
    check_is(
        &json,
        &[
            "warning: MtaOutboundStrategy: tls.match.1.if: line 1, column 1: whenever this is true, match.0.if \
         (retry_num > 0 && last_error == 'tls') is true before it, so the branch never decides \
         (put the narrower condition first)",
        ],
    );
}

#[test]
fn texts_that_stand_as_conditions_are_warned_of() {
    check_is(
        &route(&[("rcpt_domain == ('a' || 'b')", "'relay'")], "'mx'"),
        &["warning: MtaOutboundStrategy: route.match.0.if: line 1, column 1: \
         this compares with the first alternative alone, 'a' (did you mean rcpt_domain in ['a', 'b']?)"],
    );
    check_is(
        &route(&[("rcpt_domain == 'a' || 'b'", "'relay'")], "'mx'"),
        &["warning: MtaOutboundStrategy: route.match.0.if: line 1, column 1: \
         the text 'b' stands here as a condition, which is always true (did you mean rcpt_domain in ['a', 'b']?)"],
    );
    check_is(
        &route(&[("last_error == 'tsl'", "'relay'")], "'mx'"),
        &["warning: MtaOutboundStrategy: route.match.0.if: line 1, column 1: \
         last_error is never 'tsl' (did you mean 'tls'?)"],
    );
    check_is(
        &route(&[("rcpt_domain == 'Example.org'", "'relay'")], "'mx'"),
        &["warning: MtaOutboundStrategy: route.match.0.if: line 1, column 1: \
         rcpt_domain is in lower case, so it is never 'Example.org' (did you mean 'example.org'?)"],
    );
    check_is(
        &route(&[("rcpt_domain in ['a.example', '*.b.example']", "'relay'")], "'mx'"),
        &[
            "warning: MtaOutboundStrategy: route.match.0.if: line 1, column 30: in '*.b.example' the * stands for itself, \
         so rcpt_domain is never equal to it (did you mean ends_with(rcpt_domain, '.b.example')?)",
        ],
    );
    check_is(
        &route(&[("queue_name != 'remtoe'", "'relay'")], "'mx'"),
        &["warning: MtaOutboundStrategy: route.match.0.if: line 1, column 1: queue_name is never 'remtoe' \
         (did you mean 'remote'?)"],
    );
    check_is(
        &strategy("tls", &[("route == 'relai' && route_type == 'relay'", "'default'")], "'default'"),
        &["warning: MtaOutboundStrategy: tls.match.0.if: line 1, column 1: route is never 'relai' \
         (did you mean 'relay'?)"],
    );
    check_is(
        r#"{"MtaOutboundThrottle": [{"description": "x", "rate": {"count": 1, "period": 1000},
            "match": "sender_domain == 'a' || 'b'"}]}"#,
        &[
            "warning: MtaOutboundThrottle x: match.else: line 1, column 1: the text 'b' stands here as a condition, \
         which is always true (did you mean sender_domain in ['a', 'b']?)",
        ],
    );
    check_is(
        &route(&[], "'mx' } || 'x'"),
        &[
            "warning: MtaOutboundStrategy: route.else: line 1, column 6: what follows the } is ignored (take it away)",
        ],
    );
}

/// A relay with these further properties.
fn relay(properties: &str) -> String {
    format!(r#"[{{"@type": "Relay", "name": "r", "address": "relay.example.org"{properties}}}]"#)
}

const CREDENTIALS: &str = r#", "authUsername": "u", "authSecret": {"@type": "Value", "secret": "s"}"#;

#[test]
fn ports_and_tls_must_fit() {
    check_is(
        &relay(r#", "port": 465"#),
        &["warning: MtaRoute r: port: port 465 begins with TLS, but implicitTls is false \
         (set implicitTls to true, or use port 587 with STARTTLS)"],
    );
    check_is(
        &relay(r#", "port": 587, "implicitTls": true"#),
        &["warning: MtaRoute r: port: implicitTls does not fit port 587, which begins without TLS \
         (port 465 begins with TLS)"],
    );
    check_is(&relay(r#", "port": 2525, "implicitTls": true"#), &[]);
    check_is(
        &relay(r#", "protocol": "lmtp""#),
        &["warning: MtaRoute r: port: LMTP does not belong on port 25 \
         (RFC 2033 section 5 forbids port 25; 24 is usual)"],
    );
}

#[test]
fn a_demand_that_few_can_meet_is_shown_where_it_counts() {
    let strict = r#"{"name": "strict", "mtaSts": "require"}"#;
    let json =
        |tls: &str| format!(r#"{{"MtaTlsStrategy": [{strict}], "MtaOutboundStrategy": {{"tls": "{tls}"}}}}"#);
    check_is(
        &json("'strict'"),
        &["warning: MtaTlsStrategy strict: mtaSts: MTA-STS is required, which most domains do not have \
         (what has none is returned or waits; choose this strategy for domains that are known to have it)"],
    );
    check_is(&json("'default'"), &[]);
}

// proves: J10
#[test]
fn credentials_must_be_whole_and_stay_secret() {
    check_is(
        &relay(r#", "authUsername": "u""#),
        &["error: MtaRoute r: authSecret: there is no secret for the user u (give both or neither)"],
    );
    check_is(
        &relay(r#", "authSecret": {"@type": "Value", "secret": "s"}"#),
        &["error: MtaRoute r: authUsername: there is a secret, but no user name (give both or neither)"],
    );
    check_is(
        &relay(CREDENTIALS),
        &[
            "warning: MtaRoute r: implicitTls: there are credentials, but neither implicitTls nor a TLS strategy that \
         requires STARTTLS: 'default', 'invalid-tls' may be chosen (the password is never sent without TLS, so mail \
         would be deferred where none is offered)",
        ],
    );
    check_is(&relay(&format!(r#"{CREDENTIALS}, "implicitTls": true, "port": 465"#)), &[]);
    check_is(
        &relay(&format!(r#"{CREDENTIALS}, "implicitTls": true, "port": 465, "allowInvalidCerts": true"#)),
        &[
            "warning: MtaRoute r: allowInvalidCerts: the password is not sent to a server whose certificate does not \
         verify, so that mail would be deferred there (set it to false; or say with allowPlaintextAuth that the \
         password may be seen)",
        ],
    );
    check_is(
        &relay(&format!(
            r#"{CREDENTIALS}, "requireTls": true, "allowInvalidCerts": true, "allowPlaintextAuth": true"#
        )),
        &[
            "warning: MtaRoute r: allowPlaintextAuth: the password may go to whoever presents any certificate \
         (set it to false as soon as the relay has a certificate)",
        ],
    );
    check_is(
        &relay(&format!(r#"{CREDENTIALS}, "allowPlaintextAuth": true"#)),
        &[
            "warning: MtaRoute r: allowPlaintextAuth: the password may be sent without TLS, for anybody on the way to \
         read (set it to false as soon as the relay has a certificate)",
        ],
    );
    check_is(
        &relay(r#", "authMechanism": "XOAUTH2""#),
        &["error: MtaRoute r: authMechanism: there is a mechanism, but no user name and secret for it"],
    );
    check_is(
        &relay(r#", "clientKey": {"@type": "Value", "secret": "k"}"#),
        &["error: MtaRoute r: clientCertificate: there is no certificate that the key belongs to"],
    );
    let strict = serde_json::json!({
        "MtaRoute": serde_json::from_str::<serde_json::Value>(&relay(CREDENTIALS)).unwrap(),
        "MtaTlsStrategy": [{"name": "strict", "startTls": "require"}],
        "MtaOutboundStrategy": {"tls": {"else": "'strict'"}},
    });
    check_is(&strict.to_string(), &[]);
}

#[test]
fn the_lmtp_example_on_localhost_is_usable() {
    let json = r#"[{"@type": "Relay", "name": "lmtp", "address": "localhost", "port": 24, "protocol": "lmtp",
        "implicitTls": false, "allowInvalidCerts": true, "authUsername": "relay_server",
        "authSecret": {"@type": "Value", "secret": "123456"}}, {"@type": "Mx", "name": "mx"}]"#;
    check_is(json, &[]);
}

#[test]
fn the_worked_configurations_of_the_specification_are_usable() {
    check_is(
        r#"{"MtaRoute": {
              "r-int": {"@type": "Relay", "name": "internal", "address": "mx.corp.example", "port": 25, "protocol": "smtp"},
              "r-mx": {"@type": "Mx", "name": "mx"}, "r-loc": {"@type": "Local", "name": "local"}},
            "MtaOutboundStrategy": {"route": {
              "match": {"0": {"if": "rcpt_domain == 'corp.example'", "then": "'internal'"},
                        "1": {"if": "is_local_domain(rcpt_domain)", "then": "'local'"}}, "else": "'mx'"}}}"#,
        &[],
    );
    check_is(
        r#"{"MtaRoute": [{"@type": "Relay", "name": "fallback", "address": "fallback.example.org"}],
            "MtaTlsStrategy": {"t-plain": {"name": "plain", "startTls": "disable", "dane": "disable", "mtaSts": "disable"}},
            "MtaOutboundStrategy": {
              "route": {"match": {"0": {"if": "is_local_domain(rcpt_domain)", "then": "'local'"},
                                  "1": {"if": "retry_num > 1", "then": "'fallback'"}}, "else": "'mx'"},
              "tls": {"match": {"0": {"if": "retry_num > 1 && last_error == 'tls'", "then": "'plain'"},
                                "1": {"if": "retry_num > 0 && last_error == 'tls'", "then": "'invalid-tls'"}},
                      "else": "'default'"}}}"#,
        &[],
    );
}

#[test]
fn a_mask_is_no_secret() {
    check_is(
        &relay(
            r#", "port": 465, "implicitTls": true, "authUsername": "u", "authSecret": {"@type": "Value", "secret": "****"}"#,
        ),
        &["error: MtaRoute r: authSecret: the secret is ****, which is how secrets are shown, not one"],
    );
}

// proves: G9
#[test]
fn secrets_that_cannot_be_read_are_told() {
    let json = relay(
        r#", "port": 465, "implicitTls": true, "authUsername": "u",
        "authSecret": {"@type": "EnvironmentVariable", "variableName": "V"}"#,
    );
    let reference = SecretReference::EnvironmentVariable("V".to_owned());
    for (secret, expected) in [
        (None, "the secret in environment variable V was not read"),
        (
            Some(Err("it is not set".to_owned())),
            "cannot read the secret in environment variable V: it is not set",
        ),
        (Some(Ok(Secret::new(""))), "the secret in environment variable V is empty"),
        (Some(Ok(Secret::new("s"))), ""),
    ] {
        let secrets = secret.map(|secret| (reference.clone(), secret)).into_iter().collect();
        let environment = Environment { secrets, ..Environment::default() };
        let expected = match expected {
            "" => String::new(),
            told => format!(
                "warning: MtaRoute r: authSecret: {told} (mail by this route is deferred until it can be read)"
            ),
        };
        let (found, configuration) = findings(&json, &environment);
        assert_eq!(found, expected);
        assert!(configuration.is_some());
    }
}

// proves: J6
#[test]
fn a_relay_is_at_hosts_or_at_a_socket() {
    let relay = |properties: &str| format!(r#"[{{"@type": "Relay", "name": "r", {properties}}}]"#);
    check_is(
        &relay(r#""addresses": [{"address": "a.example"}, {"address": "192.0.2.1", "port": 587}]"#),
        &[],
    );
    check_is(&relay(r#""socket": "/run/lmtp", "protocol": "lmtp""#), &[]);
    check_is(&relay(r#""address": "_smtp._tcp.example.org", "lookup": "srv""#), &[]);
    check_is(
        &relay(r#""port": 25"#),
        &["error: MtaRoute r: address: the relay names no host (give address, addresses or socket)"],
    );
    check_is(
        &relay(r#""address": "_smtp._tcp.example.org""#),
        &["error: MtaRoute r: address: the name is that of SRV records, not of a host (set lookup to srv)"],
    );
    check_is(
        &relay(r#""address": "a.example", "socket": "run/lmtp", "requireTls": true"#),
        &[
            "error: MtaRoute r: socket: the relay is either a socket or at hosts (leave out address and addresses)",
            "error: MtaRoute r: socket: the path of a socket is absolute (such as /run/dovecot/lmtp)",
            "error: MtaRoute r: protocol: only LMTP is spoken over a Unix socket (set protocol to lmtp)",
            "error: MtaRoute r: requireTls: there is no TLS over a Unix socket (leave it out)",
        ],
    );
}

// proves: J6
#[test]
fn a_relay_that_is_this_server_is_warned_of() {
    let json = r#"[{"@type": "Relay", "name": "r", "address": "127.0.0.1", "port": 2525}]"#;
    let listeners = vec!["0.0.0.0:2525".parse().unwrap()];
    let environment = Environment { listeners, ..Environment::default() };
    let expected = "warning: MtaRoute r: address: the relay is this server itself, which listens on 0.0.0.0:2525 \
                    (mail would go in circles)";
    assert_eq!(findings(json, &environment).0, expected);
}

#[test]
fn domains_and_accounts_must_fit_together() {
    check_is(
        r#"{"Domain": [{"name": "a.example", "aliases": ["b.example"]}, {"name": "b.example"}],
            "Account": [{"name": "x@a.example"}, {"name": "y@a.example", "aliases": ["X@a.example"]}]}"#,
        &[
            "error: Domain b.example: b.example is also a name of the domain a.example",
            "error: Account y@a.example: X@a.example is also an address of the account x@a.example",
        ],
    );
    check_is(
        r#"{"Account": [{"name": "x@a.example"}]}"#,
        &[
            "warning: Account x@a.example: x@a.example is in no domain of this server (add a Domain a.example)",
        ],
    );
}

#[test]
fn local_mail_must_not_leave_by_mx() {
    let domains = r#""Domain": [{"name": "a.example"}, {"name": "b.example"}]"#;
    check_is(
        &format!(r#"{{{domains}, "MtaOutboundStrategy": {{"route": "'mx'"}}}}"#),
        &[
            "warning: MtaOutboundStrategy: route: mail for a.example, b.example goes out by the Mx route 'mx', though it \
         is local (begin with a branch such as: if is_local_domain(rcpt_domain) then 'local')",
        ],
    );
    check_is(&format!("{{{domains}}}"), &[]);
}

// proves: 5.16.2
#[test]
fn accounts_are_found_by_every_spelling() {
    let json = r#"{"Domain": [{"name": "a.example", "aliases": ["b.example"]}, {"name": "c.example",
            "catchAllAddress": "anna@a.example"}],
        "Account": [{"name": "Anna@a.example", "aliases": ["info@a.example"]}],
        "SystemSettings": {"defaultHostname": "mx.a.example"}}"#;
    let configuration = Configuration::from_settings_json(json, &Environment::default()).unwrap();
    for (address, local) in [
        ("anna@a.example", true),
        ("ANNA@b.example", true),
        ("info@b.example", true),
        ("any@c.example", true),
        ("bob@a.example", false),
        ("anna@d.example", false),
    ] {
        let parsed = mail::Address::parse(address).unwrap();
        assert_eq!(configuration.is_local_address(&parsed), local, "{address}");
    }
    assert_eq!(
        (configuration.hostname.as_str(), configuration.domain.as_str()),
        ("mx.a.example", "mx.a.example")
    );
}

#[test]
fn errors_of_the_file_come_out_as_findings() {
    let error = Configuration::from_settings_json("[{]", &Environment::default()).unwrap_err();
    let expected = "error: line 1, column 3: the name of a property in double quotes is expected here";
    assert_eq!(error[0].to_string(), expected);
}

// proves: 5.17 source IP
#[test]
fn source_addresses_that_are_not_there_are_warnings() {
    let json = r#"{"MtaConnectionStrategy": {"name": "c", "sourceIps": [
        {"sourceIp": "192.0.2.1"}, {"sourceIp": "192.0.2.2"}, {"sourceIp": "192.0.2.3"}]}}"#;
    let environment = Environment {
        source_addresses: [
            ("192.0.2.1".parse().unwrap(), Ok(())),
            ("192.0.2.2".parse().unwrap(), Err("cannot assign requested address".to_owned())),
        ]
        .into(),
        ..Environment::default()
    };
    let (found, configuration) = findings(json, &environment);
    let expected = "warning: MtaConnectionStrategy c: sourceIps.1.sourceIp: cannot connect from 192.0.2.2: \
        cannot assign requested address (mail that would leave from there waits until this machine has the address)";
    assert_eq!(found, expected);
    assert!(configuration.is_some());
}

#[test]
fn lookup_stores_must_be_reached_safely() {
    let store = |properties: &str| {
        format!(
            r#"{{"StoreLookup": [{{"@type": "PostgreSql", "name": "db", "host": "db.example.org", "database": "d",
            "authUsername": "u"{properties}}}]}}"#
        )
    };
    check_is(&store(""), &[]);
    check_is(
        &store(r#", "tls": "optional""#),
        &["warning: StoreLookup db: tls: questions and answers may go over the network in the clear \
         (set tls to require)"],
    );
    check_is(
        &store(r#", "allowInvalidCerts": true"#),
        &["warning: StoreLookup db: allowInvalidCerts: whoever presents any certificate is believed \
         (set allowInvalidCerts to false)"],
    );
    check_is(
        &store(r#", "authSecret": {"@type": "Value", "secret": "****"}"#),
        &["error: StoreLookup db: authSecret: the secret is ****, which is how secrets are shown, not one"],
    );
    check_is(
        &store(r#", "authSecret": {"@type": "File", "filePath": "/run/s"}"#),
        &["error: StoreLookup db: authSecret: the secret in file /run/s was not read"],
    );
    let local = store(r#", "tls": "disable""#).replace("db.example.org", "/run/postgresql");
    check_is(&local, &[]);
    check_is(
        r#"{"StoreLookup": [{"@type": "Memory", "name": "seen"}],
            "MtaOutboundStrategy": {"route": "key_get('sene', rcpt)"}}"#,
        &["error: MtaOutboundStrategy: route.else: line 1, column 9: there is no lookup store 'sene' \
         (did you mean seen?)"],
    );
    let errors = Settings::from_json(
        r#"[{"@type": "Sqlite", "name": "*", "path": "lookup.sqlite"},
            {"@type": "PostgreSql", "name": "a", "poolMaxConnections": 65}, {"@type": "Sqlit", "name": "b"}]"#,
    );
    let said: Vec<_> = errors.unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "line 2, column 87: there is no type of object Sqlit (did you mean Sqlite?)",
            "line 1, column 43: StoreLookup *: path: 'lookup.sqlite' is no absolute path",
            "line 1, column 30: StoreLookup *: name: * stands for the default store",
            "line 2, column 72: StoreLookup a: poolMaxConnections: must be at most 64",
            "line 2, column 13: StoreLookup a: the property host is missing",
        ]
    );
}
