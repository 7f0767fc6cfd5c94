//! An expression: refused with its place, or compiled.
#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use policy::expr::{Context, Dictionary, Formula};

fuzz_target!(|source: &str| {
    let objects = BTreeSet::from(["local".to_owned(), "mx".to_owned()]);
    let stores = BTreeSet::new();
    let dictionary = Dictionary { context: Context::Recipient, objects: ("route", &objects), stores: &stores };
    if let Ok(formula) = Formula::compile(source, &dictionary) {
        let printed = formula.expr().to_string();
        assert!(Formula::compile(&printed, &dictionary).is_ok(), "{source:?} printed as {printed:?}");
    }
});
