//! Chains of certificates against records.

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::crypto::aws_lc_rs;

use super::*;

const HOST: &str = "mx.example.org";
/// Somewhen in 2027.
const NOW: u64 = 1_800_000_000;

/// A certificate with its key and what it was made from.
struct Made {
    der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("valid names");
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2036, 1, 1);
    params
}

fn authority(name: &str, constraints: BasicConstraints) -> CertificateParams {
    let mut params = params(&[]);
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(constraints);
    params
}

fn signed(params: CertificateParams, issuer: Option<&Made>) -> Made {
    let key = KeyPair::generate().expect("a key");
    let certificate = match issuer {
        Some(made) => params.signed_by(&key, &made.issuer).expect("signed"),
        None => params.self_signed(&key).expect("signed"),
    };
    Made { der: certificate.der().clone(), issuer: Issuer::new(params, key) }
}

fn root(name: &str) -> Made {
    signed(authority(name, BasicConstraints::Unconstrained), None)
}

fn below(name: &str, issuer: &Made) -> Made {
    signed(authority(name, BasicConstraints::Unconstrained), Some(issuer))
}

fn leaf(issuer: &Made) -> Made {
    signed(params(&[HOST]), Some(issuer))
}

/// The record of this kind that names a certificate.
fn record(usage: u8, selector: u8, matching: u8, made: &Made) -> TlsaRecord {
    let named = if selector == dane::KEY { public_key(&made.der).expect("a key") } else { &made.der };
    let data = match matching {
        dane::SHA_256 => digest(&SHA256, named).as_ref().to_vec(),
        dane::SHA_512 => digest(&SHA512, named).as_ref().to_vec(),
        _ => named.to_vec(),
    };
    TlsaRecord { usage, selector, matching, data }
}

fn verdict(records: &[TlsaRecord], chain: &[&Made], now: u64) -> Result<String, String> {
    let verifier = Verifier {
        binding: Arc::new(Binding {
            base: HOST.to_owned(),
            records: records.to_vec(),
            names: vec![HOST.to_owned(), "example.org".to_owned()],
        }),
        provider: Arc::new(aws_lc_rs::default_provider()),
        matched: OnceLock::new(),
    };
    let chain: Vec<CertificateDer<'_>> = chain.iter().map(|made| made.der.clone()).collect();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(now));
    let found = verifier.find(&chain[0], &chain[1..], now);
    found.map(TlsaRecord::parameters).map_err(|error| error.to_string())
}

#[track_caller]
fn check(records: &[TlsaRecord], chain: &[&Made], expected: Option<&str>) {
    let got = verdict(records, chain, NOW);
    assert_eq!(got.as_deref().ok(), expected, "{got:?}");
}

// proves: F7, 5.8.7, 5.8.8
#[test]
fn an_end_entity_matches_whatever_its_name_and_dates() {
    let mut old = params(&["elsewhere.example"]);
    old.not_after = date_time_ymd(2026, 2, 1);
    let old = signed(old, None);
    for (selector, matching, expected) in
        [(0, 0, "3 0 0"), (0, 1, "3 0 1"), (0, 2, "3 0 2"), (1, 0, "3 1 0"), (1, 1, "3 1 1"), (1, 2, "3 1 2")]
    {
        check(&[record(3, selector, matching, &old)], &[&old], Some(expected));
    }
    let other = signed(params(&[HOST]), None);
    check(&[record(3, 1, 1, &other)], &[&old], None);
    check(&[record(3, 1, 1, &other), record(3, 0, 1, &old)], &[&old], Some("3 0 1"));
}

