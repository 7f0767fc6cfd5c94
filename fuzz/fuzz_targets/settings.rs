//! A settings file: refused with line and column, or checked as a whole.
#![no_main]

use libfuzzer_sys::fuzz_target;
use policy::check::{Environment, check};
use policy::settings::Settings;

fuzz_target!(|text: &str| match Settings::from_json(text) {
    Ok(settings) => {
        let _ = check(&settings, &Environment::default());
    }
    Err(errors) => assert!(!errors.is_empty() && errors.iter().all(|error| error.line > 0)),
});
