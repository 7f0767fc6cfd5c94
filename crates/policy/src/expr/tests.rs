//! What expressions come to.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::expr::value::equal;

/// Variables of a test.
struct Given(BTreeMap<&'static str, Value<'static>>);

impl<'a> Variables<'a> for Given {
    fn value(&self, variable: Variable) -> Value<'a> {
        self.0.get(variable.name()).cloned().unwrap_or(Value::text(""))
    }
}

/// A server for which `example.org` and `anna@example.org` are local.
struct Here;

impl Surroundings for Here {
    fn is_local_domain(&self, domain: &str) -> bool {
        domain == "example.org"
    }
    fn is_local_address(&self, address: &str) -> bool {
        address == "anna@example.org"
    }
    fn hostname(&self) -> &str {
        "mx.example.org"
    }
    fn domain(&self) -> &str {
        "example.org"
    }
}

fn given() -> Given {
    let recipients = ["anna@example.org", "bob@example.net"].map(Value::text);
    Given(
        [
            ("rcpt", Value::text("anna@example.org")),
            ("rcpt_domain", Value::text("example.org")),
            ("sender", Value::text("zoe@sales.example.net")),
            ("sender_domain", Value::text("sales.example.net")),
            ("recipients", Value::list(recipients.to_vec())),
            ("retry_num", Value::Integer(2)),
            ("size", Value::Integer(20_000_000)),
            ("source", Value::text("authenticated")),
            ("last_error", Value::text("tls")),
            ("mx", Value::text("mx1.example.net")),
        ]
        .into(),
    )
}

fn compile(source: &str) -> Result<Formula, ExprError> {
    let routes = ["relay".to_owned(), "mx".to_owned()].into();
    let stores = BTreeSet::from(["routes".to_owned()]);
    let dictionary = Dictionary { context: Context::Recipient, objects: ("route", &routes), stores: &stores };
    Formula::compile(source, &dictionary)
}

/// What an expression comes to, as people are shown it.
fn result(source: &str, answers: &LookupAnswers) -> String {
    let formula = compile(source).unwrap_or_else(|error| panic!("{source}: {error:?}"));
    let given = given();
    let scene = Scene { variables: &given, surroundings: &Here, answers };
    match formula.evaluate(scene) {
        Ok(value) => super::eval::show(&value),
        Err(Interrupt::Needs(lookup)) => format!("needs {lookup}"),
        Err(Interrupt::Failed(reason)) => format!("failed: {reason}"),
    }
}

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    let answers = LookupAnswers::default();
    for (source, expected) in cases {
        assert_eq!(result(source, &answers), *expected, "{source}");
    }
}

#[test]
fn operators() {
    check(&[
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("10 - 4 - 3", "3"),
        ("7 / 2", "3.5"),
        ("1 / 0", "0"),
        ("7 % 3", "1"),
        ("7 % 0", "0"),
        ("7.5 % 2", "1.5"),
        ("9223372036854775807 + 1", "9223372036854775807"),
        ("-9223372036854775807 - 5", "-9223372036854775808"),
        ("-(-9223372036854775807 - 1)", "9223372036854775807"),
        ("(-9223372036854775807 - 1) % -1", "0"),
        ("9223372036854775807 * 2", "9223372036854775807"),
        ("1 + 0.5", "1.5"),
        ("'a' + 'b' + 1", "'ab1'"),
        ("'' + 5", "5"),
        ("5 + ''", "5"),
        ("'x' + relaxed", "'x'"),
        ("relaxed + strict", "''"),
        ("[1] + [2]", "[1, 2]"),
        ("[1] + 2", "[1, 2]"),
        ("0 + [1]", "[0, 1]"),
        ("[1, 2, 1] - 1", "[2]"),
        ("'7' - '2'", "5"),
        ("'3' * '1.5'", "4.5"),
        ("!1", "0"),
        ("!''", "1"),
        ("!0 == 1", "1"),
        ("-'3'", "-3"),
        ("1 ^ 1", "0"),
        ("1 ^ 0", "1"),
        ("2 > 1", "1"),
        ("2 => 3", "0"),
        ("2 =< 3", "1"),
        ("'b' > 'a'", "1"),
        ("'a' = 'a'", "1"),
        ("'abc' == 0", "1"),
        ("relaxed == relaxed", "1"),
        ("relaxed == strict", "0"),
        ("2 in [1, 2]", "1"),
        ("'x' in ['a', 'b']", "0"),
        ("rcpt_domain in ['example.org', 'example.net'] && retry_num > 1", "1"),
        ("10s", "10000"),
        ("$x", "0"),
        ("1 } nonsense", "1"),
        ("\t1\t+\r\n1", "2"),
    ]);
}

