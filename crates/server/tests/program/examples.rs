//! The examples of the documents can be used as they stand.

use std::fs;
use std::path::Path;

use crate::fixture::Place;

/// The JSON texts in a document.
fn examples(document: &str) -> Vec<&str> {
    let blocks = document.split("```json\n").skip(1);
    blocks.filter_map(|rest| rest.split_once("\n```").map(|(json, _)| json)).collect()
}

#[test]
fn each_example_of_the_guide_to_relays_passes_the_check() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/relays.md");
    let guide = fs::read_to_string(&path).unwrap();
    let examples = examples(&guide);
    assert!(examples.len() > 5, "only {} examples", examples.len());
    for example in examples {
        let run = Place::with(example).waypost(&["check", "settings.json"]);
        assert_eq!(run.code, Some(0), "{example}: {}", run.out);
    }
}

#[test]
fn each_example_of_a_settings_object_passes_the_check() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/settings");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        for example in examples(&fs::read_to_string(&path).unwrap()) {
            let run = Place::with(example).waypost(&["check", "settings.json"]);
            // Where an example keeps a secret, this machine has none.
            let is_wrong = |line: &&str| line.contains("error: ") && !line.contains("cannot read the secret");
            let wrong: Vec<_> = run.out.lines().filter(is_wrong).collect();
            assert!(wrong.is_empty() && !run.out.is_empty(), "{}: {wrong:#?} {}", path.display(), run.err);
            count += 1;
        }
    }
    assert!(count > 3, "only {count} examples");
}
