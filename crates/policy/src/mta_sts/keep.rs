//! Is the policy that was kept still good, must one be fetched, and what if it cannot be? RFC 8461 section 3.3.

use std::sync::Arc;

use mail::Timestamp;
use serde_json::{Value, json};

use super::{Policy, Record, parse, record};
use crate::dns::DnsError;
use crate::limits::STS_RETRY_AFTER;
use crate::tls_outcome::{StsFailure, StsFinding, TlsResult};

/// A policy that was fetched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// The id that the record had.
    pub id: String,
    /// The policy.
    pub policy: Arc<Policy>,
    /// When it was fetched.
    pub fetched_at: Timestamp,
}

/// A fetch that failed: not to be tried again at once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failed {
    /// The id that the record had.
    pub id: String,
    /// When it failed.
    pub at: Timestamp,
    /// Why.
    pub failure: StsFailure,
}

/// What to do next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// This is it.
    Use(StsFinding),
    /// The policy with this id must be fetched.
    Fetch(String),
}

impl Kept {
    /// When it ends to be in force.
    pub fn expires(&self) -> Timestamp {
        self.fetched_at.plus(self.policy.max_age)
    }

    /// Whether it is in force.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        now < self.expires()
    }

    /// What is written down of it.
    pub fn encode(&self) -> Vec<u8> {
        let (id, policy) = (&self.id, self.policy.lines().join("\n"));
        json!({ "id": id, "fetchedAt": self.fetched_at.as_millis(), "policy": policy })
            .to_string()
            .into_bytes()
    }

    /// What was written down; none if it is not that.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let json: Value = serde_json::from_slice(bytes).ok()?;
        let id = json.get("id")?.as_str()?.to_owned();
        let fetched_at = Timestamp::from_millis(json.get("fetchedAt")?.as_u64()?);
        let policy = Arc::new(parse(json.get("policy")?.as_str()?.as_bytes()).ok()?);
        Some(Kept { id, policy, fetched_at })
    }
}

/// What follows from what was kept, from the TXT records of `_mta-sts`, and from the last fetch that failed.
///
/// What is kept stays in force until it expires, whatever DNS says meanwhile: whoever can take the record away must
/// not be able to take the policy away.
pub fn step(
    kept: Option<&Kept>,
    texts: Result<&[String], &DnsError>,
    failed: Option<&Failed>,
    now: Timestamp,
) -> Step {
    let kept = kept.filter(|kept| kept.is_in_force(now));
    let record = match texts {
        Ok(texts) => record(texts),
        Err(DnsError::NoSuchName(_) | DnsError::NoData(_)) => Record::Absent,
        Err(why @ (DnsError::Bogus(_) | DnsError::Failed(_))) => {
            let text = format!("the MTA-STS record cannot be looked up: {why}");
            let failure = StsFailure { result: TlsResult::StsPolicyFetchError, is_temporary: true, text };
            return Step::Use(or_kept(kept, StsFinding::Unavailable(failure)));
        }
    };
    match record {
        Record::Absent => Step::Use(or_kept(kept, StsFinding::NoPolicy)),
        Record::Invalid(why) => {
            let text = format!("the MTA-STS record is invalid: {why}");
            let failure = StsFailure { result: TlsResult::StsPolicyInvalid, is_temporary: false, text };
            Step::Use(or_kept(kept, StsFinding::Unavailable(failure)))
        }
        Record::Id(id) => with_id(kept, id, failed, now),
    }
}

fn with_id(kept: Option<&Kept>, id: String, failed: Option<&Failed>, now: Timestamp) -> Step {
    if let Some(kept) = kept.filter(|kept| kept.id == id) {
        return Step::Use(StsFinding::Policy(Arc::clone(&kept.policy)));
    }
    // A clock that was set back must not make a failure last.
    let is_fresh = |failed: &&Failed| failed.at <= now && now < failed.at.plus(STS_RETRY_AFTER);
    match failed.filter(|failed| failed.id == id).filter(is_fresh) {
        Some(failed) => Step::Use(or_kept(kept, StsFinding::Unavailable(failed.failure.clone()))),
        None => Step::Fetch(id),
    }
}

/// What follows from a fetch. While it fails, what was kept stays in force.
pub fn after_fetch(kept: Option<&Kept>, fetched: &Result<Kept, StsFailure>, now: Timestamp) -> StsFinding {
    match fetched {
        Ok(fetched) => StsFinding::Policy(Arc::clone(&fetched.policy)),
        Err(failure) => {
            or_kept(kept.filter(|kept| kept.is_in_force(now)), StsFinding::Unavailable(failure.clone()))
        }
    }
}

fn or_kept(kept: Option<&Kept>, otherwise: StsFinding) -> StsFinding {
    kept.map_or(otherwise, |kept| StsFinding::Policy(Arc::clone(&kept.policy)))
}