#[test]
fn short_circuits_yield_the_first_operand_as_it_is() {
    check(&[
        ("'a' || 'b'", "'a'"),
        ("'' || 'b'", "1"),
        ("'' || 0", "0"),
        ("0 || '' || 'c'", "1"),
        ("'' && 'b'", "''"),
        ("'a' && 'b'", "1"),
        ("'a' && ''", "0"),
        ("1 || dns_query('a.example', 'mx')", "1"),
        ("0 && dns_query('a.example', 'mx')", "0"),
    ]);
}

#[test]
fn lists_indexes_and_captures() {
    check(&[
        ("recipients[1]", "'bob@example.net'"),
        ("recipients[9]", "''"),
        ("recipients[-1]", "''"),
        ("rcpt_domain[0]", "'example.org'"),
        ("rcpt_domain[1]", "''"),
        ("('')[0]", "''"),
        ("[1, -2, !0, 1 + 1]", "[1, -2, 1, 2]"),
        ("[[1, 2], 'a'][0][1]", "2"),
        ("['a', 'b'][('x')]", "'a'"),
        ("matches('^([a-z]+)@(x)?', rcpt) && $1 == 'anna' && $2 == '' && $7 == ''", "1"),
        ("matches('(?i)^ANNA@', rcpt)", "1"),
        ("matches('bob', rcpt) || $0 == ''", "1"),
        (r"matches('^mx\d\.', 'mx1.example.net')", "1"),
    ]);
}

#[test]
fn special_forms() {
    check(&[
        ("system('domain')", "'example.org'"),
        ("system('hostname')", "'mx.example.org'"),
        ("system('node_id')", "0"),
        ("system('node_role')", "''"),
        ("metric('queue.count')", "0"),
        ("metric('queue-count') > 5", "0"),
        ("is_local_domain(rcpt_domain)", "1"),
        ("is_local_domain('', rcpt_domain)", "1"),
        ("is_local_domain('*', sender_domain)", "0"),
        ("is_local_address(rcpt)", "1"),
        ("is_local_address('', sender)", "0"),
    ]);
}

#[test]
fn functions_of_lists() {
    check(&[
        ("count(recipients)", "2"),
        ("count('')", "0"),
        ("count('a')", "1"),
        ("count(5)", "1"),
        ("sort([3, 1, 2], true)", "[1, 2, 3]"),
        ("sort(['b', 'a', 3], false)", "['b', 'a', 3]"),
        ("sort('x', 1)", "'x'"),
        ("dedup(['a', 'b', 'a'])", "['a', 'b']"),
        ("winnow(['a', '', 'b'])", "['a', 'b']"),
        ("winnow('')", "''"),
        ("is_intersect(['a', 'b'], ['b', 'c'])", "1"),
        ("is_intersect(['a'], 'a')", "1"),
        ("is_intersect('a', ['a'])", "1"),
        ("is_intersect('a', 'a')", "0"),
        ("contains(['gmail.com', 'outlook.com'], 'outlook.com')", "1"),
        ("contains('hello', 'ell')", "1"),
        ("contains('hello', 'ELL')", "0"),
        ("contains_ignore_case('hÉllo', 'éLL')", "1"),
        ("contains_ignore_case(['A', 'b'], 'B')", "1"),
        ("contains_ignore_case(1234, 23)", "1"),
        ("is_empty('')", "1"),
        ("is_empty([])", "1"),
        ("is_empty(0)", "0"),
        ("is_number(5)", "1"),
        ("is_number('5')", "0"),
        ("if_then(1 > 2, 'a', 'b')", "'b'"),
    ]);
}

