//! A header in which somebody may claim to be us, and a body in pieces: nothing is left of the claim, and pieces make no
//! difference to the canonical form.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mail::Domain;
use mail::authentication_results::without_claims;
use mail::canonical::{BodyCanonicalizer, Canonicalization};
use mail::dkim::KeyRecord;

fn canonical(how: Canonicalization, pieces: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut canonicalizer = BodyCanonicalizer::new(how);
    for piece in pieces {
        canonicalizer.push(piece, &mut |bytes| out.extend_from_slice(bytes));
    }
    canonicalizer.finish(&mut |bytes| out.extend_from_slice(bytes));
    out
}

fuzz_target!(|input: &[u8]| {
    let own = Domain::parse("mx.example.org").expect("a plain name");
    if let Some(left) = without_claims(input, &own) {
        assert!(left.len() < input.len());
        assert_eq!(without_claims(&left, &own), None);
    }
    let (first, second) = input.split_at(input.len() / 3);
    for how in [Canonicalization::Simple, Canonicalization::Relaxed] {
        let whole = canonical(how, &[input]);
        assert_eq!(canonical(how, &[first, second]), whole);
        assert_eq!(canonical(how, &[&whole]), whole);
    }
    if let Ok(text) = std::str::from_utf8(input) {
        let _ = KeyRecord::parse(text);
    }
});
