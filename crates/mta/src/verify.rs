//! Finds out whose mail comes in: SPF, DKIM, DMARC, ARC, and the `Authentication-Results` that say so.

mod answers;

use std::sync::OnceLock;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::FutureExt;
use mail::authentication_results::Results;
use mail::canonical::Canonicalization;
use mail::{Domain, Timestamp};
use mail_auth::arc::ArcError;
use mail_auth::common::crypto::{Algorithm, CryptoError, HashAlgorithm};
use mail_auth::common::verify::VerifySignature;
use mail_auth::dkim::{Canonicalization as TheirCanonicalization, DkimError};
use mail_auth::dmarc::Policy;
use mail_auth::dmarc::verify::DmarcParameters;
use mail_auth::hickory_resolver::config::{ResolverConfig, ResolverOpts};
use mail_auth::spf::verify::SpfParameters;
use mail_auth::{
    AuthenticatedMessage, DkimOutput, DkimResult, DmarcResult, Error, MessageAuthenticator, SpfOutput,
    SpfResult,
};
use policy::authenticity::{Client, DmarcPolicy, Finding, Findings, Levels, Strictness};

use self::answers::Answers;
use crate::sign::BodyHash;
use crate::world::World;

/// Signatures that are checked at most; more are passed over.
const SIGNATURES_MAX: usize = 10;
/// Names of fields that a signature may cover. The check of each name walks over those before it.
const NAMES_MAX: usize = 200;
/// How often a check may ask for something new.
const ROUNDS_MAX: usize = 16;
/// How long all checks of a message may take.
const TIME_MAX: Duration = Duration::from_secs(30);
/// How long SPF may take of it: the sender's own records leave time for those of the author.
const SPF_TIME_MAX: Duration = Duration::from_secs(10);

/// Checks in the making, while the body streams by.
pub(crate) struct Checks {
    levels: Levels,
    /// One for each canonical form that a signature asks for.
    hashes: Vec<(Canonicalization, BodyHash)>,
}

impl Checks {
    /// After the header, before the body.
    pub(crate) fn begin(levels: Levels, message_header: &[u8]) -> Self {
        let mut hashes: Vec<(Canonicalization, BodyHash)> = Vec::new();
        let message = AuthenticatedMessage::parse(message_header);
        for (how, kind, _, _) in message.iter().flat_map(|message| &message.body_hashes) {
            let how = ours(*how);
            if *kind == HashAlgorithm::Sha256 && !hashes.iter().any(|(known, _)| *known == how) {
                hashes.push((how, BodyHash::begin(how)));
            }
        }
        Checks { levels, hashes }
    }

    /// A piece of the body.
    pub(crate) fn body(&mut self, bytes: &[u8]) {
        for (_, hash) in &mut self.hashes {
            hash.push(bytes);
        }
    }

    /// What was found out, and the field that says so.
    pub(crate) async fn finish(
        self,
        world: &World,
        message_header: &[u8],
        client: &Client<'_>,
        own: &Domain,
    ) -> (Findings, Vec<u8>) {
        let levels = self.levels;
        match tokio::time::timeout(TIME_MAX, self.check(world, message_header, client, own)).await {
            Ok(found) => found,
            Err(_) => out_of_time(levels, own),
        }
    }

    async fn check(
        self,
        world: &World,
        message_header: &[u8],
        client: &Client<'_>,
        own: &Domain,
    ) -> (Findings, Vec<u8>) {
        let hashes: Vec<_> = self.hashes.into_iter().map(|(how, hash)| (how, hash.finish())).collect();
        let checking =
            Checking { world, client, own, answers: Answers::about(client.ip), levels: self.levels };
        let message = AuthenticatedMessage::parse(message_header);
        let message = message.map(|message| prepared(message, &hashes, world.clock.now()));
        checking.run(message.as_ref()).await
    }
}

/// When DNS has taken too long for all of it.
fn out_of_time(levels: Levels, own: &Domain) -> (Findings, Vec<u8>) {
    let unknown = |level| if level == Strictness::Disable { Finding::None } else { Finding::TempError };
    let findings = Findings {
        spf: unknown(levels.spf),
        dkim: unknown(levels.dkim),
        dmarc: unknown(levels.dmarc),
        arc: unknown(levels.arc),
        ..Findings::default()
    };
    let mut results = Results::of(own);
    let all =
        [("spf", findings.spf), ("dkim", findings.dkim), ("dmarc", findings.dmarc), ("arc", findings.arc)];
    for (method, finding) in all.into_iter().filter(|(_, finding)| *finding != Finding::None) {
        results.add(method, finding.name(), Some("DNS takes too long"));
    }
    (findings, results.finish())
}