// proves: F7, 5.8.9, 5.8.10, 5.8.11
#[test]
fn an_anchor_may_be_any_authority_of_the_chain_and_needs_the_name() {
    let (root, stranger) = (root("root"), root("stranger"));
    let intermediate = below("intermediate", &root);
    let host = leaf(&intermediate);
    for anchor in [&root, &intermediate] {
        for (selector, matching, expected) in
            [(0, 1, "2 0 1"), (0, 2, "2 0 2"), (1, 1, "2 1 1"), (0, 0, "2 0 0"), (1, 0, "2 1 0")]
        {
            let records = [record(2, selector, matching, anchor)];
            check(&records, &[&host, &intermediate, &root], Some(expected));
        }
    }
    let unmatched = record(3, 1, 1, &stranger);
    check(&[unmatched, record(2, 0, 1, &intermediate)], &[&host, &intermediate], Some("2 0 1"));
    for (names, expected) in [
        (&["other.example.org"][..], None),
        (&["other.example.org", HOST], Some("2 0 1")),
        (&["example.org"], Some("2 0 1")),
        (&["*.example.org"], Some("2 0 1")),
        (&["*.mx.example.org"], None),
        (&[], None),
    ] {
        let host = signed(params(names), Some(&intermediate));
        check(&[record(2, 0, 1, &intermediate)], &[&host, &intermediate], expected);
    }
}

// proves: 5.8.12, 5.8.15
#[test]
fn an_authority_that_did_not_sign_the_host_counts_for_nothing() {
    let (root, unrelated) = (root("root"), root("unrelated"));
    let host = leaf(&root);
    check(&[record(2, 0, 1, &unrelated)], &[&host, &root, &unrelated], None);
    check(&[record(2, 0, 1, &host)], &[&host, &root], None);
    check(&[record(2, 0, 1, &host)], &[&host, &host], None);
    let own = signed(params(&[HOST]), None);
    check(&[record(2, 0, 1, &own)], &[&own], None);
    // Only its digest is known, and its certificate is not shown.
    check(&[record(2, 0, 1, &root)], &[&host], None);
}

// proves: 5.8.13, F6
#[test]
fn what_has_expired_on_the_way_up_breaks_it() {
    let root = root("root");
    let mut old = authority("old", BasicConstraints::Unconstrained);
    old.not_after = date_time_ymd(2026, 12, 1);
    let old = signed(old, Some(&root));
    let host = leaf(&old);
    check(&[record(2, 0, 1, &root)], &[&host, &old, &root], None);
    check(&[record(2, 0, 1, &old)], &[&host, &old], None);
    let mut late = params(&[HOST]);
    late.not_after = date_time_ymd(2026, 12, 1);
    let late = signed(late, Some(&root));
    check(&[record(2, 0, 1, &root)], &[&late, &root], None);
}

// proves: 5.8.14, 5.8.16
#[test]
fn a_bare_key_is_an_anchor() {
    let (root, stranger) = (root("root"), root("stranger"));
    let first = below("first", &root);
    let second = below("second", &first);
    let host = leaf(&second);
    // In none of the certificates that are shown.
    check(&[record(2, 1, 0, &root)], &[&host, &second, &first], Some("2 1 0"));
    check(&[record(2, 1, 0, &second)], &[&host], Some("2 1 0"));
    // In one of them.
    check(&[record(2, 1, 0, &first)], &[&host, &second, &first], Some("2 1 0"));
    check(&[record(2, 1, 1, &first)], &[&host, &second, &first], Some("2 1 1"));
    check(&[record(2, 1, 0, &stranger)], &[&host, &second, &first], None);
    check(&[record(2, 1, 0, &host)], &[&host, &second, &first], None);
    let garbage = TlsaRecord { usage: 2, selector: 1, matching: 0, data: vec![0x30, 0x03, 1, 2, 3] };
    check(&[garbage], &[&host, &second, &first], None);
}

