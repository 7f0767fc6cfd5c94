//! Is `docs/expressions.md` current? Its tables against the program.

use std::collections::BTreeMap;

use crate::expr::{Signature, Variable};

const PAGE: &str = include_str!("../../../../../docs/expressions.md");

fn table(name: &str) -> &'static str {
    let begin = format!("<!-- {name} -->\n");
    let (_, after) = PAGE.split_once(&begin).expect("the page has this table");
    after.split_once(&format!("<!-- end of {name} -->")).expect("the table ends").0
}

#[test]
fn the_page_lists_every_variable() {
    let row = |variable: &Variable| {
        let kind = variable.kind().name().trim_start_matches("a ");
        format!("| `{}` | {kind} | {} | {} |\n", variable.name(), variable.meaning(), variable.places())
    };
    let rows: String = Variable::ALL.iter().map(row).collect();
    let expected = format!("| variable | kind | meaning | known in |\n|---|---|---|---|\n{rows}");
    assert_eq!(table("variables"), expected, "put this on the page:\n{expected}");
}

#[test]
fn the_page_lists_every_function_with_its_arguments() {
    let expected: BTreeMap<_, _> = Signature::all()
        .map(|function| {
            (function.name.to_owned(), (function.parameters.len(), function.kind.name().to_owned()))
        })
        .collect();
    let rows = table("functions").lines().skip(2);
    let found: BTreeMap<_, _> = rows
        .map(|row| {
            let mut cells = row.trim_matches('|').split(" | ").map(str::trim);
            let (call, kind) = (cells.next().unwrap().trim_matches('`'), cells.next().unwrap());
            let (name, arguments) = call.trim_end_matches(')').split_once('(').expect(row);
            (name.to_owned(), (arguments.split(", ").count(), kind.to_owned()))
        })
        .collect();
    assert_eq!(found, expected);
}
