//! A change of settings objects: done or refused, and what is done can be loaded, written down and read back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use policy::registry::{CreationIds, Registry, Secrets, SetRequest};
use policy::settings::ObjectType;

fuzz_target!(|input: (u8, &str)| {
    let (kind, text) = input;
    let kinds: Vec<ObjectType> = ObjectType::all().collect();
    let kind = kinds[usize::from(kind) % kinds.len()];
    let Ok(arguments) = serde_json::from_str(text) else { return };
    let Ok(request) = SetRequest::from_arguments(&arguments) else { return };
    let before = Registry::fresh();
    let outcome = before.set(kind, &request, &mut CreationIds::new(), &|_| "$argon2id$".to_owned());
    assert!(outcome.registry.settings().is_ok());
    assert_eq!(before.diff(&outcome.registry).is_empty(), before.changes(&outcome.registry).is_empty());
    let shown = outcome.registry.to_document(Secrets::Shown).to_string();
    assert_eq!(outcome.registry.replaced_by(&shown).as_ref(), Ok(&outcome.registry));
});
