//! About which message is asked, and what do the pure decisions say of it, with their reasons?

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};

use mail::{Address, ContentTraits, Envelope, MessageId, Origin, Parameters, ReversePath, Source, Timestamp};
use mta::World;
use mta::gather::decide_for;
use policy::expr::LookupAnswers;
use policy::facts::{Facts, HostFacts};
use policy::route::{self, Choice, Explained};
use policy::settings::{MtaConnectionStrategy, MtaDeliverySchedule, MtaRoute, MtaTlsStrategy};
use policy::{Configuration, Expiry, Progress, Trouble};
use store::Content;

/// About whom is asked.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The configuration that decides.
    pub configuration: &'a Configuration,
    /// The message.
    pub envelope: &'a Envelope,
    /// The recipient.
    pub forward_path: &'a Address,
    /// How far it is.
    pub progress: &'a Progress,
    /// When.
    pub now: Timestamp,
    /// Whom to ask for names.
    pub world: &'a World,
    /// What its header is, if that is said.
    pub content: Option<&'a Content>,
}

impl<'a> Subject<'a> {
    /// Which route, and why.
    pub async fn route(&self) -> (Result<Arc<MtaRoute>, Trouble>, Explained) {
        self.ask(None, route::explain_route).await
    }

    /// Which schedule, and why.
    pub async fn schedule(&self) -> (Result<Arc<MtaDeliverySchedule>, Trouble>, Explained) {
        self.ask(None, route::explain_schedule).await
    }

    /// Which connection strategy for a host, and why.
    pub async fn connection(
        &self,
        route: &MtaRoute,
        mx: &'a str,
    ) -> (Result<Arc<MtaConnectionStrategy>, Trouble>, Explained) {
        let host = HostFacts { mx, remote_ip: None, local_ip: None };
        self.ask(Some((route, host)), route::explain_connection).await
    }

    /// Which TLS strategy for a host, and why.
    pub async fn tls(
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
        let last = Mutex::new(first);
        let decided = decide_for(self.world, 1, self.content, |answers| {
            let (choice, explained) = explain(self.configuration, &facts, answers);
            *last.lock().unwrap_or_else(PoisonError::into_inner) = explained;
            choice
        });
        (decided.await, last.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A message that does not exist, as far as it matters to a decision.
#[derive(Clone, Copy)]
pub struct Sketch<'a> {
    /// Empty for the null reverse-path.
    pub reverse_path: &'a str,
    /// Its only recipient.
    pub forward_path: &'a Address,
    /// Who sent it, if the session had authenticated.
    pub authenticated_as: Option<&'a str>,
    /// The client's address.
    pub client_ip: IpAddr,
    /// The listener's name.
    pub listener: &'a str,
    /// The local port.
    pub local_port: u16,
    /// Bytes of content.
    pub size: u64,
    /// When it came.
    pub now: Timestamp,
}

impl<'a> Sketch<'a> {
    /// From nobody, by a stranger on this machine.
    pub fn new(forward_path: &'a Address, now: Timestamp) -> Self {
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
    pub fn origin(&self) -> Origin {
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
pub fn envelope(sketch: &Sketch<'_>) -> Option<Envelope> {
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
pub fn first_progress(now: Timestamp) -> Progress {
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
