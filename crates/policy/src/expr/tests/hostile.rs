//! Values that strangers make up are data, whatever stands in them; and patterns cannot be made to take for ever.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Given, Here, compile};
use crate::expr::value::{Value, equal};
use crate::expr::{Argument, Interrupt, Lookup, LookupAnswers, LookupValue, Question, Scene};

/// What an expression comes to for a recipient and a sender of this text.
fn evaluate(source: &str, hostile: &str, answers: &LookupAnswers) -> Result<Value<'static>, Interrupt> {
    let formula = compile(source).unwrap_or_else(|error| panic!("{source}: {error:?}"));
    let value = || Value::owned(hostile.to_owned());
    let given = Given(BTreeMap::from([("rcpt", value()), ("sender", value())]));
    let found = formula.evaluate(Scene { variables: &given, surroundings: &Here, answers });
    found.map(super::own)
}

/// Texts with pieces of the language in them.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        proptest::sample::select(vec![
            "'",
            "\"",
            "\\",
            "' || 1 == 1 || '",
            "$1",
            "${run{/bin/sh}}",
            "}",
            "system('hostname')",
            "rcpt",
            "' + sender + '",
            "key_set('', 'a', 'b')",
            "'; DROP TABLE t; --",
            "%s",
            "(",
            "[0]",
            "\0",
            "é",
        ])
        .prop_map(str::to_owned),
        "[ -~]{1,6}",
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    // proves: J14
    #[test]
    fn a_value_is_never_read_as_an_expression(text in hostile()) {
        let none = LookupAnswers::default();
        let same = |source: &str, expected: &str| {
            let found = evaluate(source, &text, &none).unwrap();
            assert!(equal(&found, &Value::owned(expected.to_owned())), "{source}: {found:?}");
        };
        for source in ["rcpt", "if_then(1, rcpt, '')", "[sender, rcpt][1]", "rcpt + ''"] {
            same(source, &text);
        }
        same("'<' + rcpt + '>'", &format!("<{text}>"));
        for source in ["rcpt == sender", "rcpt in [sender]", "hash(rcpt, 'md5') == hash(sender, 'md5')"] {
            prop_assert!(evaluate(source, &text, &none).unwrap().is_true(), "{}", source);
        }
        prop_assert!(evaluate("matches('(?s)^(.*)$', rcpt) && $1 == sender", &text, &none).unwrap().is_true());
    }

    // proves: J14
    #[test]
    fn a_value_reaches_a_store_as_it_is(text in hostile()) {
        let none = LookupAnswers::default();
        let asked = |source: &str| match evaluate(source, &text, &none) {
            Err(Interrupt::Needs(lookup)) => match *lookup {
                Lookup::Store { question, .. } => question,
                other => panic!("{other}"),
            },
            other => panic!("{other:?}"),
        };
        let argument = Argument::Text(text.clone());
        let expected = Question::Sql { statement: "SELECT ?".to_owned(), arguments: vec![argument] };
        prop_assert_eq!(asked("sql_query('db', 'SELECT ?', [rcpt])"), expected.clone());
        prop_assert_eq!(asked("sql_query('db', 'SELECT ?', rcpt)"), expected);
        prop_assert_eq!(asked("key_get('', rcpt)"), Question::Get { key: text.clone() });
        prop_assert_eq!(asked("key_set('', rcpt, sender)"), Question::Set { key: text.clone(), value: text.clone() });
    }

    // proves: J14
    #[test]
    fn what_comes_from_outside_is_a_value_too(text in hostile()) {
        let mut answers = LookupAnswers::default();
        let lookup = Lookup::Header { message: mail::MessageId(7), name: "x".to_owned() };
        answers.insert(lookup, Ok(LookupValue::texts([text.clone()])));
        let found = evaluate("header('X')", "", &answers);
        prop_assert_eq!(found.map(|found| found.into_text().into_owned()), Ok(text));
    }
}

// proves: J4
#[test]
fn patterns_that_choke_other_engines_are_linear_here() {
    let text = "a".repeat(30_000) + "!";
    let answers = LookupAnswers::default();
    for pattern in ["^(a+)+$", "(a|aa)+$", "(.*a){12}$", "^(([a-z])+.)+[A-Z]([a-z])+$", "(x+x+)+y"] {
        let found = evaluate(&format!("matches('{pattern}', rcpt)"), &text, &answers);
        assert!(matches!(found, Ok(Value::Integer(0))), "{pattern}: {found:?}");
    }
    let longer = "a".repeat(crate::limits::REGEX_INPUT_BYTES_MAX + 1);
    assert!(matches!(evaluate("matches('a', rcpt)", &longer, &answers), Err(Interrupt::Failed(_))));
    for refused in [r"(a)\1", "a(?=b)", "(a{999}){999}"] {
        assert!(compile(&format!("matches('{refused}', rcpt)")).is_err(), "{refused}");
    }
}

// proves: J3
#[test]
fn monsters_are_refused_before_they_run_and_bounded_when_they_do() {
    for source in ["(".repeat(10_000) + "1", "1+".repeat(10_000) + "1", " ".repeat(1 << 20) + "1"] {
        assert!(compile(&source).is_err());
    }
    let wide = format!("count(dedup([{}]))", vec!["rcpt"; 1_500].join(","));
    let found = evaluate(&wide, "a", &LookupAnswers::default());
    assert!(matches!(found, Err(Interrupt::Failed(_))), "{found:?}");
}
