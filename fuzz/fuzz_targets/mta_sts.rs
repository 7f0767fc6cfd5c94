//! A policy of MTA-STS that parses prints as one that is the same; no record and no text does harm.
#![no_main]

use libfuzzer_sys::fuzz_target;
use policy::mta_sts::{matches, parse, record};
use policy::tls_report::destinations;

fuzz_target!(|input: (&str, &[u8])| {
    let (text, body) = input;
    let texts = [text.to_owned()];
    let _ = (record(&texts), destinations(&texts));
    if let Ok(policy) = parse(body) {
        let _ = matches(&policy, text);
        let printed = policy.lines().join("\n");
        if printed.len() <= policy::limits::STS_POLICY_BYTES_MAX {
            assert_eq!(parse(printed.as_bytes()).as_ref(), Ok(&policy));
        }
    }
});
