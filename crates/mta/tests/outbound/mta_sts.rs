//! Policies of MTA-STS from a real web server: followed, kept, and not lost to whoever takes them away.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mail::{Clock, Domain, Timestamp};
use mta::client_tls::ClientTls;
use mta::connections::{ConnectionLimits, Connections};
use mta::web::Https;
use mta::{mta_sts, tls_reports};
use policy::dns::DnsError;
use policy::mx::MxRules;
use policy::settings::MtaTlsStrategy;
use policy::tls_outcome::{StsFinding, TlsResult};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::peer::{Identity, Peer};
use crate::policy_host::{Page, PolicyHost, Texts};
use crate::stage::{Setting, Stage, letter, mx, words};

const RECORD: &str = "_mta-sts.example.net";
const TO: &[&str] = &["a@example.net"];
const CLEAR: &str = "S: 220 mx
    C: EHLO me.example.org
    S: 250-mx
    S: 250 PIPELINING\n";
const SECURED: &str = "S: 220 mx
    C: EHLO me.example.org
    S: 250-mx
    S: 250 STARTTLS
    C: STARTTLS
    S: 220 go
    = tls
    C: EHLO me.example.org
    S: 250-mx
    S: 250 PIPELINING\n";
const TRANSACTION: &str = "C: MAIL FROM:<from@example.org>
    C: RCPT TO:<a@example.net>
    C: DATA
    S: 250 ok
    S: 250 ok
    S: 354 go
    = content
    S: 250 queued\n";

fn policy(mode: &str, mx: &str) -> Page {
    Page::plain(&format!("version: STSv1\r\nmode: {mode}\r\nmx: {mx}\r\nmax_age: 86400\r\n"))
}

/// Its time is ours to move.
struct HandClock(AtomicU64);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// A domain with one MX host and a policy host.
struct Lab {
    stage: Stage,
    texts: Arc<Texts>,
    clock: Arc<HandClock>,
    host: PolicyHost,
}

struct Plan<'a> {
    page: Page,
    /// The name in the certificate of the policy host.
    named: &'a str,
    trusted: bool,
    strategy: &'a str,
}

const STRICT: &str = r#"{"name": "strict", "mtaSts": "require", "mtaStsTimeout": 5000}"#;
const LAX: &str =
    r#"{"name": "lax", "allowInvalidCerts": true, "startTls": "disable", "mtaStsTimeout": 5000}"#;
const TRUSTING: &str = r#"{"name": "trusting", "allowInvalidCerts": true, "mtaStsTimeout": 5000}"#;

impl Lab {
    async fn new(page: Page, strategy: &str, mx: &Identity, peer: &Peer) -> Self {
        Lab::with(Plan { page, named: "mta-sts.example.net", trusted: true, strategy }, mx, peer).await
    }

    async fn with(plan: Plan<'_>, mx: &Identity, peer: &Peer) -> Self {
        let identity = Identity::of(plan.named);
        let host = PolicyHost::serves(&identity, plan.page).await;
        let settings = format!(
            r#"{{"SystemSettings": {{"defaultHostname": "me.example.org"}},
                "MtaTlsStrategy": [{STRICT}, {LAX}, {TRUSTING}], "MtaOutboundStrategy": {{"tls": "{}"}}}}"#,
            plan.strategy
        );
        let mut stage = Setting::new()
            .mx(10, "mx1.example.net", &["192.0.2.1"])
            .host("mta-sts.example.net", &["192.0.2.80"])
            .road("192.0.2.1", peer.address)
            .road("192.0.2.80", host.address)
            .trusts(&mx.certificate)
            .build(&settings);
        let texts = Texts::over(Arc::clone(&stage.world.resolver));
        texts.set(RECORD, "v=STSv1; id=1;");
        texts.set("_smtp._tls.example.net", "v=TLSRPTv1; rua=mailto:tls@example.net");
        let clock = Arc::new(HandClock(AtomicU64::new(stage.world.clock.now().as_millis())));
        let roots = if plan.trusted { vec![identity.certificate.clone()] } else { Vec::new() };
        let tls = ClientTls::new(roots).expect("a TLS configuration");
        let transport = Arc::clone(&stage.world.transport);
        stage.world.resolver = texts.clone();
        stage.world.clock = clock.clone();
        stage.world.web = Arc::new(Https::new(texts.clone(), transport, tls, 443, false));
        Lab { stage, texts, clock, host }
    }

    async fn delivers(&self) -> String {
        self.stage.delivers(mx(), letter(TO)).await.remove(0)
    }

    /// What is counted for the domain, as a report will have it.
    async fn counted(self) -> Value {
        let world = self.stage.world;
        let (_, settings) = watch::channel(self.stage.configuration);
        let stopped = CancellationToken::new();
        stopped.cancel();
        tls_reports::run(world.clone(), settings, Arc::new(self.stage.connections), stopped).await;
        let kept = world.store.scan("tls-report", None, 10, world.clock.now()).await.expect("the store");
        assert!(kept.len() <= 1, "{kept:?}");
        kept.first().map_or(Value::Null, |(_, value)| serde_json::from_slice(value).expect("JSON"))
    }
}

