//! One command line: parsed, or refused with a reply in the 500s.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::smtp::command::parse;

fuzz_target!(|line: &[u8]| {
    let _ = parse(line);
});
