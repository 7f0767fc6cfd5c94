//! Why a hop has the security that it has, in few words: for the waybill and for `explain`.

use std::fmt;

use crate::dane::DaneFinding;
use crate::dns::Security;
use crate::mta_sts::Mode;
use crate::settings::TlsLevel;
use crate::tls_outcome::StsFinding;

/// Who demands TLS, and if nobody does, why not.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TlsReason {
    /// The strongest of those who demand it.
    pub demander: Option<Demander>,
    /// What was found of DANE.
    pub dane: DaneWord,
    /// What was found of MTA-STS.
    pub sts: StsWord,
}

/// Who demands TLS.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Demander {
    /// The host's TLSA records.
    Dane,
    /// TLSA records of which none can be used.
    UnusableTlsa,
    /// The domain's MTA-STS policy.
    MtaSts,
    /// The sender, by REQUIRETLS.
    Message,
    /// We, who will not show our password.
    Password,
    /// The route.
    Route,
    /// The TLS strategy.
    Strategy,
}

/// What was found of DANE.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum DaneWord {
    /// Not looked for.
    NotAsked,
    /// The name server does not validate.
    Unchecked,
    /// The way to the host is not signed.
    Unsigned,
    /// No TLSA records.
    NoRecords,
    /// Records.
    Records,
}

/// What was found of MTA-STS.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum StsWord {
    /// Not looked for.
    NotAsked,
    /// The domain has no policy.
    NoPolicy,
    /// It has one that cannot be had.
    Unavailable,
    /// It only wants to know.
    Testing,
    /// It has given its policy up.
    GivenUp,
    /// It demands.
    Enforce,
}

impl DaneWord {
    /// Of a finding under a level.
    pub fn of(finding: &DaneFinding, level: TlsLevel) -> Self {
        match finding {
            _ if level == TlsLevel::Disable => DaneWord::NotAsked,
            DaneFinding::NotAsked => DaneWord::NotAsked,
            DaneFinding::Unproven(Security::Unchecked) => DaneWord::Unchecked,
            DaneFinding::Unproven(Security::Insecure | Security::Secure) => DaneWord::Unsigned,
            DaneFinding::NoRecords => DaneWord::NoRecords,
            DaneFinding::Unusable
            | DaneFinding::Bound(_)
            | DaneFinding::Bogus(_)
            | DaneFinding::Failed(_) => DaneWord::Records,
        }
    }

    fn words(self) -> Option<&'static str> {
        match self {
            DaneWord::NotAsked | DaneWord::Records => None,
            DaneWord::Unchecked => Some("no DANE, since the name server does not validate"),
            DaneWord::Unsigned => Some("no DANE, since its DNS is not signed"),
            DaneWord::NoRecords => Some("no TLSA records"),
        }
    }
}

impl StsWord {
    /// Of a finding under a level.
    pub fn of(finding: &StsFinding, level: TlsLevel) -> Self {
        match finding {
            _ if level == TlsLevel::Disable => StsWord::NotAsked,
            StsFinding::NotAsked => StsWord::NotAsked,
            StsFinding::NoPolicy => StsWord::NoPolicy,
            StsFinding::Unavailable(_) => StsWord::Unavailable,
            StsFinding::Policy(policy) => match policy.mode {
                Mode::Enforce => StsWord::Enforce,
                Mode::Testing => StsWord::Testing,
                Mode::None => StsWord::GivenUp,
            },
        }
    }

    fn words(self) -> Option<&'static str> {
        match self {
            StsWord::NotAsked | StsWord::Enforce => None,
            StsWord::NoPolicy => Some("no MTA-STS policy"),
            StsWord::Unavailable => Some("the MTA-STS policy cannot be had"),
            StsWord::Testing => Some("the MTA-STS policy is only tested"),
            StsWord::GivenUp => Some("the MTA-STS policy was given up"),
        }
    }
}

impl Demander {
    fn words(self) -> &'static str {
        match self {
            Demander::Dane => "DANE",
            Demander::UnusableTlsa => "TLSA records of which none can be used",
            Demander::MtaSts => "MTA-STS enforce",
            Demander::Message => "REQUIRETLS",
            Demander::Password => "the password",
            Demander::Route => "the route",
            Demander::Strategy => "the TLS strategy",
        }
    }
}

impl fmt::Display for TlsReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(demander) = self.demander {
            return f.write_str(demander.words());
        }
        f.write_str("opportunistic")?;
        let mut separator = ": ";
        for word in [self.dane.words(), self.sts.words()].into_iter().flatten() {
            write!(f, "{separator}{word}")?;
            separator = ", ";
        }
        Ok(())
    }
}
