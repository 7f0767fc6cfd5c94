//! Why does a recipient take this way? The pure decisions, asked with their reasons, and printed.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use mail::{Address, ContentTraits, Envelope, MessageId, Origin, Parameters, ReversePath, Source, Timestamp};
use mta::{Resolver, World};
use policy::expr::{DnsKind, Lookup, LookupAnswers};
use policy::facts::{Facts, HostFacts};
use policy::mx::{DnsError, Family};
use policy::route::{self, Choice, Explained, ExplainedBranch};
use policy::settings::{MtaConnectionStrategy, MtaDeliverySchedule, MtaRoute, MtaTlsStrategy};
use policy::{Configuration, Expiry, Progress};

use crate::paint::{Paint, shown};

pub(crate) mod plan;
pub(crate) mod report;

/// Rounds of lookups at most, as each answer may raise another question.
const ROUNDS_MAX: usize = 16;

/// About whom is asked.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    /// The configuration that decides.
    pub(crate) configuration: &'a Configuration,
    /// The message.
    pub(crate) envelope: &'a Envelope,
    /// The recipient.
    pub(crate) forward_path: &'a Address,
    /// How far it is.
    pub(crate) progress: &'a Progress,
    /// When.
    pub(crate) now: Timestamp,
    /// Whom to ask for names.
    pub(crate) world: &'a World,
}

impl<'a> Subject<'a> {
    /// Which route, and why.
    pub(crate) async fn route(&self) -> (Choice<Arc<MtaRoute>>, Explained) {
        self.ask(None, route::explain_route).await
    }

    /// Which schedule, and why.
    pub(crate) async fn schedule(&self) -> (Choice<Arc<MtaDeliverySchedule>>, Explained) {
        self.ask(None, route::explain_schedule).await
    }

    /// Which connection strategy for a host, and why.
    pub(crate) async fn connection(&self, mx: &'a str) -> (Choice<Arc<MtaConnectionStrategy>>, Explained) {
        let host = HostFacts { mx, remote_ip: None, local_ip: None };
        self.ask(Some(host), route::explain_connection).await
    }

    /// Which TLS strategy for a host, and why.
    pub(crate) async fn tls(&self, mx: &'a str) -> (Choice<Arc<MtaTlsStrategy>>, Explained) {
        let host = HostFacts { mx, remote_ip: None, local_ip: None };
        self.ask(Some(host), route::explain_tls).await
    }

    /// Asks, gathers what is missing, and asks again.
    async fn ask<T>(
        &self,
        host: Option<HostFacts<'a>>,
        decide: impl Fn(&Configuration, &Facts<'_>, &LookupAnswers) -> (Choice<T>, Explained),
    ) -> (Choice<T>, Explained) {
        let facts = Facts {
            envelope: self.envelope,
            forward_path: self.forward_path,
            progress: self.progress,
            now: self.now,
            host,
        };
        let mut answers = LookupAnswers::default();
        for _ in 0..ROUNDS_MAX {
            let (Choice::Needs(lookups), _) = decide(self.configuration, &facts, &answers) else { break };
            for lookup in lookups {
                self.answer(lookup, &mut answers).await;
            }
        }
        decide(self.configuration, &facts, &answers)
    }

    async fn answer(&self, lookup: Lookup, answers: &mut LookupAnswers) {
        match &lookup {
            Lookup::Dns { name, kind } => {
                let answer = dns(self.world.resolver.as_ref(), name, *kind).await;
                answers.insert_dns(lookup, answer);
            }
            _ => answers.insert(lookup, Err("`explain` does not ask lookup stores".to_owned())),
        }
    }
}

async fn dns(resolver: &dyn Resolver, name: &str, kind: DnsKind) -> Result<Vec<String>, DnsError> {
    let texts = |ips: Vec<std::net::IpAddr>| ips.iter().map(ToString::to_string).collect::<Vec<_>>();
    match kind {
        DnsKind::Ipv4 => resolver.addresses(name, Family::V4).await.map(texts),
        DnsKind::Ipv6 => resolver.addresses(name, Family::V6).await.map(texts),
        DnsKind::Ip => {
            let v4 = resolver.addresses(name, Family::V4).await;
            let v6 = resolver.addresses(name, Family::V6).await;
            match (v4, v6) {
                (Ok(v4), Ok(v6)) => Ok(texts([v4, v6].concat())),
                (Ok(found), Err(DnsError::NoData | DnsError::NoSuchName))
                | (Err(DnsError::NoData | DnsError::NoSuchName), Ok(found)) => Ok(texts(found)),
                (Err(error), _) | (_, Err(error)) => Err(error),
            }
        }
        DnsKind::Mx => {
            let domain = mail::Domain::parse(name).map_err(|_| DnsError::NoSuchName)?;
            let mut records = resolver.mx(&domain).await?;
            records.sort_by_key(|record| record.preference);
            Ok(records.into_iter().map(|record| record.exchange).collect())
        }
        DnsKind::Txt => resolver.txt(name).await,
        DnsKind::Ptr => match name.parse() {
            Ok(ip) => resolver.ptr(ip).await,
            Err(_) => Err(DnsError::NoSuchName),
        },
    }
}

/// A message that does not exist, as far as it matters to a decision.
#[derive(Clone, Copy)]
pub(crate) struct Sketch<'a> {
    /// Empty for the null reverse-path.
    pub(crate) reverse_path: &'a str,
    /// Its only recipient.
    pub(crate) forward_path: &'a Address,
    /// Who sent it, if the session had authenticated.
    pub(crate) authenticated_as: Option<&'a str>,
    /// The client's address.
    pub(crate) client_ip: IpAddr,
    /// The listener's name.
    pub(crate) listener: &'a str,
    /// The local port.
    pub(crate) local_port: u16,
    /// Bytes of content.
    pub(crate) size: u64,
    /// When it came.
    pub(crate) now: Timestamp,
}

