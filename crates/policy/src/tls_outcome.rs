//! How did transport security fare at a host? In the words of RFC 8460, for the waybill and for TLS reports.

use std::net::IpAddr;
use std::sync::Arc;

use crate::dane::{Binding, DaneFinding};
use crate::mta_sts::{Mode, Policy};
use crate::outcome::TroubleKind;

/// What is known of the MTA-STS policy of a recipient domain before a host of it is looked at.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum StsFinding {
    /// Nobody asked: the strategy disables it, or the next hop is not found by MX.
    #[default]
    NotAsked,
    /// The domain publishes none.
    NoPolicy,
    /// The domain says that it has one, but it cannot be had and none was kept. RFC 8461 section 5.2: as if there
    /// were none, unless the strategy requires one.
    Unavailable(StsFailure),
    /// The policy in force.
    Policy(Arc<Policy>),
}

/// Why a policy cannot be had.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StsFailure {
    /// What it is in a TLS report.
    pub result: TlsResult,
    /// Whether it may be had later.
    pub is_temporary: bool,
    /// For people.
    pub text: String,
}

/// One try at one host, as a TLS report counts it (RFC 8460 section 4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsOutcome {
    /// Under which policy.
    pub policy: AppliedPolicy,
    /// The MX host; empty if none came into question.
    pub host: String,
    /// Its address, if one was tried.
    pub receiving_ip: Option<IpAddr>,
    /// Our address, if one is configured.
    pub sending_ip: Option<IpAddr>,
    /// How it went.
    pub result: Result<(), TlsFailure>,
}

/// Why a try failed, or would have under the policy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsFailure {
    /// In the words of RFC 8460.
    pub result: TlsResult,
    /// In ours.
    pub reason: String,
}

/// The policy that a try was made under; `policy-type` of RFC 8460 section 4.4.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AppliedPolicy {
    /// `no-policy-found`.
    None,
    /// `tlsa`: these records, as a report shows them.
    Tlsa(Vec<String>),
    /// `sts`.
    Sts(Arc<Policy>),
    /// `sts`, of a policy that could not be had.
    StsUnavailable,
}

/// The result types of RFC 8460 section 4.3.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TlsResult {
    /// The host does not offer STARTTLS.
    StartTlsNotSupported,
    /// The certificate is of another host.
    CertificateHostMismatch,
    /// The certificate has expired.
    CertificateExpired,
    /// The certificate comes from nobody who is trusted.
    CertificateNotTrusted,
    /// All else, the host that the policy does not name included.
    ValidationFailure,
    /// TLSA records that cannot be used, or that match nothing.
    TlsaInvalid,
    /// Records whose signatures do not hold.
    DnssecInvalid,
    /// We demand DANE and there is none.
    DaneRequired,
    /// The policy cannot be fetched.
    StsPolicyFetchError,
    /// The policy cannot be understood.
    StsPolicyInvalid,
    /// The certificate of the policy's host does not verify.
    StsWebPkiInvalid,
}

/// The policy that a host is tried under: records beat MTA-STS.
pub fn applied(binding: Option<&Binding>, sts: &StsFinding) -> AppliedPolicy {
    match (binding, sts) {
        (Some(binding), _) => AppliedPolicy::Tlsa(binding.records.iter().map(ToString::to_string).collect()),
        (None, StsFinding::Policy(policy)) if policy.mode != Mode::None => {
            AppliedPolicy::Sts(Arc::clone(policy))
        }
        (None, StsFinding::Unavailable(_)) => AppliedPolicy::StsUnavailable,
        (None, StsFinding::Policy(_) | StsFinding::NotAsked | StsFinding::NoPolicy) => AppliedPolicy::None,
    }
}

/// What it is in a report that a host was not even connected to; none if that is no matter of transport security.
pub fn refusal(dane: &DaneFinding, sts: &StsFinding, kind: TroubleKind) -> Option<TlsResult> {
    match (kind, dane, sts) {
        (TroubleKind::Dane, DaneFinding::Bogus(_), _) => Some(TlsResult::DnssecInvalid),
        (TroubleKind::Dane, DaneFinding::Unusable, _) => Some(TlsResult::TlsaInvalid),
        (TroubleKind::Dane, _, _) => Some(TlsResult::DaneRequired),
        (TroubleKind::MtaSts, _, StsFinding::Unavailable(failure)) => Some(failure.result),
        (TroubleKind::MtaSts | TroubleKind::Tls, _, _) => Some(TlsResult::ValidationFailure),
        (TroubleKind::Dns, DaneFinding::Failed(_), _) => Some(TlsResult::ValidationFailure),
        _ => None,
    }
}

impl TlsResult {
    /// Every one.
    pub const ALL: [TlsResult; 11] = [
        TlsResult::StartTlsNotSupported,
        TlsResult::CertificateHostMismatch,
        TlsResult::CertificateExpired,
        TlsResult::CertificateNotTrusted,
        TlsResult::ValidationFailure,
        TlsResult::TlsaInvalid,
        TlsResult::DnssecInvalid,
        TlsResult::DaneRequired,
        TlsResult::StsPolicyFetchError,
        TlsResult::StsPolicyInvalid,
        TlsResult::StsWebPkiInvalid,
    ];

    /// Its name in a report.
    pub fn name(self) -> &'static str {
        match self {
            TlsResult::StartTlsNotSupported => "starttls-not-supported",
            TlsResult::CertificateHostMismatch => "certificate-host-mismatch",
            TlsResult::CertificateExpired => "certificate-expired",
            TlsResult::CertificateNotTrusted => "certificate-not-trusted",
            TlsResult::ValidationFailure => "validation-failure",
            TlsResult::TlsaInvalid => "tlsa-invalid",
            TlsResult::DnssecInvalid => "dnssec-invalid",
            TlsResult::DaneRequired => "dane-required",
            TlsResult::StsPolicyFetchError => "sts-policy-fetch-error",
            TlsResult::StsPolicyInvalid => "sts-policy-invalid",
            TlsResult::StsWebPkiInvalid => "sts-webpki-invalid",
        }
    }
}
