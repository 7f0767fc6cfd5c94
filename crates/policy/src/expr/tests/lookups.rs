//! What expressions ask of the outside, and what they make of the answers.

use std::collections::BTreeMap;

use super::result;
use crate::expr::{Argument, Lookup, LookupAnswers, LookupValue, Question};

/// A store that does what it is asked, and counts the writes.
#[derive(Default)]
struct Store {
    values: BTreeMap<String, String>,
    counters: BTreeMap<String, i64>,
    writes: usize,
}

impl Store {
    fn answer(&mut self, question: &Question) -> LookupValue {
        self.writes += usize::from(question.writes());
        match question {
            Question::Get { key } => LookupValue::Text(self.values.get(key).cloned().unwrap_or_default()),
            Question::Exists { key } => LookupValue::Integer(self.values.contains_key(key).into()),
            Question::Set { key, value } => {
                self.values.insert(key.clone(), value.clone());
                LookupValue::Integer(1)
            }
            Question::Increment { key, by } => {
                let counter = self.counters.entry(key.clone()).or_default();
                *counter += by;
                LookupValue::Integer(*counter)
            }
            Question::Count { key } => {
                LookupValue::Integer(self.counters.get(key).copied().unwrap_or_default())
            }
            Question::Sql { arguments, .. } => LookupValue::Text(format!("{arguments:?}")),
        }
    }
}

/// Evaluates as often as it takes, and answers what is asked for on the way.
fn outcome(source: &str, store: &mut Store) -> String {
    let mut answers = LookupAnswers::default();
    loop {
        let found = super::evaluate(source, &answers);
        let Err(super::Interrupt::Needs(lookup)) = &found else { return super::shown(found) };
        let Lookup::Store { question, .. } = &**lookup else { panic!("{lookup}") };
        let answer = store.answer(question);
        answers.insert((**lookup).clone(), Ok(answer));
    }
}

// proves: 5.16.1
#[test]
fn keys_counters_and_statements_are_asked_in_order() {
    for (source, expected, writes) in [
        ("key_set('', 'a', rcpt) && key_get('', 'a') == rcpt", "1", 1),
        ("key_get('', 'a') + key_set('', 'a', 'x') + key_get('', 'a')", "'1x'", 1),
        ("counter_get('', 'n') + counter_incr('', 'n', 5) + counter_get('', 'n')", "10", 1),
        ("counter_incr('', 'n', 1) + counter_incr('', 'n', 1)", "3", 2),
        ("counter_incr('', 'n', 1) > 5 || counter_incr('', 'n', 1) > 1", "1", 2),
        ("0 && counter_incr('', 'n', 1)", "0", 0),
        ("key_exists('', 'a') || key_get('', 'a') == ''", "1", 0),
        (
            "'is ' + sql_query('db', 'SELECT a', [rcpt, 7, 1.5])",
            r#"'is [Text(\"anna@example.org\"), Integer(7), Text(\"1.5\")]'"#,
            0,
        ),
    ] {
        let mut store = Store::default();
        assert_eq!(outcome(source, &mut store), expected, "{source}");
        assert_eq!(store.writes, writes, "{source}");
    }
}

#[test]
fn equal_questions_before_any_write_are_asked_once() {
    let (mut store, mut asked) = (Store::default(), Vec::new());
    let mut answers = LookupAnswers::default();
    let source = "key_get('', 'a') == key_get('', 'a') && key_get('', 'b') == key_get('', 'a')";
    while let Err(super::Interrupt::Needs(lookup)) = super::evaluate(source, &answers) {
        let Lookup::Store { question, turn: 0, .. } = &*lookup else { panic!("{lookup}") };
        answers.insert((*lookup).clone(), Ok(store.answer(question)));
        asked.push(lookup.to_string());
    }
    assert_eq!(asked, ["key_get('', 'a')", "key_get('', 'b')"]);
}

#[test]
fn answers_have_the_shape_that_the_store_gave_them() {
    let ask = |answer: LookupValue, source: &str| {
        let mut answers = LookupAnswers::default();
        let question = Question::Sql {
            statement: "SELECT a".to_owned(),
            arguments: vec![Argument::Text(String::new())],
        };
        answers.insert(Lookup::Store { store: "db".to_owned(), question, turn: 0 }, Ok(answer));
        result(&source.replace("QUERY", "sql_query('db', 'SELECT a', '')"), &answers)
    };
    let text = |text: &str| LookupValue::Text(text.to_owned());
    let row =
        || LookupValue::List(vec![text("a"), LookupValue::Integer(2), LookupValue::Float(0.5), text("")]);
    assert_eq!(ask(text(""), "is_empty(QUERY)"), "1");
    assert_eq!(ask(LookupValue::Integer(7), "QUERY + 1"), "8");
    assert_eq!(ask(row(), "QUERY"), "['a', 2, 0.5, '']");
    assert_eq!(ask(LookupValue::List(vec![row(), row()]), "QUERY[1][1]"), "2");
    assert_eq!(ask(LookupValue::List(vec![row(), row()]), "count(QUERY)"), "2");
}

#[test]
fn a_header_is_looked_into_once_whatever_the_case_of_the_name() {
    let mut answers = LookupAnswers::default();
    assert_eq!(result("header('X-Spam')", &answers), "needs header('x-spam')");
    let lookup = Lookup::Header { message: mail::MessageId(7), name: "x-spam".to_owned() };
    answers.insert(lookup, Ok(LookupValue::texts(["yes".to_owned(), "no".to_owned()])));
    assert_eq!(result("header('X-SPAM') == 'yes' && headers('x-spam')[1] == 'no'", &answers), "1");
    assert_eq!(result("header('a' + ' b')", &answers), "''");
    assert_eq!(result("relay_is_up('relay')", &answers), "needs relay_is_up('relay')");
}

// proves: J2
#[test]
fn a_lookup_that_failed_ends_the_evaluation() {
    let mut answers = LookupAnswers::default();
    let question = Question::Get { key: "a".to_owned() };
    let lookup = Lookup::Store { store: String::new(), question, turn: 0 };
    answers.insert(lookup, Err("connection refused".to_owned()));
    let expected = "failed: key_get('', 'a'): connection refused";
    assert_eq!(result("key_get('', 'a') == '' || 1", &answers), expected);
    assert_eq!(result("if_then(1, 2, key_get('', 'a'))", &answers), expected);
    assert_eq!(result("1 || key_get('', 'a')", &answers), "1");
}