fn ours(theirs: TheirCanonicalization) -> Canonicalization {
    match theirs {
        TheirCanonicalization::Relaxed => Canonicalization::Relaxed,
        TheirCanonicalization::Simple => Canonicalization::Simple,
    }
}

/// The message with the hashes of the body that has streamed by, with our own idea of the time, and no more
/// signatures than are checked.
fn prepared<'m>(
    mut message: AuthenticatedMessage<'m>,
    hashes: &[(Canonicalization, Vec<u8>)],
    now: Timestamp,
) -> AuthenticatedMessage<'m> {
    for (how, kind, _, hash) in &mut message.body_hashes {
        let found = hashes.iter().find(|(known, _)| *known == ours(*how) && *kind == HashAlgorithm::Sha256);
        *hash = found.map(|(_, hash)| hash.clone()).unwrap_or_default();
    }
    // RFC 8301 section 3.1: rsa-sha1 is as good as no signature.
    message.dkim_headers.retain(|header| header.header.a != Algorithm::RsaSha1);
    // What does not sign the author (RFC 6376 section 3.5), or names more than anybody has, is malformed.
    message.dkim_headers.retain(|header| {
        let names = &header.header.h;
        names.len() <= NAMES_MAX && names.iter().any(|name| name.trim().eq_ignore_ascii_case("from"))
    });
    // A chain that misses a link is a broken one.
    message.has_arc_errors |= message.ams_headers.iter().any(|header| header.header.h.len() > NAMES_MAX);
    message.ams_headers.retain(|header| header.header.h.len() <= NAMES_MAX);
    message.dkim_headers.truncate(SIGNATURES_MAX);
    message.errors.truncate(SIGNATURES_MAX);
    let now = now.as_millis() / 1000;
    // To their clock, 0 holds for ever, and what ends before it begins has ended.
    let holds = |expires: u64| if expires == 0 || expires > now { 0 } else { 1 };
    for header in &mut message.dkim_headers {
        header.header.x = holds(header.header.x);
        header.header.t = 2;
    }
    for header in &mut message.ams_headers {
        header.header.x = holds(header.header.x);
        header.header.t = 2;
    }
    message
}

struct Checking<'a> {
    world: &'a World,
    client: &'a Client<'a>,
    own: &'a Domain,
    answers: Answers,
    levels: Levels,
}