async fn silent_peer() -> Peer {
    Peer::plays(&[]).await
}

#[track_caller]
fn failed_as(counted: &Value, kind: &str, result: &str) {
    assert_eq!(counted[0]["policy"]["policy-type"], kind, "{counted}");
    assert_eq!(counted[0]["failure-details"][0]["result-type"], result, "{counted}");
    assert_eq!(counted[0]["summary"]["total-failure-session-count"], 1, "{counted}");
}

// proves: 5.7.1
#[tokio::test]
async fn a_strategy_that_requires_a_policy_fails_without_a_record() {
    let identity = Identity::of("mx1.example.net");
    let peer = silent_peer().await;
    let lab = Lab::new(Page::Silent, "'strict'", &identity, &peer).await;
    lab.texts.set(RECORD, "v=spf1 -all");
    let report = lab.stage.attempts(mx(), letter(TO)).await;
    let policy::AttemptOutcome::Failed(trouble) = &report.outcomes[0].1 else { panic!("{report:?}") };
    assert!(trouble.text.contains("Record not found"), "{}", trouble.text);
    assert_eq!(words(&report.outcomes[0].1), "failed 5.7.10 mta-sts");
    assert!(lab.stage.tried().is_empty());
    failed_as(&lab.counted().await, "no-policy-found", "validation-failure");
}

// proves: 5.7.2
#[tokio::test]
async fn a_policy_without_hosts_is_reported_as_invalid() {
    let identity = Identity::of("mx1.example.net");
    let peer = silent_peer().await;
    let page = Page::plain("version: STSv1\nmode: enforce\nmax_age: 86400\n");
    let lab = Lab::new(page, "'strict'", &identity, &peer).await;
    assert_eq!(lab.delivers().await, "failed 5.7.10 mta-sts");
    failed_as(&lab.counted().await, "sts", "sts-policy-invalid");
}

// proves: 5.7.3
#[tokio::test]
async fn a_host_that_the_policy_does_not_name_is_not_connected_to() {
    let identity = Identity::of("mx1.example.net");
    let peer = silent_peer().await;
    for strategy in ["'default'", "'lax'", "'strict'"] {
        let lab = Lab::new(policy("enforce", "*.other.example.net"), strategy, &identity, &peer).await;
        assert_eq!(lab.delivers().await, "deferred 4.7.10 mta-sts");
        assert_eq!(lab.stage.tried(), ["192.0.2.80"]);
        let counted = lab.counted().await;
        failed_as(&counted, "sts", "validation-failure");
        assert_eq!(counted[0]["failure-details"][0]["receiving-mx-hostname"], "mx1.example.net");
        assert_eq!(counted[0]["policy"]["mx-host"], json!(["*.other.example.net"]));
    }
}

