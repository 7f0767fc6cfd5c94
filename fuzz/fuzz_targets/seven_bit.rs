//! Any content, made to fit: what comes out has short lines of the bytes that the target takes, and doing it twice is once.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mail::seven_bit::{LINE_BYTES_MAX, Target, convert};

fuzz_target!(|content: &[u8]| {
    for target in [Target::SevenBit, Target::EightBit] {
        let Ok(out) = convert(content, target) else { continue };
        assert!(target == Target::EightBit || out.is_ascii());
        for line in out.split_inclusive(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\r\n").unwrap_or(line);
            assert!(line.len() <= LINE_BYTES_MAX && !line.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
        }
        assert_eq!(convert(&out, target).as_ref(), Ok(&out));
    }
});
