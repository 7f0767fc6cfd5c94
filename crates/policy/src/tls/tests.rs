//! The matrix of levels, policies, messages and routes.

use std::time::Duration;

use super::*;

fn strategy(start_tls: TlsLevel, allow_invalid_certs: bool) -> MtaTlsStrategy {
    MtaTlsStrategy {
        name: "default".to_owned(),
        description: None,
        dane: TlsLevel::Optional,
        mta_sts: TlsLevel::Optional,
        start_tls,
        allow_invalid_certs,
        tls_timeout: Duration::from_secs(180),
        mta_sts_timeout: Duration::from_secs(300),
    }
}

fn relay(implicit_tls: bool, allow_invalid_certs: bool) -> RelayRoute {
    RelayRoute { implicit_tls, allow_invalid_certs, ..RelayRoute::to("relay.example.org") }
}

const MX: HopSecurity<'_> = HopSecurity {
    host: "mx",
    relay: None,
    credentials: false,
    loopback: false,
    require_tls: false,
    is_meant: true,
    sts: &StsFinding::NotAsked,
    dane: &DaneFinding::NotAsked,
};

#[track_caller]
fn check(strategy: &MtaTlsStrategy, hop: HopSecurity<'_>, expected: Result<TlsRequirement, &str>) {
    let got =
        requirement(strategy, hop).map(|tls| tls.requirement).map_err(|trouble| trouble.status.to_string());
    assert_eq!(got, expected.map_err(str::to_owned), "{strategy:?} {hop:?}");
}

#[test]
fn mx_hosts_follow_the_strategy() {
    use TlsRequirement::{Never, Opportunistic, StartTls};
    for (level, allow, expected) in [
        (TlsLevel::Optional, false, Opportunistic { verify: true }),
        (TlsLevel::Optional, true, Opportunistic { verify: false }),
        (TlsLevel::Require, false, StartTls { verify: true }),
        (TlsLevel::Require, true, StartTls { verify: false }),
        (TlsLevel::Disable, false, Never),
        (TlsLevel::Disable, true, Never),
    ] {
        check(&strategy(level, allow), MX, Ok(expected));
    }
}

#[test]
fn requiretls_wins_over_the_strategy() {
    for level in [TlsLevel::Optional, TlsLevel::Require, TlsLevel::Disable] {
        let hop = HopSecurity { require_tls: true, ..MX };
        check(&strategy(level, true), hop, Ok(TlsRequirement::StartTls { verify: true }));
    }
}

#[test]
fn a_relay_may_allow_invalid_certificates_for_itself() {
    for (implicit, allow, expected) in [
        (true, false, TlsRequirement::Implicit { verify: true }),
        (true, true, TlsRequirement::Implicit { verify: false }),
        (false, false, TlsRequirement::Opportunistic { verify: true }),
        (false, true, TlsRequirement::Opportunistic { verify: false }),
    ] {
        let relay = relay(implicit, allow);
        let hop = HopSecurity { relay: Some(&relay), ..MX };
        check(&strategy(TlsLevel::Optional, false), hop, Ok(expected));
    }
}

// proves: G5
#[test]
fn a_password_is_not_sent_in_clear_or_to_a_stranger() {
    let (strict, lax) = (relay(false, false), relay(false, true));
    let hop = HopSecurity { relay: Some(&strict), credentials: true, ..MX };
    check(&strategy(TlsLevel::Optional, false), hop, Ok(TlsRequirement::StartTls { verify: true }));
    check(&strategy(TlsLevel::Optional, true), hop, Ok(TlsRequirement::StartTls { verify: true }));
    check(&strategy(TlsLevel::Disable, true), hop, Ok(TlsRequirement::StartTls { verify: true }));
    let hop = HopSecurity { relay: Some(&lax), ..hop };
    check(&strategy(TlsLevel::Optional, false), hop, Ok(TlsRequirement::StartTls { verify: true }));
    let said = RelayRoute { allow_plaintext_auth: true, ..lax.clone() };
    let open = HopSecurity { relay: Some(&said), ..hop };
    check(&strategy(TlsLevel::Optional, false), open, Ok(TlsRequirement::Opportunistic { verify: false }));
    check(&strategy(TlsLevel::Disable, false), open, Ok(TlsRequirement::Never));
    let hop = HopSecurity { loopback: true, ..hop };
    check(&strategy(TlsLevel::Optional, false), hop, Ok(TlsRequirement::Opportunistic { verify: false }));
    check(&strategy(TlsLevel::Disable, false), hop, Ok(TlsRequirement::Never));
}