// proves: 5.8.17, 5.8.19
#[test]
fn issuers_must_be_allowed_to_issue() {
    let tight = signed(authority("tight", BasicConstraints::Constrained(0)), None);
    let between = below("between", &tight);
    let host = leaf(&between);
    check(&[record(2, 0, 1, &tight)], &[&host, &between, &tight], None);
    check(&[record(2, 0, 1, &tight)], &[&leaf(&tight), &tight], Some("2 0 1"));
    let root = root("root");
    let tight = signed(authority("tight", BasicConstraints::Constrained(0)), Some(&root));
    let between = below("between", &tight);
    check(&[record(2, 0, 1, &root)], &[&leaf(&between), &between, &tight, &root], None);
    let mut no_authority = authority("no authority", BasicConstraints::Unconstrained);
    no_authority.is_ca = IsCa::ExplicitNoCa;
    let no_authority = signed(no_authority, Some(&root));
    let host = leaf(&no_authority);
    check(&[record(2, 0, 1, &root)], &[&host, &no_authority, &root], None);
    check(&[record(2, 0, 1, &no_authority)], &[&host, &no_authority], None);
    let mut no_signer = authority("no signer", BasicConstraints::Unconstrained);
    no_signer.key_usages = vec![KeyUsagePurpose::CrlSign];
    let no_signer = signed(no_signer, None);
    check(&[record(2, 0, 1, &no_signer)], &[&leaf(&no_signer), &no_signer], None);
}

// proves: 5.8.18
#[test]
fn order_and_company_do_not_matter() {
    let (root, stranger) = (root("root"), root("stranger"));
    let first = below("first", &root);
    let second = below("second", &first);
    let host = leaf(&second);
    check(&[record(2, 0, 1, &root)], &[&host, &root, &stranger, &first, &second], Some("2 0 1"));
    let mut long = vec![&host];
    long.extend(std::iter::repeat_n(&stranger, 200));
    check(&[record(2, 0, 1, &stranger)], &long, None);
}

// proves: 5.8.20
#[test]
fn a_purpose_that_is_named_must_be_that_of_a_server() {
    let root = root("root");
    for (purposes, expected) in [
        (vec![], Some("2 0 1")),
        (vec![ExtendedKeyUsagePurpose::ServerAuth], Some("2 0 1")),
        (vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth], Some("2 0 1")),
        (vec![ExtendedKeyUsagePurpose::ClientAuth], None),
    ] {
        let mut host = params(&[HOST]);
        host.extended_key_usages = purposes;
        check(&[record(2, 0, 1, &root)], &[&signed(host, Some(&root)), &root], expected);
    }
}

// proves: 5.8.21
#[test]
fn the_common_name_is_no_name() {
    let root = root("root");
    for names in [&["other.example.org"][..], &[]] {
        let mut host = params(names);
        host.distinguished_name.push(rcgen::DnType::CommonName, HOST);
        check(&[record(2, 0, 1, &root)], &[&signed(host, Some(&root)), &root], None);
    }
}

// proves: B5
#[test]
fn a_clock_before_the_build_judges_no_anchor() {
    let root = root("root");
    let host = leaf(&root);
    let refused = verdict(&[record(2, 0, 1, &root)], &[&host, &root], 0).expect_err("refused");
    assert!(refused.contains("ClockIsWrong"), "{refused}");
    assert_eq!(verdict(&[record(3, 1, 1, &host)], &[&host], 0), Ok("3 1 1".to_owned()));
}

#[test]
fn headers_of_sequences_are_taken_off() {
    assert_eq!(without_header(&[0x30, 1, 7]), Some(&[7][..]));
    assert_eq!(without_header(&[0x30, 0x81, 1, 7]), Some(&[7][..]));
    assert_eq!(without_header(&[0x30, 0x82, 0, 1, 7]), Some(&[7][..]));
    for odd in
        [&[][..], &[0x30], &[0x31, 1, 7], &[0x30, 2, 7], &[0x30, 1, 7, 7], &[0x30, 0x80, 7], &[0x30, 0x83, 1]]
    {
        assert_eq!(without_header(odd), None, "{odd:?}");
    }
}