#[test]
fn functions_of_texts() {
    check(&[
        ("eq_ignore_case('AbC', 'aBc')", "1"),
        ("starts_with('hello', 'he')", "1"),
        ("ends_with('hello', 'he')", "0"),
        ("len('é')", "2"),
        ("len([1, 2])", "2"),
        ("len(1234)", "4"),
        ("count_chars('éa')", "2"),
        ("count_spaces(' a b ')", "3"),
        ("count_uppercase('aBC')", "2"),
        ("count_lowercase('aBC')", "1"),
        ("trim(' a ')", "'a'"),
        ("trim_start(' a ')", "'a '"),
        ("trim_end([' a ', 'b '])", "[' a', 'b']"),
        ("to_lowercase('ÄB')", "'äb'"),
        ("to_uppercase(['a', 'b'])", "['A', 'B']"),
        ("is_uppercase('A1')", "1"),
        ("is_lowercase('1')", "1"),
        ("has_digits('a1')", "1"),
        ("substring('héllo', 1, 3)", "'éll'"),
        ("substring('abc', 2, 9)", "'c'"),
        ("substring('abc', 9, 9)", "''"),
        ("substring('abc', -1, 2)", "'ab'"),
        ("strip_prefix('abc', 'a')", "'bc'"),
        ("strip_prefix('abc', 'x')", "''"),
        ("strip_suffix(['abc', 'c'], 'c')", "['ab', '']"),
    ]);
}

#[test]
fn functions_that_split() {
    check(&[
        ("lines('a\nb')", "['a', 'b']"),
        ("lines(5)", "5"),
        ("split('a,b,c', ',')", "['a', 'b', 'c']"),
        ("rsplit('a,b,c', ',')", "['c', 'b', 'a']"),
        ("split_once('a,b,c', ',')", "['a', 'b,c']"),
        ("rsplit_once('a,b,c', ',')", "['a,b', 'c']"),
        ("split_once('abc', ',')", "''"),
        ("split_n('a,b,c,d', ',', 2)", "['a', 'b', 'c,d']"),
        ("split_n('a,b', ',', 0)", "['a,b']"),
        ("split_words('one two, 3')", "['one', '3']"),
    ]);
}

#[test]
fn functions_of_addresses_and_hashes() {
    check(&[
        ("is_email('a@b.example')", "1"),
        ("is_email('a@b')", "0"),
        ("is_email('\"a b\"@b.example')", "1"),
        ("is_email('@b.example')", "0"),
        ("is_email('a@b..example')", "0"),
        ("email_part('a@x@b.example', 'local')", "'a@x'"),
        ("email_part(recipients, 'domain')", "['example.org', 'example.net']"),
        ("email_part('a', 'domain')", "''"),
        ("email_part('a@b', 'both')", "''"),
        ("is_ip_addr('::1')", "1"),
        ("is_ipv4_addr('::1')", "0"),
        ("is_ipv6_addr('::1')", "1"),
        ("is_ip_addr('1.2.3')", "0"),
        ("is_ip_in_cidr('192.0.2.9', '192.0.2.0/24')", "1"),
        ("is_ip_in_cidr('192.0.3.9', '192.0.2.0/24')", "0"),
        ("is_ip_in_cidr('x', '192.0.2.0/24')", "0"),
        ("is_ip_in_cidr('192.0.2.9', 'x')", "0"),
        ("ip_reverse_name('192.0.2.1')", "'1.2.0.192'"),
        (
            "ip_reverse_name('2001:db8::1')",
            "'1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2'",
        ),
        ("ip_reverse_name('x')", "''"),
        ("hash('a', 'md5')", "'0cc175b9c0f1b6a831c399e269772661'"),
        ("hash('a', 'sha1')", "'86f7e437faa5a7fce15d1ddcb9eaeaea377667b8'"),
        ("starts_with(hash('a', 'sha256'), 'ca978112ca1bbdca')", "1"),
        ("len(hash('a', 'sha512'))", "128"),
        ("hash('a', 'crc')", "''"),
    ]);
}

