//! Why does a recipient take this way? The pure decisions, asked with their reasons, and printed.

use std::cell::RefCell;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use mail::{Address, ContentTraits, Envelope, MessageId, Origin, Parameters, ReversePath, Source, Timestamp};
use mta::World;
use mta::gather::decide_for;
use policy::expr::LookupAnswers;
use policy::facts::{Facts, HostFacts};
use policy::route::{self, Choice, Explained, ExplainedBranch};
use policy::settings::{MtaConnectionStrategy, MtaDeliverySchedule, MtaRoute, MtaTlsStrategy};
use policy::{Configuration, Expiry, Progress, Trouble};
use store::Content;

use cli::paint::{Paint, shown};

pub(crate) mod plan;
pub(crate) mod report;

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
    /// What its header is, if that is said.
    pub(crate) content: Option<&'a Content>,
}

impl<'a> Subject<'a> {
    /// Which route, and why.
    pub(crate) async fn route(&self) -> (Result<Arc<MtaRoute>, Trouble>, Explained) {
        self.ask(None, route::explain_route).await
    }

    /// Which schedule, and why.
    pub(crate) async fn schedule(&self) -> (Result<Arc<MtaDeliverySchedule>, Trouble>, Explained) {
        self.ask(None, route::explain_schedule).await
    }

    /// Which connection strategy for a host, and why.
    pub(crate) async fn connection(
        &self,
        route: &MtaRoute,
        mx: &'a str,
    ) -> (Result<Arc<MtaConnectionStrategy>, Trouble>, Explained) {
        let host = HostFacts { mx, remote_ip: None, local_ip: None };
        self.ask(Some((route, host)), route::explain_connection).await
    }

    /// Which TLS strategy for a host, and why.
    pub(crate) async fn tls(
        &self,
        route: &MtaRoute,
        mx: &'a str,
    ) -> (Result<Arc<MtaTlsStrategy>, Trouble>, Explained) {
        let host = HostFacts { mx, remote_ip: None, local_ip: None };
        self.ask(Some((route, host)), route::explain_tls).await
    }

    /// Asks, gathers what is missing as in earnest, and asks again.
    async fn ask<T>(
        &self,
        at: Option<(&MtaRoute, HostFacts<'a>)>,
        explain: impl Fn(&Configuration, &Facts<'_>, &LookupAnswers) -> (Choice<T>, Explained),
    ) -> (Result<T, Trouble>, Explained) {
        let facts = Facts::new(self.envelope, self.forward_path, self.progress, self.now);
        let facts = Facts { route: at.map(|(route, _)| route), host: at.map(|(_, host)| host), ..facts };
        let (_, first) = explain(self.configuration, &facts, &LookupAnswers::default());
        let last = RefCell::new(first);
        let decided = decide_for(self.world, 1, self.content, |answers| {
            let (choice, explained) = explain(self.configuration, &facts, answers);
            last.replace(explained);
            choice
        });
        (decided.await, last.into_inner())
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
        last_hop: None,
        orders: None,
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

/// `false: rcpt_domain = 'example.net'`.
fn saw(branch: &ExplainedBranch) -> String {
    let values: Vec<String> =
        branch.variables.iter().map(|(name, value)| format!("{} = {}", shown(name), shown(value))).collect();
    let value = match branch.value.as_str() {
        "0" => "false".to_owned(),
        "1" => "true".to_owned(),
        other => shown(other),
    };
    match (branch.index, values.is_empty()) {
        (None, _) => values.join(", "),
        (Some(_), true) => value,
        (Some(_), false) => format!("{value}: {}", values.join(", ")),
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