// proves: G5
#[test]
fn a_password_is_not_shown_to_whom_unsigned_dns_names() {
    let lookup = |address: &str| RelayRoute { address: Some(address.to_owned()), ..relay(false, false) };
    let shown = Ok(TlsRequirement::StartTls { verify: true });
    for (configured, host, is_meant, expected) in [
        ("example.org", "relay.example.org", false, shown),
        ("Example.org.", "example.org", false, shown),
        ("_submission._tcp.example.org", "relay.example.org", false, shown),
        ("example.org", "relay.example.net", false, Err("4.7.10")),
        ("_submission._tcp.example.org", "relay.example.net", false, Err("4.7.10")),
        ("example.org", "badexample.org", false, Err("4.7.10")),
        ("example.org", "relay.example.net", true, shown),
    ] {
        let relay = lookup(configured);
        let hop = HopSecurity { host, relay: Some(&relay), credentials: true, is_meant, ..MX };
        check(&strategy(TlsLevel::Optional, false), hop, expected);
        let open = RelayRoute { allow_plaintext_auth: true, ..relay.clone() };
        let opportunistic = Ok(TlsRequirement::Opportunistic { verify: true });
        let lax = HopSecurity { relay: Some(&open), ..hop };
        check(&strategy(TlsLevel::Optional, false), lax, opportunistic);
        let nothing_to_show = HopSecurity { credentials: false, ..hop };
        check(&strategy(TlsLevel::Optional, false), nothing_to_show, opportunistic);
    }
}

#[test]
fn a_relay_may_demand_tls_whatever_the_strategy_says() {
    let relay = RelayRoute { require_tls: true, ..relay(false, true) };
    let hop = HopSecurity { relay: Some(&relay), ..MX };
    for level in [TlsLevel::Optional, TlsLevel::Require, TlsLevel::Disable] {
        check(&strategy(level, false), hop, Ok(TlsRequirement::StartTls { verify: false }));
    }
}

#[test]
fn a_relay_has_no_policy_but_tls_may_be_demanded_of_it() {
    let mta_sts = MtaTlsStrategy { mta_sts: TlsLevel::Require, ..strategy(TlsLevel::Optional, false) };
    check(&mta_sts, MX, Err("5.7.10"));
    let relay = relay(false, false);
    let hop = HopSecurity { relay: Some(&relay), ..MX };
    check(&mta_sts, hop, Ok(TlsRequirement::StartTls { verify: true }));
    let contradictory = MtaTlsStrategy { start_tls: TlsLevel::Disable, ..mta_sts };
    check(&contradictory, hop, Ok(TlsRequirement::StartTls { verify: true }));
}

fn bound() -> DaneFinding {
    let data = vec![1; 32];
    let records = vec![crate::dns::TlsaRecord { usage: 3, selector: 1, matching: 1, data }];
    DaneFinding::Bound(Arc::new(Binding { base: "mx".to_owned(), records, names: vec!["mx".to_owned()] }))
}

fn policy(mode: Mode, mx: &str) -> StsFinding {
    let policy = mta_sts::Policy { mode, mx: vec![mx.to_owned()], max_age: Duration::from_secs(86_400) };
    StsFinding::Policy(Arc::new(policy))
}

#[track_caller]
fn check_reason(strategy: &MtaTlsStrategy, hop: HopSecurity<'_>, expected: &str) {
    let got = match requirement(strategy, hop) {
        Ok(tls) => format!("{:?} {}, {}", tls.requirement, tls.dane.is_some(), tls.reason),
        Err(trouble) => format!("{} {}", trouble.status, trouble.kind.name()),
    };
    assert_eq!(got, expected, "{strategy:?} {hop:?}");
}

// proves: F8, F3, F7
#[test]
fn a_policy_wins_over_the_strategy_and_dane_over_mta_sts() {
    let (bound, unusable) = (bound(), DaneFinding::Unusable);
    let (enforce, other) = (policy(Mode::Enforce, "mx"), policy(Mode::Enforce, "other"));
    for level in [TlsLevel::Optional, TlsLevel::Require, TlsLevel::Disable] {
        let lax = strategy(level, true);
        let dane = HopSecurity { dane: &bound, ..MX };
        check_reason(&lax, dane, "StartTls { verify: true } true, DANE");
        check_reason(&lax, HopSecurity { sts: &enforce, ..dane }, "StartTls { verify: true } true, DANE");
        check_reason(&lax, HopSecurity { sts: &other, ..dane }, "StartTls { verify: true } true, DANE");
        let sts = HopSecurity { sts: &enforce, ..MX };
        check_reason(&lax, sts, "StartTls { verify: true } false, MTA-STS enforce");
        check_reason(&lax, HopSecurity { sts: &other, ..MX }, "4.7.10 mta-sts");
        let words = "StartTls { verify: false } false, TLSA records of which none can be used";
        check_reason(&strategy(level, false), HopSecurity { dane: &unusable, ..MX }, words);
        let both = HopSecurity { dane: &unusable, ..sts };
        check_reason(&lax, both, "StartTls { verify: true } false, MTA-STS enforce");
    }
    let off = MtaTlsStrategy {
        dane: TlsLevel::Disable,
        mta_sts: TlsLevel::Disable,
        ..strategy(TlsLevel::Disable, false)
    };
    let hop = HopSecurity { dane: &bound, sts: &enforce, ..MX };
    check_reason(&off, hop, "Never false, opportunistic");
}

