//! Expressions that look into PostgreSQL and SQLite: tables that route, counters, and what happens when there is no
//! answer.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use e2e::client::message;
use e2e::peers::{PostgreSql, SmtpSink};
use e2e::settings::SENDER;
use e2e::{Client, Settings, Setup, Waypost, eventually};
use serde_json::{Value, json};

/// A database store `db` with a password from a file.
fn store(database: &PostgreSql, tls: &str) -> Value {
    json!({
        "@type": "PostgreSql", "name": "db", "host": "127.0.0.1", "port": database.port, "database": "postgres",
        "authUsername": PostgreSql::USER, "authSecret": {"@type": "Value", "secret": PostgreSql::PASSWORD},
        "tls": tls, "allowInvalidCerts": true, "timeout": 1_500,
    })
}

/// Routes to a sink by what an expression finds, and nowhere else.
fn waypost(sink: &SmtpSink, stores: Value, branches: &[(&str, &str)]) -> Waypost {
    let relay = json!({ "@type": "Relay", "name": "sink", "address": "127.0.0.1", "port": sink.port });
    let settings = branches
        .iter()
        .fold(Settings::default().route(relay), |settings, (condition, then)| settings.when(condition, then));
    let mut json = settings.json();
    json["StoreLookup"] = stores;
    Setup::with(json).boot("[mx]\nallow_loopback = true\n").start()
}

#[track_caller]
fn send(waypost: &Waypost, to: &[&str], subject: &str) {
    let reply = Client::ready(waypost.port).send(SENDER, to, &message(subject)).unwrap();
    assert_eq!(reply.code, 250, "{}", reply.text);
}

const TABLE: &str = "CREATE TABLE routes (domain TEXT PRIMARY KEY, route VARCHAR(20), weight INTEGER);
    INSERT INTO routes VALUES ('listed.test', 'sink', 7);";

// proves: 5.16.1, J14
#[test]
fn a_table_routes_and_hostile_addresses_are_only_data() {
    let (database, sink) = (PostgreSql::start(), SmtpSink::start());
    database.sql(TABLE);
    let route = "sql_query('db', 'SELECT route FROM routes WHERE domain = $1', [rcpt_domain])";
    let hostile =
        "sql_query('db', 'SELECT weight FROM routes WHERE route = $1 OR domain = $2', [rcpt, sender])";
    let waypost = waypost(
        &sink,
        json!([store(&database, "require")]),
        &[
            (
                &format!(
                    "is_empty({hostile}) && counter_incr('db', rcpt_domain, 1) > 0 && {route} == 'sink'"
                ),
                route,
            ),
            ("counter_get('db', rcpt_domain) == 1 && key_set('db', rcpt, 'seen') == 1", "'sink'"),
        ],
    );
    send(&waypost, &["\"' OR 1=1 --\"@listed.test"], "listed");
    sink.wait_for(1, "Subject: listed");
    send(&waypost, &["ann@unlisted.test"], "unlisted");
    sink.wait_for(1, "Subject: unlisted");
    eventually("the queue is empty", || waypost.queue().is_empty().then_some(()));
    // Each evaluation counted once, though it asked several times.
    let kept = "SELECT key, value, number FROM waypost_keys ORDER BY key";
    assert_eq!(database.sql(kept), "ann@unlisted.test|seen|\nlisted.test||1\nunlisted.test||1");
    assert_eq!(database.sql("SELECT count(*) FROM routes"), "1");
    assert_eq!(
        database.sql("SELECT count(*) FROM pg_stat_ssl WHERE NOT ssl AND pid <> pg_backend_pid()"),
        "0"
    );

    let ask = ["explain", "--config", "waypost.toml", "--from", SENDER, "--to", "bob@unlisted.test"];
    let explained = waypost.print(&ask);
    assert!(explained.contains("Not written here"), "{explained}");
    assert!(explained.contains("key_set('db', 'bob@unlisted.test', …)"), "{explained}");
    assert_eq!(database.sql("SELECT number FROM waypost_keys WHERE key = 'unlisted.test'"), "1");
    assert_eq!(database.sql("SELECT count(*) FROM waypost_keys"), "3");
}

// proves: J2, 5.17 expression errors
#[test]
fn without_an_answer_mail_waits_and_takes_no_other_way() {
    let (mut database, sink) = (PostgreSql::start(), SmtpSink::start());
    database.sql(TABLE);
    let route = "sql_query('db', 'SELECT route FROM routes WHERE domain = $1', [rcpt_domain])";
    let waypost =
        waypost(&sink, json!([store(&database, "require")]), &[("rcpt_domain in ['listed.test']", route)]);
    let check = ["check", "--config", "waypost.toml", "--stores"];
    assert!(waypost.tell(&check).status.success());
    database.stop();
    let refused = waypost.tell(&check);
    let said = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert!(
        !refused.status.success() && said.contains("StoreLookup db") && said.contains("cannot connect"),
        "{said}"
    );
    send(&waypost, &["ann@listed.test"], "patience");
    let row = eventually("it was tried", || {
        waypost.queue().into_iter().find(|row| row["attempts"].as_u64().unwrap() > 0)
    });
    let error = row["lastError"].as_str().unwrap();
    assert!(error.contains("sql_query('db'") && error.contains("cannot connect"), "{error}");
    assert!(sink.messages().is_empty());
    database.run();
    sink.wait_for(1, "Subject: patience");
    eventually("the queue is empty", || waypost.queue().is_empty().then_some(()));
}

