//! An expression: refused with its place, or compiled.
#![no_main]

use std::collections::{BTreeMap, BTreeSet};

use libfuzzer_sys::fuzz_target;
use policy::expr::{Context, Dictionary, Formula, StoreKind};

fuzz_target!(|source: &str| {
    let objects = BTreeSet::from(["local".to_owned(), "mx".to_owned()]);
    let stores = BTreeMap::from([("db".to_owned(), StoreKind::Sql), ("keys".to_owned(), StoreKind::Keys)]);
    let relays = BTreeSet::from(["relay".to_owned()]);
    let dictionary =
        Dictionary { context: Context::Host, objects: ("route", &objects), stores: &stores, relays: &relays };
    if let Ok(formula) = Formula::compile(source, &dictionary) {
        let printed = formula.expr().to_string();
        assert!(Formula::compile(&printed, &dictionary).is_ok(), "{source:?} printed as {printed:?}");
    }
});