impl Checking<'_> {
    async fn run(&self, message: Option<&AuthenticatedMessage<'_>>) -> (Findings, Vec<u8>) {
        let is_on = |level| level != Strictness::Disable;
        let (mut findings, mut results) = (Findings::default(), Results::of(self.own));
        let sender = self.client.reverse_path.address().map(ToString::to_string).unwrap_or_default();
        let spf = if is_on(self.levels.spf) { self.spf_in_time(&sender).await } else { SpfOutput::default() };
        self.answers.begin_anew();
        if is_on(self.levels.spf) {
            findings.spf = of_spf(spf.result());
            results.add("spf", findings.spf.name(), None);
            match sender.is_empty() {
                true => results.about("smtp.helo", self.client.helo),
                false => results.about("smtp.mailfrom", &sender),
            }
        }
        let Some(message) = message else { return (findings, results.finish()) };
        self.fetch_keys(message).await;
        let authenticator = authenticator();
        let dkim = match is_on(self.levels.dkim) {
            true => at_once(authenticator.verify_dkim(self.answers.parameters(message))),
            false => Some(Vec::new()),
        };
        let dkim = dkim.unwrap_or_default();
        findings.dkim =
            dkim.iter().map(|output| of_dkim(output.result())).max_by_key(rank).unwrap_or_default();
        if is_on(self.levels.dkim) {
            add_dkim(&mut results, &dkim);
        }
        if is_on(self.levels.dmarc) {
            self.dmarc(message, &dkim, &spf, &mut findings, &mut results).await;
        }
        if is_on(self.levels.arc) && !message.as_headers.is_empty() {
            let arc = at_once(authenticator.verify_arc(self.answers.parameters(message)));
            findings.arc = arc.map_or(Finding::PermError, |arc| of_dkim(arc.result()));
            results.add("arc", findings.arc.name(), None);
        }
        (findings, results.finish())
    }

    async fn spf_in_time(&self, sender: &str) -> SpfOutput {
        let output = tokio::time::timeout(SPF_TIME_MAX, self.spf(sender)).await;
        output.unwrap_or_else(|_| SpfOutput::new(String::new()).with_result(SpfResult::TempError))
    }

    /// Of the reverse-path, or of what the client calls itself.
    async fn spf(&self, sender: &str) -> SpfOutput {
        let (ip, helo, own) = (self.client.ip, self.client.helo, self.own.as_str());
        let check = || {
            let parameters = match sender {
                "" => SpfParameters::verify_ehlo(ip, helo, own),
                sender => SpfParameters::verify_mail_from(ip, helo, own, sender),
            };
            at_once(authenticator().check_host(self.answers.parameters(parameters)))
        };
        for _ in 0..ROUNDS_MAX {
            self.answers.take_failed();
            let Some(output) = check() else { break };
            if !self.answers.look_up(self.world).await {
                let failed = self.answers.take_failed();
                // RFC 7208 section 5: a lookup without an answer ends the check.
                if failed {
                    return output.with_result(SpfResult::TempError);
                }
                // RFC 7208 section 4.6.4: who asks for too much is wrong, and not as if nothing were there.
                if self.answers.is_used_up() {
                    break;
                }
                return output;
            }
        }
        SpfOutput::new(String::new()).with_result(SpfResult::PermError)
    }

    /// The public keys, and the DMARC records above the domain in `From:`, all at once.
    async fn fetch_keys(&self, message: &AuthenticatedMessage<'_>) {
        let dkim = message.dkim_headers.iter().map(|header| header.header.domain_key());
        let seals = message.as_headers.iter().map(|header| header.header.domain_key());
        let arc = message.ams_headers.iter().map(|header| header.header.domain_key());
        let arc = arc.chain(seals).take(2 * SIGNATURES_MAX);
        if self.levels.dkim != Strictness::Disable {
            self.answers.want_txt(dkim.map(|name| name.to_lowercase()));
        }
        if self.levels.arc != Strictness::Disable {
            self.answers.want_txt(arc.map(|name| name.to_lowercase()));
        }
        let from = message.from.first().and_then(|from| from.rsplit_once('@'));
        if let Some((_, domain)) = from.filter(|_| self.levels.dmarc != Strictness::Disable) {
            self.answers
                .want_txt(Domain::parse(domain).ok().into_iter().flat_map(|domain| dmarc_names(&domain)));
        }
        self.answers.look_up(self.world).await;
    }

    async fn dmarc(
        &self,
        message: &AuthenticatedMessage<'_>,
        dkim: &[DkimOutput<'_>],
        spf: &SpfOutput,
        findings: &mut Findings,
        results: &mut Results,
    ) {
        let sender =
            self.client.reverse_path.address().map_or(self.client.helo, |sender| sender.domain.as_str());
        for _ in 0..ROUNDS_MAX {
            let parameters = DmarcParameters::new(message, dkim, sender, spf);
            let Some(output) = at_once(authenticator().verify_dmarc(self.answers.parameters(parameters)))
            else {
                break;
            };
            if self.answers.look_up(self.world).await {
                continue;
            }
            findings.dmarc = of_dmarc(&output.result());
            findings.dmarc_policy = match output.policy() {
                Policy::None | Policy::Unspecified => DmarcPolicy::None,
                Policy::Quarantine => DmarcPolicy::Quarantine,
                Policy::Reject => DmarcPolicy::Reject,
            };
            findings.from_domain = output.domain().to_owned();
            break;
        }
        let policy = format!("p={}", findings.dmarc_policy.name());
        results.add("dmarc", findings.dmarc.name(), (findings.dmarc != Finding::None).then_some(&policy));
        results.about("header.from", &findings.from_domain);
    }
}