// proves: 5.16.1
#[test]
fn a_statement_that_takes_too_long_is_given_up_and_the_connection_with_it() {
    let (database, sink) = (PostgreSql::start(), SmtpSink::start());
    let slow = "sql_query('db', 'SELECT pg_sleep($1)::text', [if_then(retry_num > 0, 0, 600)]) == ''";
    let waypost = waypost(&sink, json!([store(&database, "optional")]), &[(slow, "'sink'")]);
    send(&waypost, &["ann@slow.test"], "slow");
    sink.wait_for(1, "Subject: slow");
    eventually("the server gave it up too", || {
        let asleep = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(%' \
                      AND pid <> pg_backend_pid()";
        (database.sql(asleep) == "0").then_some(())
    });
    let row = |shape: &str| database.sql(shape);
    assert_eq!(row("SELECT 1"), "1", "the server is well");
}

/// What statements of all shapes come to, as `explain` sees it.
// proves: 5.16.1
#[test]
fn answers_have_the_shapes_of_their_rows() {
    let (database, sink) = (PostgreSql::start(), SmtpSink::start());
    database.sql(
        "CREATE TABLE t (n INTEGER, f DOUBLE PRECISION, b BOOLEAN, s TEXT, at TIMESTAMP);
         INSERT INTO t VALUES (1, 0.5, true, 'a', now()), (2, NULL, false, NULL, now());",
    );
    for (expression, expected) in [
        ("sql_query('db', 'SELECT n FROM t WHERE n = $1', [1]) == 1", true),
        ("sql_query('db', 'SELECT n FROM t WHERE n = $1', '1') + 1 == 2", true),
        ("is_empty(sql_query('db', 'SELECT n FROM t WHERE n = $1', 9))", true),
        ("sql_query('db', 'SELECT n, f, b, s FROM t WHERE n = 1', []) == [1, 0.5, 1, 'a']", true),
        ("sql_query('db', 'SELECT f, b, s FROM t WHERE n = 2', []) == ['', 0, '']", true),
        ("sql_query('db', 'select n, s from t order by n', []) == [[1, 'a'], [2, '']]", true),
        ("sql_query('db', 'SELECT s FROM t WHERE n = 2', []) == ['']", true),
        ("key_exists('db', rcpt) == 0 && key_get('db', rcpt) == '' && counter_get('db', rcpt) == 0", true),
        ("sql_query('db', 'SELECT at FROM t', []) == ''", false),
        ("sql_query('db', 'SELECT n FROM t WHERE n = $1', ['x']) == ''", false),
        ("sql_query('db', 'SELECT n FROM t WHERE n = $1', []) == ''", false),
        ("sql_query('db', 'SELECT generate_series(1, 2000)', []) == ''", false),
        ("sql_query('db', 'SELECT nothing', []) == ''", false),
    ] {
        let relay = json!({ "@type": "Relay", "name": "sink", "address": "127.0.0.1", "port": sink.port });
        let mut json = Settings::default().route(relay).when(expression, "'sink'").json();
        json["StoreLookup"] = json!([store(&database, "disable")]);
        let waypost = Setup::with(json).prepare();
        let ask = ["explain", "--config", "waypost.toml", "--json", "--from", SENDER, "--to", "ann@far.test"];
        let report: Value = serde_json::from_str(&waypost.print(&ask)).unwrap();
        let name = report[0]["route"]["name"].as_str();
        assert_eq!(name, expected.then_some("sink"), "{expression}: {}", report[0]["route"]["result"]);
    }
}

#[test]
fn a_field_of_the_header_routes() {
    let sink = SmtpSink::start();
    let way = "header('X-Way') == 'to the sink' && count(headers('x-way')) == 2";
    let waypost = waypost(&sink, json!([]), &[(way, "'sink'")]);
    let fields = "X-Way: =?utf-8?q?to_the?=\r\n =?utf-8?q?_sink?=\r\nX-Way: elsewhere\r\n";
    // The second is larger than what is kept in memory.
    for (subject, lines) in [("small", 1), ("large", 20_000)] {
        let body = "0123456789012345678901234567890123456789012345678901234567890123456789\r\n".repeat(lines);
        let content = format!("{fields}Subject: {subject}\r\n\r\n{body}");
        let reply = Client::ready(waypost.port).send(SENDER, &["ann@far.test"], &content).unwrap();
        assert_eq!(reply.code, 250, "{}", reply.text);
    }
    sink.wait_for(1, "Subject: small");
    sink.wait_for(1, "Subject: large");
    let ask = ["explain", "--config", "waypost.toml", "--from", SENDER, "--to", "bob@far.test", "--header"];
    let explained = waypost.print(&[&ask[..], &["X-Way: to the sink", "--header", "x-way:"]].concat());
    assert!(explained.contains("header('x-way') = 'to the sink'"), "{explained}");
    assert!(explained.contains("the relay"), "{explained}");
}

// proves: 5.16.1
#[test]
fn a_file_routes_as_well_as_a_server() {
    let sink = SmtpSink::start();
    let folder = tempfile::tempdir().unwrap();
    let file = json!([{ "@type": "Sqlite", "name": "file", "path": folder.path().join("lookup.sqlite") }]);
    let waypost = waypost(
        &sink,
        file,
        &[(
            "counter_incr('file', sender, 1) > 1 && key_set('file', rcpt_domain, 'sink') == 1",
            "key_get('file', rcpt_domain)",
        )],
    );
    send(&waypost, &["ann@far.test"], "twice");
    // No MX at the first attempt, for `far.test` is not there; so it is tried once and ended, or waits.
    eventually("the first was counted", || folder.path().join("lookup.sqlite").exists().then_some(()));
    send(&waypost, &["bob@far.test"], "thrice");
    sink.wait_for(1, "Subject: thrice");
}