// proves: 5.7.4
#[tokio::test]
async fn a_wildcard_that_matches_lets_mail_pass_over_verified_tls() {
    let identity = Identity::of("mx1.example.net");
    // The strategy would use no TLS at all and accept anybody: the policy wins.
    for strategy in ["'default'", "'lax'"] {
        let peer = Peer::plays_as(Some(&identity), &[&format!("{SECURED}{TRANSACTION}")]).await;
        let lab = Lab::new(policy("enforce", "*.example.net"), strategy, &identity, &peer).await;
        let report = lab.stage.attempts(mx(), letter(TO)).await;
        assert_eq!(words(&report.outcomes[0].1), "delivered 250");
        assert!(report.ways[0].tls.contains("verified") && !report.ways[0].tls.contains("unverified"));
        lab.stage.connections.close().await;
        peer.over().await;
        let counted = lab.counted().await;
        assert_eq!(counted[0]["policy"]["policy-type"], "sts");
        let summary = json!({"total-successful-session-count": 1, "total-failure-session-count": 0});
        assert_eq!(counted[0]["summary"], summary);
    }
}

// proves: F6
#[tokio::test]
async fn under_a_policy_no_certificate_passes_that_does_not_verify() {
    let identity = Identity::of("other.example.net");
    let (script, _) = SECURED.split_once("= tls\n").expect("a handshake");
    let peer = Peer::plays_as(Some(&identity), &[&format!("{script}= tls\n")]).await;
    let lab = Lab::new(policy("enforce", "*.example.net"), "'lax'", &identity, &peer).await;
    assert_eq!(lab.delivers().await, "deferred 4.7.5 tls");
    assert!(peer.over().await.is_empty());
    failed_as(&lab.counted().await, "sts", "certificate-host-mismatch");
}

// proves: F3
#[tokio::test]
async fn under_a_policy_nothing_goes_in_clear() {
    let identity = Identity::of("mx1.example.net");
    let hello = "S: 220 mx\nC: EHLO me.example.org\nS: 250-mx\nS: 250 PIPELINING\n";
    let peer = Peer::plays(&[hello]).await;
    let lab = Lab::new(policy("enforce", "mx1.example.net"), "'lax'", &identity, &peer).await;
    assert_eq!(lab.delivers().await, "deferred 4.7.10 tls");
    lab.stage.connections.close().await;
    assert!(peer.over().await.is_empty());
    failed_as(&lab.counted().await, "sts", "starttls-not-supported");
}

#[tokio::test]
async fn a_session_that_nobody_verified_is_no_success_under_a_policy() {
    let identity = Identity::of("other.example.net");
    let peer = Peer::plays_as(Some(&identity), &[&format!("{SECURED}{TRANSACTION}")]).await;
    let lab = Lab::new(policy("testing", "*.example.net"), "'trusting'", &identity, &peer).await;
    assert_eq!(lab.delivers().await, "delivered 250");
    lab.stage.connections.close().await;
    peer.over().await;
    let domain = mail::Domain::parse("example.net").expect("valid");
    assert!(lab.stage.connections.tls_tallies().counted(&domain).is_none());
}

// proves: 5.7.5, F10
#[tokio::test]
async fn testing_changes_nothing_but_is_counted() {
    let identity = Identity::of("mx1.example.net");
    for (mx, result) in [("*.example.net", "starttls-not-supported"), ("x.example", "starttls-not-supported")]
    {
        let peer = Peer::plays(&[&format!("{CLEAR}{TRANSACTION}")]).await;
        let lab = Lab::new(policy("testing", mx), "'default'", &identity, &peer).await;
        assert_eq!(lab.delivers().await, "delivered 250");
        lab.stage.connections.close().await;
        peer.over().await;
        failed_as(&lab.counted().await, "sts", result);
    }
    let peer = Peer::plays_as(Some(&identity), &[&format!("{SECURED}{TRANSACTION}")]).await;
    let lab = Lab::new(policy("testing", "x.example"), "'default'", &identity, &peer).await;
    assert_eq!(lab.delivers().await, "delivered 250");
    lab.stage.connections.close().await;
    peer.over().await;
    failed_as(&lab.counted().await, "sts", "validation-failure");
}

