//! What expressions come to.

mod complete;
mod functions;
mod hostile;
mod lookups;
mod page;
mod refusals;

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

    fn message(&self) -> Option<mail::MessageId> {
        Some(mail::MessageId(7))
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
    let stores = [("routes", StoreKind::Keys), ("db", StoreKind::Sql)];
    let stores = stores.map(|(name, kind)| (name.to_owned(), kind)).into();
    let relays = ["relay".to_owned()].into();
    let dictionary = Dictionary {
        context: Context::Recipient,
        objects: ("route", &routes),
        stores: &stores,
        relays: &relays,
    };
    Formula::compile(source, &dictionary)
}

/// What an expression comes to.
fn evaluate(source: &str, answers: &LookupAnswers) -> Result<Value<'static>, Interrupt> {
    let formula = compile(source).unwrap_or_else(|error| panic!("{source}: {error:?}"));
    let given = given();
    let found = formula.evaluate(Scene { variables: &given, surroundings: &Here, answers });
    found.map(own)
}

/// The same value, borrowing nothing.
fn own(value: Value<'_>) -> Value<'static> {
    match value {
        Value::Text(text) => Value::owned(text.into_owned()),
        Value::Integer(number) => Value::Integer(number),
        Value::Float(number) => Value::Float(number),
        Value::List(list) => Value::list(list.into_items().into_iter().map(own).collect()),
        Value::Constant(name) => Value::Constant(name),
    }
}

/// As people are shown it.
fn shown(found: Result<Value<'_>, Interrupt>) -> String {
    match found {
        Ok(value) => super::eval::show(&value),
        Err(Interrupt::Needs(lookup)) => format!("needs {lookup}"),
        Err(Interrupt::Failed(reason)) => format!("failed: {reason}"),
    }
}

fn result(source: &str, answers: &LookupAnswers) -> String {
    shown(evaluate(source, answers))
}

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    let answers = LookupAnswers::default();
    for (source, expected) in cases {
        assert_eq!(result(source, &answers), *expected, "{source}");
    }
}

// proves: 5.16.3
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

// proves: 5.16.3
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
        ("key_exists('routes', rcpt_domain)", "needs key_exists('routes', 'example.org')"),
        ("key_get('*', rcpt_domain)", "needs key_get('', 'example.org')"),
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
    answers.insert_dns(
        dns("mx1.example.org", DnsKind::Ipv6),
        Err(crate::dns::DnsError::NoData(crate::dns::Security::Unchecked)),
    );
    assert_eq!(result(source, &answers), "1");
    let failed = crate::dns::DnsError::Failed("SERVFAIL".to_owned());
    answers.insert_dns(dns("mx1.example.org", DnsKind::Ipv6), Err(failed));
    assert_eq!(result(source, &answers), "failed: dns_query('mx1.example.org', 'ipv6'): SERVFAIL");
    assert_eq!(result("dns_query('', 'mx')", &answers), "[]");
    assert_eq!(result("dns_query('a.example', 's' + 'oa')", &answers), "''");
    assert_eq!(result("dns_query('a.example', 'ptr')", &answers), "[]");
}

#[test]
fn lookups_of_one_decision_are_bounded() {
    let most = crate::limits::LOOKUPS_PER_DECISION_MAX;
    let mut answers = LookupAnswers::default();
    for number in 0..most * 2 {
        let lookup = Lookup::Dns { name: format!("{number}.example"), kind: DnsKind::Ip };
        answers.insert_dns(lookup, Ok(Vec::new()));
    }
    let ask = |count: usize| {
        let all: Vec<_> = (0..count).map(|n| format!("count(dns_query('{n}.example', 'ip'))")).collect();
        result(&all.join(" + "), &answers)
    };
    assert_eq!(ask(most), "0");
    assert_eq!(ask(most + 1), "failed: more than 16 lookups are needed");
}

#[test]
fn a_run_that_grows_is_stopped() {
    let answers = LookupAnswers::default();
    let doubling = [("matches('(?s)(.*)', rcpt)", "''"), ("matches('(?s)(.*)', $1 + $1) && 0", "''")];
    let mut branches = vec![("matches('(?s)(.*)', rcpt) && 0", "''")];
    branches.extend([doubling[1]; 40]);
    let (stores, names) = (BTreeMap::new(), BTreeSet::new());
    let dictionary = Dictionary {
        context: Context::Recipient,
        objects: ("route", &names),
        stores: &stores,
        relays: &names,
    };
    let property = CheckedExpression::compile(&Expression::first_of(&branches, "''"), &dictionary).unwrap();
    let given = given();
    let scene = Scene { variables: &given, surroundings: &Here, answers: &answers };
    let (place, stopped) = property.evaluate(scene).unwrap_err();
    assert_eq!(place, Place::If(12));
    assert_eq!(stopped, Interrupt::Failed("a text of more than 32768 bytes cannot be matched".to_owned()));
}

// proves: J3
#[test]
fn the_deepest_expressions_fit_the_stack() {
    let answers = LookupAnswers::default();
    for (open, close) in [("(1+", ")"), ("!", ""), ("if_then(", ",1,1)"), ("[", "]"), ("recipients[", "]")] {
        let deepest = |levels: usize| open.repeat(levels) + "1" + &close.repeat(levels);
        let levels = (1..100).rev().find(|levels| compile(&deepest(*levels)).is_ok()).expect(open);
        assert!(levels >= 30, "{open} {levels}");
        result(&deepest(levels), &answers);
    }
}

// proves: J4
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
    let (stores, names) = (BTreeMap::new(), BTreeSet::new());
    let dictionary = Dictionary {
        context: Context::Recipient,
        objects: ("route", &names),
        stores: &stores,
        relays: &names,
    };
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
            "hash_bucket(",
            "header(",
            "headers('x')",
            "key_get('', ",
            "counter_incr('', 'a', ",
            "sql_query('db', 'a', ",
            "relay_is_up('relay')",
            "listener",
            "authenticated_as",
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
