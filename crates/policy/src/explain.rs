//! Why did an expression choose what it chose? For people, and as JSON.

use std::fmt;

use serde::Serialize;

use crate::expr::{CheckedExpression, Place, Step};
use crate::revise::RouteOrder;

/// How an expression came to its result.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explained {
    /// The property, such as `route`.
    pub property: String,
    /// The branches that were looked at, in order, up to the one that decided.
    pub branches: Vec<ExplainedBranch>,
    /// The name that came out, if one did.
    pub name: Option<String>,
    /// What came of it, in words.
    pub result: String,
}

/// One branch that was looked at.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedBranch {
    /// Its place in `match`; none for `else`.
    pub index: Option<usize>,
    /// The condition as written, or who chose it; empty for `else`.
    pub condition: String,
    /// What it yields, as written.
    pub then: String,
    /// What the condition came to; of `else`, what it yields; empty if it came to nothing.
    pub value: String,
    /// The variables and lookups that it saw, with their values.
    pub variables: Vec<(String, String)>,
    /// Whether it decided.
    pub fired: bool,
}

impl Explained {
    /// A route that an operator chose.
    pub(crate) fn ordered(order: &RouteOrder, result: String) -> Self {
        let RouteOrder { route, by, at } = order;
        let branch = ExplainedBranch {
            index: None,
            condition: format!("operator {by} chose '{route}' at {at}"),
            then: format!("'{route}'"),
            value: route.clone(),
            variables: Vec::new(),
            fired: true,
        };
        Explained { property: "route".to_owned(), branches: vec![branch], name: Some(route.clone()), result }
    }

    /// The branch that decided, with the values that it saw: `retry_num > 1 [retry_num = 2]`, or `else`.
    pub fn reason(&self) -> Option<String> {
        let branch = self.branches.iter().find(|branch| branch.fired)?;
        let is_said = branch.index.is_some() || !branch.condition.is_empty();
        let mut reason = if is_said { branch.condition.clone() } else { "else".to_owned() };
        if !branch.variables.is_empty() {
            let seen = branch.variables.iter().map(|(name, value)| format!("{name} = {value}"));
            reason = format!("{reason} [{}]", seen.collect::<Vec<_>>().join(", "));
        }
        Some(reason)
    }
}

impl ExplainedBranch {
    pub(crate) fn new(step: Step, expression: &CheckedExpression) -> Self {
        let (index, then) = match step.place {
            Place::If(index) | Place::Then(index) => (Some(index), Place::Then(index)),
            Place::Else => (None, Place::Else),
        };
        let source = |place| expression.at(place).map_or("", |formula| formula.source()).to_owned();
        ExplainedBranch {
            index,
            condition: index.map_or_else(String::new, |index| source(Place::If(index))),
            then: source(then),
            value: step.value.unwrap_or_default(),
            variables: step.seen,
            fired: step.fired,
        }
    }
}

impl fmt::Display for Explained {
    /// One line with the result, one for each branch that was looked at.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{}: '{name}', {}", self.property, self.result)?,
            None => write!(f, "{}: {}", self.property, self.result)?,
        }
        self.branches.iter().try_for_each(|branch| write!(f, "\n  {branch}"))
    }
}

impl fmt::Display for ExplainedBranch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.fired { "yes" } else { "no " };
        match self.index {
            Some(index) if self.fired => {
                write!(f, "{mark} {index}: if {} then {}", self.condition, self.then)?
            }
            Some(index) => write!(f, "{mark} {index}: if {}", self.condition)?,
            None if self.condition.is_empty() => write!(f, "{mark} else {}", self.then)?,
            None => write!(f, "{mark} {}", self.condition)?,
        }
        if self.variables.is_empty() {
            return Ok(());
        }
        let seen = self.variables.iter().map(|(name, value)| format!("{name} = {value}"));
        write!(f, "   [{}]", seen.collect::<Vec<_>>().join(", "))
    }
}

/// The objects that can be chosen, each in a few words.
pub(crate) mod describe {
    use crate::settings::{
        DeliveryExpiration, MtaConnectionStrategy, MtaDeliverySchedule, MtaRoute, MtaTlsStrategy, RelayHost,
        RelayProtocol, RelayRoute, RouteKind,
    };

    pub(crate) fn route(route: &MtaRoute) -> String {
        match &route.kind {
            RouteKind::Local => "into the local store".to_owned(),
            RouteKind::Mx(mx) => {
                format!("to the MX hosts of the recipient domain, {} at most", mx.max_mx_hosts)
            }
            RouteKind::Relay(relay) => {
                let protocol = match relay.protocol {
                    RelayProtocol::Smtp => "SMTP",
                    RelayProtocol::Lmtp => "LMTP",
                };
                format!("to {} by {protocol}", places(relay))
            }
        }
    }

    fn places(relay: &RelayRoute) -> String {
        if let Some(path) = &relay.socket {
            return path.display().to_string();
        }
        let words = |host: RelayHost| format!("{} port {}", host.address, host.port);
        relay.hosts().into_iter().map(words).collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn schedule(schedule: &MtaDeliverySchedule) -> String {
        let end = match schedule.expiry {
            DeliveryExpiration::Ttl(ttl) => format!("for {} h", ttl.as_secs() / 3600),
            DeliveryExpiration::Attempts(attempts) => format!("{attempts} attempts"),
        };
        let first = schedule.retry.first().map_or(0, std::time::Duration::as_secs);
        format!("in the virtual queue {}, {end}, first retry after {first} s", schedule.queue_id)
    }

    pub(crate) fn connection(connection: &MtaConnectionStrategy) -> String {
        match connection.source_ips.len() {
            0 => "from any address".to_owned(),
            _ => {
                let ips = connection.source_ips.iter().map(|source| source.source_ip.to_string());
                format!("from {}", ips.collect::<Vec<_>>().join(", "))
            }
        }
    }

    pub(crate) fn tls(tls: &MtaTlsStrategy) -> String {
        let level = |level| match level {
            crate::settings::TlsLevel::Optional => "optional",
            crate::settings::TlsLevel::Require => "required",
            crate::settings::TlsLevel::Disable => "disabled",
        };
        let certificates = if tls.allow_invalid_certs { ", invalid certificates allowed" } else { "" };
        format!("STARTTLS {}{certificates}", level(tls.start_tls))
    }
}