#[test]
fn without_a_policy_it_says_why() {
    let default = strategy(TlsLevel::Optional, false);
    let unsigned = DaneFinding::Unproven(crate::dns::Security::Insecure);
    let unchecked = DaneFinding::Unproven(crate::dns::Security::Unchecked);
    let testing = policy(Mode::Testing, "elsewhere");
    for (dane, sts, expected) in [
        (&unsigned, &StsFinding::NoPolicy, ": no DANE, since its DNS is not signed, no MTA-STS policy"),
        (&unchecked, &StsFinding::NotAsked, ": no DANE, since the name server does not validate"),
        (&DaneFinding::NoRecords, &testing, ": no TLSA records, the MTA-STS policy is only tested"),
        (&DaneFinding::NotAsked, &StsFinding::NotAsked, ""),
    ] {
        let expected = format!("Opportunistic {{ verify: true }} false, opportunistic{expected}");
        check_reason(&default, HopSecurity { dane, sts, ..MX }, &expected);
    }
    let strict = strategy(TlsLevel::Require, false);
    check_reason(&strict, MX, "StartTls { verify: true } false, the TLS strategy");
}

#[test]
fn dane_may_be_required_and_holds_for_relays_too() {
    let bound = bound();
    let strict = MtaTlsStrategy { dane: TlsLevel::Require, ..strategy(TlsLevel::Optional, true) };
    check_reason(&strict, MX, "5.7.5 dane");
    check_reason(&strict, HopSecurity { dane: &DaneFinding::NoRecords, ..MX }, "5.7.5 dane");
    check_reason(&strict, HopSecurity { dane: &bound, ..MX }, "StartTls { verify: true } true, DANE");
    let relay = relay(true, true);
    let hop = HopSecurity { relay: Some(&relay), credentials: true, dane: &bound, ..MX };
    check_reason(&strict, hop, "Implicit { verify: true } true, DANE");
}

// proves: 5.8.5
#[test]
fn records_that_cannot_be_looked_up_are_no_reason_for_less() {
    let failed = DaneFinding::Failed("SERVFAIL".to_owned());
    let bogus = DaneFinding::Bogus("SERVFAIL".to_owned());
    for level in [TlsLevel::Optional, TlsLevel::Disable] {
        check_reason(&strategy(level, true), HopSecurity { dane: &failed, ..MX }, "4.7.5 dns");
        check_reason(&strategy(level, true), HopSecurity { dane: &bogus, ..MX }, "4.7.5 dane");
    }
}

#[test]
fn requiretls_needs_a_host_that_is_meant() {
    let default = strategy(TlsLevel::Optional, true);
    let hop = HopSecurity { require_tls: true, is_meant: false, ..MX };
    check_reason(&default, hop, "5.7.30 tls");
    let (testing, other) = (policy(Mode::Testing, "mx"), policy(Mode::Testing, "other"));
    check_reason(
        &default,
        HopSecurity { sts: &testing, ..hop },
        "StartTls { verify: true } false, REQUIRETLS",
    );
    check_reason(&default, HopSecurity { sts: &other, ..hop }, "5.7.30 tls");
    check_reason(
        &default,
        HopSecurity { is_meant: true, ..hop },
        "StartTls { verify: true } false, REQUIRETLS",
    );
}

// proves: F3
#[test]
fn missing_starttls_is_final_only_where_nobody_else_demands_it() {
    let reason = |demander| TlsReason { demander, dane: DaneWord::NotAsked, sts: StsWord::NotAsked };
    assert_eq!(not_offered("mx", reason(Some(Demander::Strategy))).status.class, 5);
    for demander in [
        Demander::Dane,
        Demander::UnusableTlsa,
        Demander::MtaSts,
        Demander::Message,
        Demander::Password,
        Demander::Route,
    ] {
        assert_eq!(not_offered("mx", reason(Some(demander))).status.class, 4, "{demander:?}");
    }
    assert_eq!(handshake_failed("mx", reason(None), "no").kind, TroubleKind::Tls);
    assert_eq!(handshake_failed("mx", reason(Some(Demander::Dane)), "no").kind, TroubleKind::Dane);
}
