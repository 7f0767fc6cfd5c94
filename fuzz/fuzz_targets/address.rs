//! An address that parses prints as something that parses to the same address.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mail::Address;

fuzz_target!(|text: &str| {
    if let Ok(address) = Address::parse(text) {
        assert_eq!(Address::parse(&address.to_string()).as_ref(), Ok(&address));
        assert!(!address.to_string().contains(['\r', '\n', '\0']));
    }
});