// proves: F10
#[tokio::test]
async fn a_policy_that_was_given_up_changes_nothing() {
    let identity = Identity::of("mx1.example.net");
    let peer = Peer::plays(&[&format!("{CLEAR}{TRANSACTION}")]).await;
    let page = Page::plain("version: STSv1\nmode: none\nmax_age: 86400\n");
    let lab = Lab::new(page, "'default'", &identity, &peer).await;
    assert_eq!(lab.delivers().await, "delivered 250");
    lab.stage.connections.close().await;
    peer.over().await;
}

/// Answers that are no policy.
fn no_policies() -> Vec<Page> {
    let enforce = "version: STSv1\nmode: enforce\nmx: x.example\nmax_age: 86400\n";
    let plain = "Content-Type: text/plain\r\n";
    vec![
        Page::of("404 Not Found", plain, enforce),
        Page::of("500 Oops", plain, enforce),
        Page::of("301 Moved", &format!("{plain}Location: https://mta-sts.example.net/\r\n"), enforce),
        Page::of("200 OK", "Content-Type: text/html\r\n", enforce),
        Page::of("200 OK", "", enforce),
        Page::plain("<html>"),
        Page::plain(&format!("{enforce}{}", "\n".repeat(10 << 20))),
        Page::Pours(format!("HTTP/1.1 200 OK\r\n{plain}\r\n{enforce}")),
        Page::Says("nonsense\r\n\r\n".to_owned()),
        Page::Says(String::new()),
        Page::Says(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 999\r\n\r\nversion:".to_owned(),
        ),
    ]
}

// proves: F9
#[tokio::test]
async fn what_is_no_policy_changes_nothing_where_none_is_required() {
    let identity = Identity::of("mx1.example.net");
    for page in no_policies() {
        let peer = Peer::plays(&[&format!("{CLEAR}{TRANSACTION}")]).await;
        let lab = Lab::new(page.clone(), "'default'", &identity, &peer).await;
        assert_eq!(lab.delivers().await, "delivered 250", "{page:?}");
        assert_eq!(lab.host.asked(), 1, "not followed, and not asked again");
        lab.stage.connections.close().await;
        peer.over().await;
    }
}

// proves: F9
#[tokio::test]
async fn a_policy_host_must_prove_who_it_is() {
    let identity = Identity::of("mx1.example.net");
    let peer = silent_peer().await;
    for (named, trusted) in [("mta-sts.example.net", false), ("mta-sts.example.org", true)] {
        let page = policy("enforce", "*.example.net");
        let plan = Plan { page, named, trusted, strategy: "'strict'" };
        let lab = Lab::with(plan, &identity, &peer).await;
        assert_eq!(lab.delivers().await, "deferred 4.7.10 mta-sts");
        assert_eq!(lab.host.asked(), 0);
        failed_as(&lab.counted().await, "sts", "sts-webpki-invalid");
    }
}

// proves: F9
#[tokio::test]
async fn a_policy_host_that_says_nothing_is_not_waited_for_longer_than_the_strategy_says() {
    let identity = Identity::of("mx1.example.net");
    let peer = silent_peer().await;
    let lab = Lab::new(Page::Silent, "'strict'", &identity, &peer).await;
    let begun = std::time::Instant::now();
    assert_eq!(lab.delivers().await, "deferred 4.7.10 mta-sts");
    assert!(begun.elapsed() >= Duration::from_secs(5), "as the strategy says");
    assert_eq!(lab.delivers().await, "deferred 4.7.10 mta-sts");
    assert_eq!(lab.host.asked(), 1, "it is not asked again at once");
}

