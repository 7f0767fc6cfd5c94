//! The door for mail that people send otherwise than by SMTP: the steps of a session, in the same order.
//!
//! A message that is held back can be taken back while nothing of it has been tried.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use mail::header::{Received, With, header_end};
use mail::{
    Address, Body, ContentTraits, Envelope, MessageId, Notify, Origin, OriginalRecipient, Parameters, Reply,
    ReversePath, Source,
};
use policy::Configuration;
use policy::admit::{Admission, AdmissionRules};
use policy::authenticity::Client;
use policy::extensions::{Offered, offered};
use policy::session::SessionFacts;
use policy::throttle::Throttle;
use tokio::sync::watch;
use wire::smtp::limits::SessionLimits;
use wire::smtp::line_ends::LineEndMender;
use wire::smtp::server::check_content;

use crate::accept::{self, Incoming};
use crate::events::{Event, Refused, RefusedStep};
use crate::gather::decide;
use crate::inspect::{Inspection, Visitor};
use crate::listen::ClientRates;
use crate::lookups::learn;
use crate::quotas::Quotas;
use crate::session::rates::{refusal, reserve};
use crate::throttles::{Held, Reservation};
use crate::world::World;

mod recall;

pub use recall::{Standing, find, recall, standing};

/// What expressions see as `listener`.
pub const DOOR: &str = "jmap";
/// Bytes of content that are handed over at once.
const PIECE_BYTES: usize = 64 * 1024;
/// The store must have committed within this.
const COMMIT_MAX: Duration = Duration::from_secs(4 * 60);

/// What is asked to be sent.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The account that sends.
    pub account: Address,
    /// The address of the sender's device.
    pub client: IpAddr,
    /// The reverse-path.
    pub reverse_path: ReversePath,
    /// For whom.
    pub recipients: Vec<SubmittedRecipient>,
    /// What MAIL FROM would say; what the content needs is added.
    pub parameters: Parameters,
    /// The message.
    pub content: Bytes,
}

/// A recipient as the sender names it.
#[derive(Clone, Debug)]
pub struct SubmittedRecipient {
    /// The forward-path.
    pub forward_path: Address,
    /// `ORCPT`.
    pub original: Option<OriginalRecipient>,
    /// `NOTIFY`.
    pub notify: Option<Notify>,
}

/// Why a message was not taken. Nothing of it was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NotTaken {
    /// The sender or the message is refused.
    Message(Reply),
    /// These recipients are.
    Recipients(Vec<(Address, Reply)>),
}

/// A message that is in the queue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Taken {
    /// Its name.
    pub message: MessageId,
    /// Where each recipient's copy goes, in the order in which they were named.
    pub forward_paths: Vec<Address>,
}

/// The door.
#[derive(Clone)]
pub struct Door {
    world: World,
    configuration: watch::Receiver<Arc<Configuration>>,
    quotas: Arc<Quotas>,
    rates: ClientRates,
    rules: Arc<AdmissionRules>,
    limits: Arc<SessionLimits>,
    /// Names what is not yet in the queue.
    traces: Arc<AtomicU64>,
}

/// One submission on its way.
struct Visit<'a> {
    door: &'a Door,
    configuration: Arc<Configuration>,
    user: String,
    client: IpAddr,
}

impl Door {
    /// With the rates and the limits that the sessions have.
    pub fn new(
        world: World,
        configuration: watch::Receiver<Arc<Configuration>>,
        quotas: Arc<Quotas>,
        rates: ClientRates,
        rules: Arc<AdmissionRules>,
        limits: SessionLimits,
    ) -> Self {
        let traces = Arc::new(AtomicU64::new(world.clock.now().as_millis() << 16));
        Door { world, configuration, quotas, rates, rules, limits: Arc::new(limits), traces }
    }

    /// What this account is offered.
    pub async fn offered(&self, account: &Address, client: IpAddr) -> Offered {
        self.visit(account, client).offered().await
    }

    /// Bytes of a message at most; none if there is no limit.
    pub fn message_bytes_max(&self) -> Option<u64> {
        Some(self.limits.message_bytes_max).filter(|bytes| *bytes > 0)
    }

    /// Recipients of a message at most.
    pub fn recipients_max(&self) -> usize {
        usize::try_from(self.limits.recipients_max).unwrap_or(usize::MAX)
    }

    /// Takes a message for all of its recipients, or not at all.
    pub async fn submit(&self, submission: Submission) -> Result<Taken, NotTaken> {
        let visit = self.visit(&submission.account, submission.client);
        visit.submit(submission).await
    }

    fn visit(&self, account: &Address, client: IpAddr) -> Visit<'_> {
        let configuration = Arc::clone(&self.configuration.borrow());
        Visit { door: self, configuration, user: account.to_string(), client: client.to_canonical() }
    }
}

