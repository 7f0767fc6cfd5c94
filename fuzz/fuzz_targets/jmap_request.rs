//! A JMAP request: refused with a problem document, or calls whose references resolve or are refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::jmap::{Answers, CORE, Limits, Request};

fuzz_target!(|body: &[u8]| {
    let limits = Limits::default();
    match Request::parse(body, &limits, &[CORE, "urn:stalwart:jmap"]) {
        Err(problem) => assert!(problem.status() >= 400 && problem.document()["type"].is_string()),
        Ok(request) => {
            assert!(request.calls.len() <= limits.calls_max);
            let mut answers = Answers::new(&limits);
            for mut call in request.calls {
                if let Ok(arguments) = answers.resolve(std::mem::take(&mut call.arguments)) {
                    assert!(arguments.keys().all(|name| !name.starts_with('#') || name.starts_with("##")));
                    call.arguments = arguments;
                }
                answers.push(call);
            }
            assert!(answers.into_value().is_array());
        }
    }
});