#[test]
fn the_worked_examples_of_the_specification() {
    check(&[
        ("is_local_domain(rcpt_domain)", "1"),
        ("is_local_domain('', rcpt_domain)", "1"),
        ("retry_num > 1", "1"),
        ("sender_domain == 'example.org'", "0"),
        ("source == 'authenticated'", "1"),
        ("contains(['gmail.com','outlook.com'], rcpt_domain)", "0"),
        (r"matches('^(gmail|outlook)\.com$', rcpt_domain)", "0"),
        (r"if_then(matches('@([a-z]+)\.org$', rcpt), 'relay-' + $1, '')", "'relay-example'"),
        (
            "key_exists('routes', rcpt_domain)",
            "failed: key_exists('routes', 'example.org'): the store is not configured",
        ),
        ("key_get('', rcpt_domain)", "failed: key_get('', 'example.org'): the store is not configured"),
        ("retry_num > 0 && last_error == 'tls'", "1"),
        ("size > 10485760", "1"),
        ("starts_with(hash(rcpt, 'md5'), '0') || starts_with(hash(rcpt, 'md5'), '9')", "0"),
        (
            "is_empty(dns_query(dns_query(rcpt_domain,'mx')[0],'ipv6'))",
            "needs dns_query('example.org', 'mx')",
        ),
    ]);
}

#[test]
fn lookups_are_asked_for_one_after_the_other() {
    let source = "is_empty(dns_query(dns_query(rcpt_domain, 'MX')[0], 'ipv6'))";
    let mut answers = LookupAnswers::default();
    let dns = |name: &str, kind| Lookup::Dns { name: name.to_owned(), kind };
    answers.insert_dns(dns("example.org", DnsKind::Mx), Ok(vec!["mx1.example.org".to_owned()]));
    assert_eq!(result(source, &answers), "needs dns_query('mx1.example.org', 'ipv6')");
    answers.insert_dns(dns("mx1.example.org", DnsKind::Ipv6), Err(crate::mx::DnsError::NoData));
    assert_eq!(result(source, &answers), "1");
    let failed = crate::mx::DnsError::Failed("SERVFAIL".to_owned());
    answers.insert_dns(dns("mx1.example.org", DnsKind::Ipv6), Err(failed));
    assert_eq!(result(source, &answers), "failed: dns_query('mx1.example.org', 'ipv6'): SERVFAIL");
    assert_eq!(result("dns_query('', 'mx')", &answers), "[]");
    assert_eq!(result("dns_query('a.example', 'soa')", &answers), "''");
    assert_eq!(result("dns_query('a.example', 'ptr')", &answers), "[]");
}

#[test]
fn lookups_of_one_decision_are_bounded() {
    let mut answers = LookupAnswers::default();
    for number in 0..crate::limits::LOOKUPS_PER_DECISION_MAX {
        let lookup = Lookup::Dns { name: format!("{number}.example"), kind: DnsKind::Ip };
        answers.insert_dns(lookup, Ok(Vec::new()));
    }
    assert_eq!(result("dns_query('0.example', 'ip')", &answers), "[]");
    assert_eq!(
        result("dns_query('more.example', 'ip')", &answers),
        "failed: more than 16 lookups are needed"
    );
}