/// Where the records of a domain and of those above it are (RFC 9989 section 4.10).
fn dmarc_names(domain: &Domain) -> Vec<String> {
    const NAMES_MAX: usize = 8;
    let mut above: Vec<&str> = vec![domain.as_str()];
    while let Some((_, rest)) = above.last().and_then(|name| name.split_once('.')) {
        above.push(rest);
    }
    let skipped = above.len().saturating_sub(NAMES_MAX);
    // The domain itself, then at most seven labels.
    let kept = above.iter().enumerate().filter(|(at, _)| *at == 0 || *at > skipped);
    kept.map(|(_, name)| format!("_dmarc.{name}.")).collect()
}

/// A check whose lookups are all answered from memory has no reason to wait.
fn at_once<T>(check: impl Future<Output = T>) -> Option<T> {
    let done = check.now_or_never();
    debug_assert!(done.is_some(), "the cache always answers");
    done
}

/// `mail-auth`'s own resolver knows no name server: what is not in the cache does not exist for it.
fn authenticator() -> &'static MessageAuthenticator {
    static AUTHENTICATOR: OnceLock<MessageAuthenticator> = OnceLock::new();
    AUTHENTICATOR.get_or_init(|| {
        let nobody = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
        MessageAuthenticator::new(nobody, ResolverOpts::default())
            .expect("a resolver without servers needs nothing")
    })
}

fn of_spf(result: SpfResult) -> Finding {
    match result {
        SpfResult::Pass => Finding::Pass,
        SpfResult::Fail => Finding::Fail,
        SpfResult::SoftFail => Finding::SoftFail,
        SpfResult::Neutral => Finding::Neutral,
        SpfResult::TempError => Finding::TempError,
        SpfResult::PermError => Finding::PermError,
        SpfResult::None => Finding::None,
    }
}

/// RFC 8601 section 2.7.1: `fail` is said of what was looked at and is wrong, whatever the library calls it.
fn of_dkim(result: &DkimResult) -> Finding {
    let wrong = |error: &Error| {
        matches!(
            error,
            Error::Dkim(
                DkimError::FailedBodyHashMatch | DkimError::SignatureExpired | DkimError::FailedAuidMatch
            ) | Error::Crypto(CryptoError::FailedVerification)
                | Error::Arc(ArcError::FailedBodyHashMatch | ArcError::SignatureExpired)
        )
    };
    match result {
        DkimResult::Pass => Finding::Pass,
        DkimResult::Neutral(error) | DkimResult::PermError(error) if wrong(error) => Finding::Fail,
        DkimResult::Neutral(_) => Finding::Neutral,
        DkimResult::Fail(_) => Finding::Fail,
        DkimResult::PermError(_) => Finding::PermError,
        DkimResult::TempError(_) => Finding::TempError,
        DkimResult::None => Finding::None,
    }
}

fn of_dmarc(result: &DmarcResult) -> Finding {
    match result {
        DmarcResult::Pass => Finding::Pass,
        DmarcResult::Fail(_) => Finding::Fail,
        DmarcResult::TempError(_) => Finding::TempError,
        DmarcResult::PermError(_) => Finding::PermError,
        DmarcResult::None => Finding::None,
    }
}

/// One good signature is enough; after that, what may still turn out good counts most.
fn rank(finding: &Finding) -> u8 {
    match finding {
        Finding::Pass => 6,
        Finding::TempError => 5,
        Finding::Fail | Finding::SoftFail => 4,
        Finding::PermError => 3,
        Finding::Neutral => 2,
        Finding::None => 1,
    }
}

fn add_dkim(results: &mut Results, outputs: &[DkimOutput<'_>]) {
    /// Bytes of a signature that are enough to tell it from others (RFC 6008).
    const SIGNATURE_BYTES: usize = 6;
    if outputs.is_empty() {
        results.add("dkim", Finding::None.name(), None);
    }
    for output in outputs.iter().take(SIGNATURES_MAX) {
        let remark = match output.result() {
            DkimResult::Neutral(error) | DkimResult::Fail(error) => Some(error.to_string()),
            DkimResult::PermError(error) | DkimResult::TempError(error) => Some(error.to_string()),
            DkimResult::Pass | DkimResult::None => None,
        };
        results.add("dkim", of_dkim(output.result()).name(), remark.as_deref());
        if let Some(signature) = output.signature() {
            results.about("header.d", &signature.d);
            results.about("header.s", &signature.s);
            let start = signature.b.get(..SIGNATURE_BYTES).unwrap_or_default();
            results.about("header.b", &BASE64.encode(start));
        }
    }
}

#[cfg(test)]
mod tests;