/// Whether a policy that is in use should be fetched anew, though its record has not changed, lest it expire: after
/// half of its time.
pub fn refresh_due(kept: &Kept, now: Timestamp) -> bool {
    now >= kept.fetched_at.plus(kept.policy.max_age / 2)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::dns::Security;
    use crate::mta_sts::Mode;

    const DAY: u64 = 86_400;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000).plus(Duration::from_secs(seconds))
    }

    fn kept(id: &str) -> Kept {
        let mx = vec![format!("{id}.example.org")];
        let policy = Policy { mode: Mode::Enforce, mx, max_age: Duration::from_secs(DAY) };
        Kept { id: id.to_owned(), policy: Arc::new(policy), fetched_at: at(0) }
    }

    fn failure() -> StsFailure {
        StsFailure { result: TlsResult::StsPolicyFetchError, is_temporary: true, text: "404".to_owned() }
    }

    fn failed(id: &str, seconds: u64) -> Failed {
        Failed { id: id.to_owned(), at: at(seconds), failure: failure() }
    }

    /// In words: `fetch ID`, `kept`, `no policy`, `unavailable now`, `unavailable`.
    fn said(step: &Step) -> String {
        match step {
            Step::Fetch(id) => format!("fetch {id}"),
            Step::Use(StsFinding::Policy(_)) => "kept".to_owned(),
            Step::Use(StsFinding::NoPolicy) => "no policy".to_owned(),
            Step::Use(StsFinding::Unavailable(failure)) if failure.is_temporary => {
                "unavailable now".to_owned()
            }
            Step::Use(StsFinding::Unavailable(_)) => "unavailable".to_owned(),
            Step::Use(StsFinding::NotAsked) => "not asked".to_owned(),
        }
    }

    // proves: F9, F11
    #[test]
    fn what_is_kept_outlasts_whatever_dns_says() {
        let (same, other) = ("v=STSv1; id=a", "v=STSv1; id=b");
        let bogus = DnsError::Bogus("x".to_owned());
        let failed_dns = DnsError::Failed("SERVFAIL".to_owned());
        let absent = DnsError::NoSuchName(Security::Unchecked);
        let no_data = DnsError::NoData(Security::Unchecked);
        for (texts, with_kept, without) in [
            (Ok(same), "kept", "fetch a"),
            (Ok(other), "fetch b", "fetch b"),
            (Ok("v=STSv1; id="), "kept", "unavailable"),
            (Ok("v=spf1"), "kept", "no policy"),
            (Err(&absent), "kept", "no policy"),
            (Err(&no_data), "kept", "no policy"),
            (Err(&bogus), "kept", "unavailable now"),
            (Err(&failed_dns), "kept", "unavailable now"),
        ] {
            let list = texts.map(|text| vec![text.to_owned()]);
            let list = list.as_ref().map(Vec::as_slice).map_err(|error| *error);
            assert_eq!(said(&step(Some(&kept("a")), list, None, at(1))), with_kept, "{texts:?}");
            assert_eq!(said(&step(None, list, None, at(1))), without, "{texts:?}");
            assert_eq!(said(&step(Some(&kept("a")), list, None, at(DAY))), without, "expired: {texts:?}");
        }
    }

    // proves: F9
    #[test]
    fn a_fetch_that_failed_is_not_repeated_at_once() {
        let texts = ["v=STSv1; id=b".to_owned()];
        let ask = |kept: Option<&Kept>, failed: &Failed, seconds| {
            said(&step(kept, Ok(&texts), Some(failed), at(seconds)))
        };
        let old = kept("a");
        assert_eq!(ask(Some(&old), &failed("b", 10), 11), "kept");
        assert_eq!(ask(None, &failed("b", 10), 11), "unavailable now");
        assert_eq!(ask(None, &failed("b", 10), 10 + STS_RETRY_AFTER.as_secs()), "fetch b");
        assert_eq!(ask(None, &failed("c", 10), 11), "fetch b", "another id may do");
        assert_eq!(ask(None, &failed("b", 10), 9), "fetch b", "the clock went back");
    }

    // proves: F9
    #[test]
    fn the_old_policy_stays_in_force_while_the_fetch_fails() {
        let (old, new) = (kept("a"), kept("b"));
        assert_eq!(after_fetch(Some(&old), &Ok(new.clone()), at(1)), StsFinding::Policy(new.policy));
        let refused = Err(failure());
        assert_eq!(after_fetch(Some(&old), &refused, at(1)), StsFinding::Policy(old.policy.clone()));
        assert_eq!(after_fetch(Some(&old), &refused, at(DAY)), StsFinding::Unavailable(failure()));
        assert_eq!(after_fetch(None, &refused, at(1)), StsFinding::Unavailable(failure()));
    }

    // proves: F11
    #[test]
    fn what_is_kept_is_read_back() {
        let before = kept("a");
        assert_eq!(Kept::decode(&before.encode()), Some(before));
        for bytes in [&b""[..], b"{}", b"{\"id\":\"a\",\"fetchedAt\":1,\"policy\":\"mode: enforce\"}"] {
            assert_eq!(Kept::decode(bytes), None);
        }
    }

    #[test]
    fn it_is_fetched_anew_before_it_expires() {
        assert!(!refresh_due(&kept("a"), at(DAY / 2 - 1)));
        assert!(refresh_due(&kept("a"), at(DAY / 2)));
    }
}