impl Visit<'_> {
    async fn submit(&self, submission: Submission) -> Result<Taken, NotTaken> {
        let Submission { reverse_path, recipients, mut parameters, content, .. } = submission;
        let content = whole_lines(&content);
        let traits = check_content(&content, &self.door.limits)
            .map_err(|reply| self.no(RefusedStep::Content, Some(&reverse_path), reply))?;
        fit(&mut parameters, &content, traits, &reverse_path, &recipients);
        let mut admission = self.begin(reverse_path, parameters).await?;
        let forward_paths = self.name_recipients(&mut admission, recipients).await?;
        let message = self.take(admission, &content, traits).await?;
        Ok(Taken { message, forward_paths })
    }

    async fn begin(&self, reverse_path: ReversePath, parameters: Parameters) -> Result<Admission, NotTaken> {
        let (rules, now) = (&self.door.rules, self.door.world.clock.now());
        let offered = self.offered().await;
        let begun = Admission::begin(rules, self.origin(), reverse_path.clone(), parameters, &offered, now);
        let admission = begun.map_err(|reply| self.no(RefusedStep::Mail, Some(&reverse_path), *reply))?;
        let throttles = &self.configuration.inbound.mail;
        match self.pass(throttles, &admission, None).await {
            Ok(passed) => {
                passed.inspect(Reservation::keep);
                Ok(admission)
            }
            Err(held) => {
                let reply = refusal(451, "Too much mail", &held, now);
                Err(self.no(RefusedStep::Mail, Some(&reverse_path), reply))
            }
        }
    }

    /// Names all recipients; what was given for them counts if none is refused.
    async fn name_recipients(
        &self,
        admission: &mut Admission,
        recipients: Vec<SubmittedRecipient>,
    ) -> Result<Vec<Address>, NotTaken> {
        let most = self.door.recipients_max();
        if recipients.len() > most || recipients.is_empty() {
            let text = if recipients.is_empty() { "There is no recipient." } else { "Too many recipients." };
            let status = Some(mail::EnhancedStatus::new(5, 5, 3));
            return Err(NotTaken::Message(Reply::new(
                if recipients.is_empty() { 554 } else { 550 },
                status,
                text,
            )));
        }
        let (mut passes, mut refused, mut paths) = (Vec::new(), Vec::new(), Vec::new());
        for recipient in recipients {
            let forward_path = recipient.forward_path.clone();
            let known = admission.forward_paths().len();
            match self.name_recipient(admission, recipient).await {
                Ok(pass) => {
                    passes.extend(pass);
                    // One that was there already is not kept twice.
                    let new = admission.forward_paths().nth(known);
                    paths.push(new.cloned().unwrap_or(forward_path));
                }
                Err(reply) => {
                    self.tell(RefusedStep::Rcpt, Some(admission.reverse_path()), Some(&forward_path), &reply);
                    refused.push((forward_path, *reply));
                }
            }
        }
        if !refused.is_empty() {
            return Err(NotTaken::Recipients(refused));
        }
        passes.iter().for_each(Reservation::keep);
        Ok(paths)
    }

    async fn name_recipient(
        &self,
        admission: &mut Admission,
        recipient: SubmittedRecipient,
    ) -> Result<Option<Reservation>, Box<Reply>> {
        let SubmittedRecipient { forward_path, original, notify } = recipient;
        let now = self.door.world.clock.now();
        let throttles = &self.configuration.inbound.rcpt;
        let passed = self.pass(throttles, admission, Some(&forward_path)).await;
        let passed =
            passed.map_err(|held| Box::new(refusal(451, "Too much mail to this recipient", &held, now)))?;
        self.door.quotas.look(|| admission.beginning(now), &forward_path)?;
        learn(&self.door.world, &self.configuration, admission, &forward_path).await;
        admission.recipient(&self.configuration, forward_path, original, notify)?;
        Ok(passed)
    }

    async fn take(
        &self,
        admission: Admission,
        content: &[u8],
        traits: ContentTraits,
    ) -> Result<MessageId, NotTaken> {
        let world = &self.door.world;
        let reverse_path = admission.reverse_path().clone();
        let refused = |reply| self.no(RefusedStep::Content, Some(&reverse_path), reply);
        let trace = format!("j{:x}", self.door.traces.fetch_add(1, Ordering::Relaxed));
        let visitor = Visitor { helo: String::new(), is_tls: true, is_lmtp: false };
        let inspection = match Inspection::is_due(&self.configuration, &admission) {
            true => Inspection::of(world, &self.configuration, &admission, visitor).await.map_err(refused)?,
            false => None,
        };
        let trace_field = self.trace_field(&admission, &trace);
        let mut incoming = Incoming::new(admission, Arc::clone(&self.configuration));
        let begun = incoming.begin(world, trace_field, None, inspection).await;
        begun.map_err(|error| refused(accept::refusal(&error)))?;
        for piece in content.chunks(PIECE_BYTES) {
            if incoming.take(piece) {
                incoming.spill().await;
            }
        }
        incoming.commit(world, &self.door.quotas, &trace, traits, COMMIT_MAX).await.map_err(refused)
    }

    fn trace_field(&self, admission: &Admission, id: &str) -> Vec<u8> {
        let mut forward_paths = admission.forward_paths();
        // Several would tell each of the others.
        let recipient = if forward_paths.len() == 1 { forward_paths.next() } else { None };
        let (by, at) = (&self.configuration.hostname, self.door.world.clock.wall());
        let mut field = Vec::new();
        let helo = mail::Domain::from(self.client).to_string();
        Received { helo: &helo, client: self.client, by, with: With::Http, id, recipient, at }
            .append_to(&mut field);
        field
    }

    async fn offered(&self) -> Offered {
        let client = Client {
            listener: DOOR,
            ip: self.client,
            local_port: 0,
            helo: "",
            is_tls: true,
            authenticated_as: Some(&self.user),
            reverse_path: &ReversePath::Null,
        };
        let ask = |answers: &_| offered(&self.configuration, &client, answers);
        decide(&self.door.world, ask).await.unwrap_or_else(|trouble| {
            tracing::error!(why = trouble.text, "it cannot be decided which extensions are offered");
            Offered::to_strangers()
        })
    }

    async fn pass(
        &self,
        throttles: &[Throttle],
        admission: &Admission,
        forward_path: Option<&Address>,
    ) -> Result<Option<Reservation>, Held> {
        if throttles.is_empty() {
            return Ok(None);
        }
        let facts = SessionFacts {
            listener: DOOR,
            client: SocketAddr::new(self.client, 0),
            local: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0),
            protocol: DOOR,
            is_tls: true,
            helo_domain: "",
            authenticated_as: &self.user,
            admission: Some(admission),
            forward_path,
        };
        let (world, buckets) = (&self.door.world, &self.door.rates.0);
        reserve(world, buckets, &self.configuration, throttles, &facts).await.map(Some)
    }

    fn origin(&self) -> Origin {
        Origin {
            source: Source::Unauthenticated,
            listener: DOOR.to_owned(),
            client_ip: self.client,
            local_port: 0,
            authenticated_as: Some(self.user.clone()),
        }
    }

    fn no(&self, step: RefusedStep, reverse_path: Option<&ReversePath>, reply: Reply) -> NotTaken {
        self.tell(step, reverse_path, None, &reply);
        NotTaken::Message(reply)
    }

    /// That this was refused, for those who listen.
    fn tell(
        &self,
        step: RefusedStep,
        reverse_path: Option<&ReversePath>,
        forward_path: Option<&Address>,
        reply: &Reply,
    ) {
        let world = &self.door.world;
        if !world.events.wanted().events {
            return;
        }
        world.events.report(Event::Refused(Box::new(Refused {
            at: world.clock.now(),
            client: self.client,
            listener: DOOR.to_owned(),
            authenticated_as: Some(self.user.clone()),
            step,
            reverse_path: reverse_path.cloned(),
            forward_path: forward_path.cloned(),
            reply: reply.clone(),
        })));
    }
}

/// The content with CRLF at each line end, the last one included.
fn whole_lines(content: &[u8]) -> Vec<u8> {
    let mut whole = Vec::with_capacity(content.len() + 2);
    LineEndMender::default().append(content, &mut whole);
    if !whole.ends_with(b"\r\n") {
        whole.extend_from_slice(b"\r\n");
    }
    whole
}

/// Asks for what the content and the addresses need: who sends cannot know.
fn fit(
    parameters: &mut Parameters,
    content: &[u8],
    traits: ContentTraits,
    reverse_path: &ReversePath,
    recipients: &[SubmittedRecipient],
) {
    if traits.eight_bit && parameters.body == Body::SevenBit {
        parameters.body = Body::EightBitMime;
    }
    let mut paths = recipients.iter().map(|to| &to.forward_path).chain(reverse_path.address());
    let header = &content[..header_end(content)];
    parameters.smtputf8 |= paths.any(Address::needs_smtputf8) || !header.is_ascii();
}

/// Whether an envelope came by this door from this account.
pub fn came_from(envelope: &Envelope, account: &Address) -> bool {
    let origin = &envelope.origin;
    origin.listener == DOOR && origin.authenticated_as.as_deref() == Some(account.to_string().as_str())
}