// proves: F9
#[tokio::test]
async fn the_old_policy_holds_while_the_new_one_cannot_be_had() {
    let identity = Identity::of("mx1.example.net");
    let peer = Peer::plays_as(Some(&identity), &[&format!("{SECURED}{TRANSACTION}")]).await;
    let lab = Lab::new(policy("enforce", "x.example"), "'default'", &identity, &peer).await;
    assert_eq!(lab.delivers().await, "deferred 4.7.10 mta-sts");
    for (number, page) in no_policies().into_iter().enumerate() {
        lab.host.change(page);
        lab.texts.set(RECORD, &format!("v=STSv1; id=new{number};"));
        assert_eq!(lab.delivers().await, "deferred 4.7.10 mta-sts");
    }
    let asked = lab.host.asked();
    assert_eq!(asked, 1 + no_policies().len());
    for why in [DnsError::Failed("SERVFAIL".to_owned()), DnsError::Bogus("forged".to_owned())] {
        lab.texts.fail(RECORD, why);
        assert_eq!(lab.delivers().await, "deferred 4.7.10 mta-sts");
    }
    assert_eq!(lab.host.asked(), asked, "the record is gone, so there is nothing to fetch");
    lab.host.change(policy("enforce", "*.example.net"));
    lab.texts.set(RECORD, "v=STSv1; id=right;");
    assert_eq!(lab.delivers().await, "delivered 250");
    lab.stage.connections.close().await;
    peer.over().await;
}

// proves: F11
#[tokio::test]
async fn a_restart_keeps_the_policy_until_it_expires() {
    let identity = Identity::of("mx1.example.net");
    let peer = silent_peer().await;
    let mut lab = Lab::new(policy("enforce", "x.example"), "'default'", &identity, &peer).await;
    assert_eq!(lab.delivers().await, "deferred 4.7.10 mta-sts");
    // The domain is cut off, and all that was in memory is gone.
    lab.texts.fail(RECORD, DnsError::Failed("SERVFAIL".to_owned()));
    lab.host.change(Page::Silent);
    let tls = ClientTls::new(Vec::new()).expect("a TLS configuration");
    lab.stage.connections = Connections::new(ConnectionLimits::default(), MxRules::default(), tls);
    assert_eq!(lab.delivers().await, "deferred 4.7.10 mta-sts");
    assert_eq!(lab.host.asked(), 1);
    lab.clock.0.fetch_add(86_400_000, Ordering::SeqCst);
    let (domain, strategy) = (Domain::parse("example.net").expect("valid"), MtaTlsStrategy::named("default"));
    let found = mta_sts::finding(&lab.stage.world, lab.stage.connections.sts(), &domain, &strategy).await;
    let Ok(StsFinding::Unavailable(failure)) = found else { panic!("{found:?}") };
    assert_eq!((failure.result, failure.is_temporary), (TlsResult::StsPolicyFetchError, true));
}

#[tokio::test]
async fn those_who_need_the_same_policy_fetch_it_once() {
    let identity = Identity::of("mx1.example.net");
    let peer = silent_peer().await;
    let lab = Lab::new(policy("enforce", "x.example"), "'default'", &identity, &peer).await;
    let all = futures_util::future::join_all((0..5).map(|_| lab.delivers())).await;
    assert!(all.iter().all(|outcome| outcome == "deferred 4.7.10 mta-sts"), "{all:?}");
    assert_eq!(lab.host.asked(), 1);
}

// proves: B5
#[tokio::test]
async fn a_clock_before_our_release_defers_where_a_policy_is_at_stake() {
    let identity = Identity::of("mx1.example.net");
    let peer = Peer::plays(&[&format!("{CLEAR}{TRANSACTION}")]).await;
    let lab = Lab::new(policy("enforce", "*.example.net"), "'default'", &identity, &peer).await;
    lab.clock.0.store(1_000_000_000_000, Ordering::SeqCst);
    assert_eq!(lab.delivers().await, "deferred 4.3.0 io");
    assert_eq!(lab.host.asked(), 0);
    lab.texts.set(RECORD, "v=spf1");
    assert_eq!(lab.delivers().await, "delivered 250");
    lab.stage.connections.close().await;
    peer.over().await;
}
