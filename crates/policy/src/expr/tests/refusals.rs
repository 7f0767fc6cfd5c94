//! What the check refuses, and which variables are known where.

use super::compile;
use crate::expr::{Context, Variable};

const SQL_STORES: &str = "Sqlite and PostgreSql stores know SQL";

#[track_caller]
fn check(cases: &[(&str, usize, &str, &str)]) {
    for (source, start, message, hint) in cases {
        let error = compile(source).map(|_| ()).expect_err(source);
        let found = (error.span.start, error.message.as_str(), error.hint.as_deref().unwrap_or(""));
        assert_eq!(found, (*start, *message, *hint), "{source}");
    }
}

#[test]
fn what_cannot_be_right_is_refused_with_its_place() {
    check(&[
        ("rcpt_domian", 0, "there is no variable or constant rcpt_domian", "did you mean rcpt_domain?"),
        (
            "relay",
            0,
            "there is no variable or constant relay",
            "did you mean 'relay'? The name of a route is written in quotes",
        ),
        (
            "1 + whatever",
            4,
            "there is no variable or constant whatever",
            "a text is written in quotes: 'whatever'",
        ),
        (
            "mx",
            0,
            "the variable mx is not known in route and schedule",
            "it is known in connection and tls, outbound throttles",
        ),
        (
            "helo_domain",
            0,
            "the variable helo_domain is not known in route and schedule",
            "it is known in EHLO, MAIL FROM, RCPT TO, authenticity of the sender",
        ),
        (
            "len",
            0,
            "there is no variable or constant len",
            "len is a function: its arguments follow in parentheses",
        ),
        ("is_local_domian(rcpt)", 0, "there is no function is_local_domian", "did you mean is_local_domain?"),
        ("len(1, 2)", 0, "the function len takes 1 argument, not 2", ""),
        ("is_local_domain()", 0, "the function is_local_domain takes 1 or 2 arguments, not 0", ""),
        ("is_local_domain('', '', '')", 0, "the function is_local_domain takes 1 or 2 arguments, not 3", ""),
        ("key_get('a')", 0, "the function key_get takes 2 arguments, not 1", ""),
        ("key_get('rutes', rcpt)", 8, "there is no lookup store 'rutes'", "did you mean routes?"),
        (
            "system('host')",
            7,
            "there is no system value 'host'",
            "there are domain, hostname, node_id, node_hostname, node_role",
        ),
        ("system(rcpt)", 7, "the argument of system must be a text in quotes", ""),
        ("metric('A b')", 7, "'A b' is no name of a metric", "such as 'queue.count'"),
        (
            "matches(rcpt, 'a')",
            8,
            "the first argument of matches must be a text in quotes",
            "matches('a', rcpt)",
        ),
        ("matches('a(', rcpt)", 8, "the regular expression is malformed: unclosed group", ""),
        ("matches('(a{900}){900}', rcpt)", 8, "the regular expression is too large", ""),
        ("rcpt in 'a'", 8, "what follows 'in' must be a list", "rcpt in ['a']"),
    ]);
}

#[test]
fn lookups_that_cannot_be_answered_are_refused() {
    check(&[
        ("sql_query('', 'SELECT 1', [])", 10, "the default store knows no SQL", SQL_STORES),
        (
            "sql_query('routes', 'SELECT 1', [])",
            10,
            "the lookup store 'routes' is in memory and knows no SQL",
            SQL_STORES,
        ),
        ("sql_query('db', '  ', [])", 16, "the SQL statement is empty", ""),
        (
            "sql_query('db', 'SELECT a FROM b WHERE c = ' + rcpt, [])",
            16,
            "the SQL statement must be a text in quotes",
            "values are bound to its parameters: sql_query('db', 'select … where a = ?', [rcpt])",
        ),
        ("header('X Y')", 7, "'X Y' is no name of a header field", ""),
        ("relay_is_up('mx')", 12, "there is no Relay route 'mx'", "there are 'relay'"),
        ("relay_is_up('relai')", 12, "there is no Relay route 'relai'", "did you mean relay?"),
        (
            "dns_query(rcpt_domain, 'soa')",
            23,
            "dns_query cannot ask for 'soa'",
            "it can ask for ip, ipv4, ipv6, mx, txt, ptr",
        ),
    ]);
}

#[test]
fn variables_are_known_where_the_specification_says() {
    let known = |context| {
        let all = Variable::ALL.iter().filter(|variable| variable.is_in(context));
        all.map(|variable| variable.name()).collect::<Vec<_>>().join(" ")
    };
    let rcpt = "rcpt rcpt_domain recipients sender sender_domain priority retry_num notify_num expires_in \
                last_status last_error queue_name queue_age received_from_ip received_via_port source size";
    let connection = "remote_ip local_ip listener remote_port local_port protocol is_tls asn country";
    let host = format!("{rcpt} route route_type mx remote_ip local_ip listener authenticated_as");
    assert_eq!(known(Context::Recipient), format!("{rcpt} listener authenticated_as"));
    assert_eq!(known(Context::Host), host);
    assert_eq!(known(Context::Throttle), host);
    assert_eq!(
        known(Context::Quota),
        "rcpt rcpt_domain recipients sender sender_domain priority received_from_ip received_via_port source \
         size listener authenticated_as"
    );
    assert_eq!(
        known(Context::Sender),
        "recipients sender sender_domain priority retry_num notify_num expires_in last_status last_error"
    );
    assert_eq!(known(Context::Connection), connection);
    assert_eq!(known(Context::Ehlo), format!("{connection} helo_domain authenticated_as"));
    assert_eq!(
        known(Context::MailFrom),
        format!("sender sender_domain {connection} helo_domain authenticated_as")
    );
    assert_eq!(
        known(Context::RcptTo),
        format!(
            "rcpt rcpt_domain recipients sender sender_domain priority {connection} helo_domain authenticated_as"
        )
    );
    assert_eq!(
        (known(Context::RcptAddress), known(Context::RcptDomain)),
        ("rcpt".into(), "rcpt_domain".into())
    );
}