impl<'a> Sketch<'a> {
    /// From nobody, by a stranger on this machine.
    pub(crate) fn new(forward_path: &'a Address, now: Timestamp) -> Self {
        Sketch {
            reverse_path: "",
            forward_path,
            authenticated_as: None,
            client_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            listener: "smtp",
            local_port: 25,
            size: 0,
            now,
        }
    }

    /// How it came.
    pub(crate) fn origin(&self) -> Origin {
        let authenticated = self.authenticated_as.is_some();
        Origin {
            source: if authenticated { Source::Authenticated } else { Source::Unauthenticated },
            listener: self.listener.to_owned(),
            client_ip: self.client_ip,
            local_port: self.local_port,
            authenticated_as: self.authenticated_as.map(str::to_owned),
        }
    }
}

/// The envelope of a message that does not exist; none if the reverse-path is malformed.
pub(crate) fn envelope(sketch: &Sketch<'_>) -> Option<Envelope> {
    let reverse_path = match sketch.reverse_path {
        "" => ReversePath::Null,
        text => ReversePath::Address(Address::parse(text).ok()?),
    };
    Some(Envelope {
        message: MessageId(0),
        reverse_path,
        accepted_at: sketch.now,
        origin: sketch.origin(),
        parameters: Parameters::default(),
        traits: ContentTraits::default(),
        size: sketch.size,
        recipients: vec![sketch.forward_path.clone()],
    })
}

/// The progress of a recipient whose schedule is not chosen yet.
pub(crate) fn first_progress(now: Timestamp) -> Progress {
    Progress {
        retry_num: 0,
        due: now,
        notify_num: 0,
        notify_due: None,
        expiry: Expiry::At(now),
        virtual_queue: "default".to_owned(),
        last: None,
        envelope_expiry: None,
        envelope_notice: false,
    }
}

/// The branches that were looked at, one a line, with the values they saw; the one that fired is marked.
pub(crate) fn branches(explained: &Explained, indent: &str, paint: Paint) -> String {
    let condition = |branch: &ExplainedBranch| match branch.index {
        Some(_) => shown(&branch.condition),
        None => "else".to_owned(),
    };
    let wide = explained.branches.iter().map(|branch| condition(branch).chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for branch in &explained.branches {
        let padded = format!("{:wide$}", condition(branch));
        let text = if branch.fired { paint.bold(&padded) } else { padded };
        let number = branch.index.map_or_else(|| " ".to_owned(), |index| index.to_string());
        let _ = write!(
            out,
            "{indent}{} {number} {text}",
            if branch.fired { paint.green("✓") } else { " ".to_owned() }
        );
        let saw = saw(branch);
        if !saw.is_empty() {
            let _ = write!(out, "  {}", paint.dim(&saw));
        }
        if branch.fired
            && let Some(name) = &explained.name
        {
            let _ = write!(out, "  → {}", paint.cyan(&format!("'{}'", shown(name))));
        }
        let trimmed = out.trim_end().len();
        out.truncate(trimmed);
        out.push('\n');
    }
    out
}

/// `is false: rcpt_domain = 'example.net'`.
fn saw(branch: &ExplainedBranch) -> String {
    let values: Vec<String> =
        branch.variables.iter().map(|(name, value)| format!("{} = {}", shown(name), shown(value))).collect();
    match (branch.index, values.is_empty()) {
        (None, true) => String::new(),
        (Some(_), true) => format!("is {}", shown(&branch.value)),
        (None, false) => values.join(", "),
        (Some(_), false) => format!("is {}: {}", shown(&branch.value), values.join(", ")),
    }
}

/// The branch that fired, in a few words: `rcpt_domain == 'a' (rcpt_domain = 'a')`, or `no branch before it`.
pub(crate) fn reason(explained: &Explained) -> String {
    match explained.branches.iter().find(|branch| branch.fired) {
        Some(branch) if branch.index.is_some() => shown(&branch.condition),
        Some(_) => "else".to_owned(),
        None => shown(&explained.result),
    }
}
