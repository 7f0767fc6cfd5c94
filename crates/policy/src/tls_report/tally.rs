//! How often did what happen? Outcomes counted by policy and by failure, for one domain and one period.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use mail::{Domain, Timestamp};
use serde_json::{Value, json};

use super::Frequency;
use crate::limits::{
    TLS_REPORT_DELAY_MAX, TLS_REPORT_FAILURES_MAX, TLS_REPORT_POLICIES_MAX, TLS_REPORT_REASON_CHARS_MAX,
};
use crate::tls_outcome::{AppliedPolicy, TlsOutcome, TlsResult};

/// What was counted for one domain.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    policies: BTreeMap<PolicyKey, Counts>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct PolicyKey {
    kind: String,
    lines: Vec<String>,
    mx: Vec<String>,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Counts {
    success: u64,
    failure: u64,
    /// Fewer than failures if there were too many kinds of them.
    details: BTreeMap<FailureKey, u64>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct FailureKey {
    result: TlsResult,
    sending_ip: Option<IpAddr>,
    host: String,
    receiving_ip: Option<IpAddr>,
    reason: String,
}

impl Tally {
    /// Counts one outcome. Policies beyond the limit are not counted.
    pub fn note(&mut self, outcome: &TlsOutcome) {
        let Some(counts) = self.counts(policy_key(&outcome.policy)) else { return };
        match &outcome.result {
            Ok(()) => counts.success = counts.success.saturating_add(1),
            Err(failure) => {
                let key = FailureKey {
                    result: failure.result,
                    sending_ip: outcome.sending_ip,
                    host: outcome.host.clone(),
                    receiving_ip: outcome.receiving_ip,
                    reason: mail::dsn::one_line(&failure.reason, TLS_REPORT_REASON_CHARS_MAX),
                };
                counts.add_failure(key, 1);
                counts.failure = counts.failure.saturating_add(1);
            }
        }
    }

    /// Adds what another has counted.
    pub fn merge(&mut self, other: Tally) {
        for (key, more) in other.policies {
            let Some(counts) = self.counts(key) else { continue };
            counts.success = counts.success.saturating_add(more.success);
            counts.failure = counts.failure.saturating_add(more.failure);
            for (key, count) in more.details {
                counts.add_failure(key, count);
            }
        }
    }

    /// Whether there is nothing to report.
    pub fn is_empty(&self) -> bool {
        self.policies.is_empty()
    }

    fn counts(&mut self, key: PolicyKey) -> Option<&mut Counts> {
        let is_known = self.policies.contains_key(&key) || self.policies.len() < TLS_REPORT_POLICIES_MAX;
        is_known.then(|| self.policies.entry(key).or_default())
    }

    /// The `policies` of a report (RFC 8460 section 4.4).
    pub fn to_json(&self, domain: &Domain) -> Value {
        let of = |(key, counts): (&PolicyKey, &Counts)| {
            let mut policy = json!({ "policy-type": key.kind, "policy-domain": domain.as_str() });
            if !key.lines.is_empty() {
                policy["policy-string"] = json!(key.lines);
            }
            if !key.mx.is_empty() {
                policy["mx-host"] = json!(key.mx);
            }
            let mut json = json!({
                "policy": policy,
                "summary": {
                    "total-successful-session-count": counts.success,
                    "total-failure-session-count": counts.failure,
                },
            });
            if !counts.details.is_empty() {
                json["failure-details"] = counts.details.iter().map(detail).collect();
            }
            json
        };
        self.policies.iter().map(of).collect()
    }

    /// Reads [`Tally::to_json`] back; none if it is not that.
    pub fn from_json(json: &Value) -> Option<Self> {
        let mut policies = BTreeMap::new();
        for entry in json.as_array()? {
            let policy = entry.get("policy")?;
            let key = PolicyKey {
                kind: policy.get("policy-type")?.as_str()?.to_owned(),
                lines: texts(policy.get("policy-string")),
                mx: texts(policy.get("mx-host")),
            };
            let summary = entry.get("summary")?;
            let mut counts = Counts {
                success: summary.get("total-successful-session-count")?.as_u64()?,
                failure: summary.get("total-failure-session-count")?.as_u64()?,
                details: BTreeMap::new(),
            };
            let details = entry.get("failure-details").and_then(Value::as_array);
            for detail in details.into_iter().flatten() {
                counts.add_failure(failure_key(detail)?, detail.get("failed-session-count")?.as_u64()?);
            }
            policies.insert(key, counts);
        }
        Some(Tally { policies })
    }
}

impl Counts {
    fn add_failure(&mut self, key: FailureKey, count: u64) {
        if self.details.contains_key(&key) || self.details.len() < TLS_REPORT_FAILURES_MAX {
            let counted = self.details.entry(key).or_default();
            *counted = counted.saturating_add(count);
        }
    }
}

fn policy_key(policy: &AppliedPolicy) -> PolicyKey {
    let key = |kind: &str, lines, mx| PolicyKey { kind: kind.to_owned(), lines, mx };
    match policy {
        AppliedPolicy::None => key("no-policy-found", Vec::new(), Vec::new()),
        AppliedPolicy::Tlsa(records) => key("tlsa", records.clone(), Vec::new()),
        AppliedPolicy::Sts(policy) => key("sts", policy.lines(), policy.mx.clone()),
        AppliedPolicy::StsUnavailable => key("sts", Vec::new(), Vec::new()),
    }
}

fn detail((key, count): (&FailureKey, &u64)) -> Value {
    let mut json = json!({ "result-type": key.result.name(), "failed-session-count": count });
    if let Some(ip) = key.sending_ip {
        json["sending-mta-ip"] = json!(ip.to_string());
    }
    if !key.host.is_empty() {
        json["receiving-mx-hostname"] = json!(key.host);
    }
    if let Some(ip) = key.receiving_ip {
        json["receiving-ip"] = json!(ip.to_string());
    }
    if !key.reason.is_empty() {
        json["failure-reason-code"] = json!(key.reason);
    }
    json
}

fn failure_key(detail: &Value) -> Option<FailureKey> {
    let text = |name| detail.get(name).and_then(Value::as_str);
    let name = text("result-type")?;
    Some(FailureKey {
        result: TlsResult::ALL.into_iter().find(|result| result.name() == name)?,
        sending_ip: text("sending-mta-ip").and_then(|ip| ip.parse().ok()),
        host: text("receiving-mx-hostname").unwrap_or_default().to_owned(),
        receiving_ip: text("receiving-ip").and_then(|ip| ip.parse().ok()),
        reason: text("failure-reason-code").unwrap_or_default().to_owned(),
    })
}

fn texts(json: Option<&Value>) -> Vec<String> {
    let list = json.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

/// The time that one report is about: `start` is in it, `end` is not.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Period {
    /// Where it begins.
    pub start: Timestamp,
    /// Where it ends.
    pub end: Timestamp,
}

/// The period that a point in time belongs to: an hour, a day or a week that begins on Monday, in UTC.
pub fn period(frequency: Frequency, at: Timestamp) -> Option<Period> {
    const HOUR: u64 = 60 * 60 * 1000;
    const DAY: u64 = 24 * HOUR;
    // The epoch was a Thursday.
    let (length, before) = match frequency {
        Frequency::Hourly => (HOUR, 0),
        Frequency::Daily => (DAY, 0),
        Frequency::Weekly => (7 * DAY, 3 * DAY),
        Frequency::Disabled => return None,
    };
    let into = at.as_millis().saturating_add(before) % length;
    let start = Timestamp::from_millis(at.as_millis().saturating_sub(into));
    Some(Period { start, end: start.plus(Duration::from_millis(length)) })
}

/// When the report about a period is due: some time after its end that differs by domain, so that not all reports of
/// all senders come at once (RFC 8460 section 4.1).
pub fn due(domain: &Domain, period: Period) -> Timestamp {
    let spread = (period.end.since(period.start) / 6).min(TLS_REPORT_DELAY_MAX).as_secs().max(1);
    let hash = domain.as_str().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    period.end.plus(Duration::from_secs((hash >> 16) % spread))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::mta_sts::{Mode, Policy};
    use crate::tls_outcome::TlsFailure;

    fn domain() -> Domain {
        Domain::parse("example.org").expect("valid")
    }

    fn outcome(policy: AppliedPolicy, result: Result<(), TlsResult>) -> TlsOutcome {
        TlsOutcome {
            policy,
            host: "mx.example.org".to_owned(),
            receiving_ip: Some("192.0.2.1".parse().expect("an address")),
            sending_ip: None,
            result: result.map_err(|result| TlsFailure { result, reason: format!("a\nb {}", result.name()) }),
        }
    }

    fn sts() -> AppliedPolicy {
        let (mx, max_age) = (vec!["*.example.org".to_owned()], Duration::from_secs(86_400));
        AppliedPolicy::Sts(Arc::new(Policy { mode: Mode::Testing, mx, max_age }))
    }

    #[test]
    fn outcomes_are_counted_as_the_standard_has_them() {
        let mut tally = Tally::default();
        assert!(tally.is_empty());
        for result in [Ok(()), Ok(()), Err(TlsResult::CertificateExpired), Err(TlsResult::CertificateExpired)]
        {
            tally.note(&outcome(sts(), result));
        }
        tally.note(&outcome(AppliedPolicy::None, Ok(())));
        let expected = json!([
            {
                "policy": { "policy-type": "no-policy-found", "policy-domain": "example.org" },
                "summary": { "total-successful-session-count": 1, "total-failure-session-count": 0 },
            },
            {
                "policy": {
                    "policy-type": "sts",
                    "policy-string": ["version: STSv1", "mode: testing", "mx: *.example.org", "max_age: 86400"],
                    "policy-domain": "example.org",
                    "mx-host": ["*.example.org"],
                },
                "summary": { "total-successful-session-count": 2, "total-failure-session-count": 2 },
                "failure-details": [{
                    "result-type": "certificate-expired",
                    "receiving-mx-hostname": "mx.example.org",
                    "receiving-ip": "192.0.2.1",
                    "failed-session-count": 2,
                    "failure-reason-code": "a b certificate-expired",
                }],
            },
        ]);
        assert_eq!(tally.to_json(&domain()), expected);
    }

    #[test]
    fn what_was_counted_is_read_back_and_added_up() {
        let mut tally = Tally::default();
        let policies = [
            sts(),
            AppliedPolicy::None,
            AppliedPolicy::StsUnavailable,
            AppliedPolicy::Tlsa(vec!["3 1 1 x".into()]),
        ];
        for policy in policies {
            for result in TlsResult::ALL {
                tally.note(&outcome(policy.clone(), Err(result)));
            }
            tally.note(&outcome(policy, Ok(())));
        }
        let json = tally.to_json(&domain());
        assert_eq!(Tally::from_json(&json), Some(tally.clone()));
        tally.merge(Tally::from_json(&json).expect("valid"));
        let twice = tally.to_json(&domain());
        assert_eq!(twice[0]["summary"]["total-failure-session-count"], json!(22));
        assert_eq!(twice[0]["failure-details"][3]["failed-session-count"], json!(2));
        for wrong in [json!({}), json!([{}]), json!([{"policy": {"policy-type": "sts"}, "summary": {}}])] {
            assert_eq!(Tally::from_json(&wrong), None);
        }
    }

    #[test]
    fn there_is_a_limit_to_what_is_told_apart() {
        let mut tally = Tally::default();
        for number in 0..2 * TLS_REPORT_FAILURES_MAX {
            let mut failed = outcome(AppliedPolicy::None, Err(TlsResult::ValidationFailure));
            failed.host = format!("mx{number}.example.org");
            tally.note(&failed);
        }
        for number in 0..2 * TLS_REPORT_POLICIES_MAX {
            tally.note(&outcome(AppliedPolicy::Tlsa(vec![number.to_string()]), Ok(())));
        }
        let json = tally.to_json(&domain());
        assert_eq!(json.as_array().map(Vec::len), Some(TLS_REPORT_POLICIES_MAX));
        assert_eq!(json[0]["summary"]["total-failure-session-count"], json!(2 * TLS_REPORT_FAILURES_MAX));
        assert_eq!(json[0]["failure-details"].as_array().map(Vec::len), Some(TLS_REPORT_FAILURES_MAX));
    }

    #[test]
    fn periods_are_hours_days_and_weeks_of_utc() {
        let at = Timestamp::parse_rfc3339("2026-11-24T12:34:56Z").expect("valid");
        for (frequency, start, end) in [
            (Frequency::Hourly, "2026-11-24T12:00:00Z", "2026-11-24T13:00:00Z"),
            (Frequency::Daily, "2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z"),
            (Frequency::Weekly, "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z"),
        ] {
            let period = period(frequency, at).expect("not disabled");
            assert_eq!((&*period.start.rfc3339(), &*period.end.rfc3339()), (start, end));
            let wait = due(&domain(), period).since(period.end);
            assert!(wait <= TLS_REPORT_DELAY_MAX && wait <= period.end.since(period.start) / 6, "{wait:?}");
        }
        assert_eq!(period(Frequency::Disabled, at), None);
    }
}