#[test]
fn what_cannot_be_right_is_refused_with_its_place() {
    for (source, start, message, hint) in [
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
        ("mx", 0, "the variable mx is not known in route and schedule", "it is known in connection and tls"),
        (
            "helo_domain",
            0,
            "the variable helo_domain is not known in route and schedule",
            "it is known in EHLO, MAIL FROM, RCPT TO",
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
    ] {
        let error = compile(source).map(|_| ()).expect_err(source);
        let found = (error.span.start, error.message.as_str(), error.hint.as_deref().unwrap_or(""));
        assert_eq!(found, (start, message, hint), "{source}");
    }
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
    assert_eq!(known(Context::Recipient), rcpt);
    assert_eq!(known(Context::Host), format!("{rcpt} mx remote_ip local_ip"));
    assert_eq!(
        known(Context::Sender),
        "recipients sender sender_domain priority retry_num notify_num expires_in last_status last_error"
    );
    assert_eq!(known(Context::Connection), connection);
    assert_eq!(known(Context::Ehlo), format!("{connection} helo_domain"));
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

#[test]
fn a_run_that_grows_is_stopped() {
    let answers = LookupAnswers::default();
    let doubling = [("matches('(?s)(.*)', rcpt)", "''"), ("matches('(?s)(.*)', $1 + $1) && 0", "''")];
    let mut branches = vec![("matches('(?s)(.*)', rcpt) && 0", "''")];
    branches.extend([doubling[1]; 40]);
    let (stores, names) = (BTreeSet::new(), BTreeSet::new());
    let dictionary = Dictionary { context: Context::Recipient, objects: ("route", &names), stores: &stores };
    let property = CheckedExpression::compile(&Expression::first_of(&branches, "''"), &dictionary).unwrap();
    let given = given();
    let scene = Scene { variables: &given, surroundings: &Here, answers: &answers };
    let (place, stopped) = property.evaluate(scene).unwrap_err();
    assert_eq!(place, Place::If(12));
    assert_eq!(stopped, Interrupt::Failed("a text of more than 32768 bytes cannot be matched".to_owned()));
}

#[test]
fn common_regular_expressions_are_small_enough() {
    for pattern in
        [r"(?i)^[\w.+-]+@([\w-]+\.)+example\.(com|org|net)$", r"^\p{L}+\d{1,20}$", r"\bfoo\b.{0,200}"]
    {
        assert!(
            compile(&format!("matches('{pattern}', rcpt)")).is_ok() || pattern.contains("\\p"),
            "{pattern}"
        );
    }
}

#[test]
fn captures_reach_the_result_and_later_branches() {
    let (stores, names) = (BTreeSet::new(), BTreeSet::new());
    let dictionary = Dictionary { context: Context::Recipient, objects: ("route", &names), stores: &stores };
    let expression =
        Expression::first_of(&[(r"matches('@([a-z]+)\.org$', rcpt)", "'relay-' + $1")], "'none' + $0");
    let property = CheckedExpression::compile(&expression, &dictionary).unwrap();
    let (given, answers) = (given(), LookupAnswers::default());
    let scene = Scene { variables: &given, surroundings: &Here, answers: &answers };
    let (place, value) = property.evaluate(scene).unwrap();
    assert_eq!(place, Place::Then(0));
    assert!(equal(&value.unwrap(), &Value::text("relay-example")));
}

/// Words of the language, so that random texts are often expressions.
fn source() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        proptest::sample::select(vec![
            "rcpt",
            "rcpt_domain",
            "recipients",
            "retry_num",
            "size",
            "'a'",
            "''",
            "'1.5'",
            "0",
            "1",
            "2.5",
            "-",
            "9223372036854775807",
            "$0",
            "$1",
            "relaxed",
            "(",
            ")",
            "[",
            "]",
            ",",
            "+",
            "*",
            "/",
            "%",
            "==",
            "<",
            "&&",
            "||",
            "!",
            "^",
            " in ",
            "len(",
            "split(",
            "sort(",
            "dedup(",
            "substring(",
            "contains(",
            "hash(",
            "matches('(.)a*', ",
            "is_local_domain(",
            "dns_query(",
            "if_then(",
            "email_part(",
            "split_n(",
        ])
        .prop_map(str::to_owned),
        "[ -~]{1,3}",
    ];
    proptest::collection::vec(word, 1..14).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn evaluating_never_panics_and_a_printed_tree_means_the_same(source in source()) {
        if let Ok(formula) = compile(&source) {
            let answers = LookupAnswers::default();
            let printed = formula.expr().to_string();
            let again = compile(&printed).unwrap();
            prop_assert_eq!(again.expr(), formula.expr());
            prop_assert_eq!(result(&printed, &answers), result(&source, &answers), "{} as {}", source, printed);
        }
    }

    #[test]
    fn every_value_has_the_kind_that_was_foreseen(source in source()) {
        if let Ok(formula) = compile(&source) {
            let (given, answers) = (given(), LookupAnswers::default());
            let scene = Scene { variables: &given, surroundings: &Here, answers: &answers };
            if let Ok(value) = formula.evaluate(scene) {
                prop_assert!(formula.kind() == Kind::Any || formula.kind() == value.kind(), "{}", source);
            }
        }
    }
}
