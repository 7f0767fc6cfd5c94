//! May this client send this? Makes [`Accepted`]; with `bounce`, nobody else can.

mod expanded;
mod recipient;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use ipnet::IpNet;
use mail::{
    Address, ContentTraits, DeliverBy, DeliverByMode, Domain, EnhancedStatus, Envelope, LocalPart, MessageId,
    Notify, Origin, OriginalRecipient, Parameters, Reply, ReversePath, Source, Timestamp,
};

pub use self::recipient::Said;
use self::recipient::{Admitted, Client};
use crate::configuration::Configuration;
use crate::expr::LookupAnswers;
use crate::extensions::Offered;
use crate::facts::Facts;
use crate::local::DETAIL_SEPARATOR;
use crate::local::questions;
use crate::retry::Progress;
use crate::route::{Choice, choose_schedule};

/// A message that may enter the queue. Every door into the queue leads through this type, and only
/// `policy` makes one: SMTP, a notification of ours and every later door pass the same checks.
#[derive(Clone, Debug)]
pub struct Accepted {
    pub(crate) reverse_path: ReversePath,
    pub(crate) accepted_at: Timestamp,
    pub(crate) origin: Origin,
    pub(crate) parameters: Parameters,
    pub(crate) traits: ContentTraits,
    pub(crate) size: u64,
    pub(crate) recipients: Vec<NewRecipient>,
}

/// A recipient of a message that has no number yet.
#[derive(Clone, PartialEq, Debug)]
pub struct NewRecipient {
    /// Where the copy is to go.
    pub forward_path: Address,
    /// What the sender wrote, if that differs or was given.
    pub original: Option<OriginalRecipient>,
    /// Which notifications were asked for.
    pub notify: Notify,
    /// Its first place in its schedule.
    pub progress: Progress,
}

impl Accepted {
    /// A message that nobody has checked: for the tests of other rooms only, behind the feature `unchecked`.
    #[cfg(feature = "unchecked")]
    pub fn unchecked(
        reverse_path: ReversePath,
        accepted_at: Timestamp,
        origin: Origin,
        size: u64,
        recipients: Vec<NewRecipient>,
    ) -> Self {
        let (parameters, traits) = (Parameters::default(), ContentTraits::default());
        Accepted { reverse_path, accepted_at, origin, parameters, traits, size, recipients }
    }

    /// The reverse-path.
    pub fn reverse_path(&self) -> &ReversePath {
        &self.reverse_path
    }
    /// When it became ours.
    pub fn accepted_at(&self) -> Timestamp {
        self.accepted_at
    }
    /// How it came.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
    /// What MAIL FROM asked for.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }
    /// What its bytes are like.
    pub fn traits(&self) -> ContentTraits {
        self.traits
    }
    /// Bytes of content, the trace field included.
    pub fn size(&self) -> u64 {
        self.size
    }
    /// The recipients, at least one.
    pub fn recipients(&self) -> &[NewRecipient] {
        &self.recipients
    }
}

/// Who may relay, and how far the extensions may be used.
#[derive(Clone, PartialEq, Debug)]
pub struct AdmissionRules {
    /// Networks whose clients may send to anywhere without authentication. None unless said.
    pub relay_networks: Vec<IpNet>,
    /// What stands between a local part and its detail (`user+detail`); no sub-addressing if none.
    pub sub_address_separator: Option<char>,
    /// Recipients at most of a message with the null reverse-path: a notification has one reader.
    pub null_reverse_path_recipients_max: usize,
}

impl Default for AdmissionRules {
    fn default() -> Self {
        AdmissionRules {
            relay_networks: Vec::new(),
            sub_address_separator: Some(DETAIL_SEPARATOR),
            null_reverse_path_recipients_max: 10,
        }
    }
}

/// The right to send to anywhere. Only [`relay_permit`] gives one, and a recipient that is not ours cannot be
/// admitted without.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RelayPermit(());

/// Whether this client may send to domains that are not ours: it has authenticated, or the operator has listed
/// its network.
pub fn relay_permit(rules: &AdmissionRules, origin: &Origin) -> Option<RelayPermit> {
    let ip = origin.client_ip.to_canonical();
    let listed = rules.relay_networks.iter().any(|network| network.contains(&ip));
    (origin.authenticated_as.is_some() || listed).then_some(RelayPermit(()))
}

/// The domain that stands behind a name without one: the default domain if it is ours, else the first that is.
pub fn default_domain(configuration: &Configuration) -> &Domain {
    let default = &configuration.domain;
    match configuration.domains.values().next() {
        Some(first) if configuration.local_domain(default).is_none() => &first.name,
        _ => default,
    }
}

/// The address that `<postmaster>` without a domain stands for (RFC 5321 section 4.5.1).
pub fn postmaster(configuration: &Configuration) -> Address {
    let local_part = LocalPart::parse("postmaster").expect("it is a dot-string");
    Address { local_part, domain: default_domain(configuration).clone() }
}

/// A message on its way in: what MAIL FROM said and the recipients admitted so far.
#[derive(Clone, Debug)]
pub struct Admission {
    permit: Option<RelayPermit>,
    sub_address_separator: Option<char>,
    recipients_max: usize,
    origin: Origin,
    reverse_path: ReversePath,
    parameters: Parameters,
    recipients: Vec<Admitted>,
    /// Places in `recipients`, in the order of the forward-paths.
    sorted: Vec<usize>,
    /// What a directory elsewhere says of the forward-path that comes next.
    said: Option<(Address, Said)>,
}

/// The first place of each recipient in its schedule; what [`Admission::accept`] takes.
#[derive(Clone, PartialEq, Debug)]
pub struct FirstPlaces {
    accepted_at: Timestamp,
    traits: ContentTraits,
    size: u64,
    places: Vec<Progress>,
}

impl Admission {
    /// May this client send from this reverse-path with these parameters? `offered` says how far it may go in them.
    ///
    /// By which right the message comes is decided here, whatever `origin` says.
    pub fn begin(
        rules: &AdmissionRules,
        origin: Origin,
        reverse_path: ReversePath,
        parameters: Parameters,
        offered: &Offered,
        now: Timestamp,
    ) -> Result<Self, Box<Reply>> {
        offered.permits(&parameters, now)?;
        if !parameters.smtputf8 && reverse_path.address().is_some_and(Address::needs_smtputf8) {
            return Err(refusal(553, 5, 6, 7, "The sender address needs SMTPUTF8."));
        }
        let recipients_max = match reverse_path {
            ReversePath::Null => rules.null_reverse_path_recipients_max,
            ReversePath::Address(_) => usize::MAX,
        };
        let source =
            if origin.authenticated_as.is_some() { Source::Authenticated } else { Source::Unauthenticated };
        Ok(Admission {
            permit: relay_permit(rules, &origin),
            sub_address_separator: rules.sub_address_separator,
            recipients_max,
            origin: Origin { source, ..origin },
            reverse_path,
            parameters,
            recipients: Vec::new(),
            sorted: Vec::new(),
            said: None,
        })
    }

    /// What must be asked of a directory elsewhere before this forward-path is admitted: the first of these addresses
    /// that is somebody's counts. Nothing for domains of our own accounts.
    pub fn questions(&self, configuration: &Configuration, forward_path: &Address) -> Vec<Address> {
        questions(configuration, self.sub_address_separator, forward_path)
    }

    /// What was said to [`Self::questions`] about the forward-path that is admitted next.
    pub fn learn(&mut self, forward_path: Address, said: Said) {
        self.said = Some((forward_path, said));
    }

    /// May it send to this forward-path? If so, the recipient is kept; one that is there already is not kept twice.
    pub fn recipient(
        &mut self,
        configuration: &Configuration,
        forward_path: Address,
        original: Option<OriginalRecipient>,
        notify: Option<Notify>,
    ) -> Result<(), Box<Reply>> {
        if !self.parameters.smtputf8 && forward_path.needs_smtputf8() {
            return Err(refusal(553, 5, 6, 7, "The address needs SMTPUTF8."));
        }
        let said = self.said.take().filter(|(asked, _)| *asked == forward_path);
        let admitted = recipient::admit(
            configuration,
            &Client {
                permit: self.permit,
                separator: self.sub_address_separator,
                reverse_path: &self.reverse_path,
                authenticated_as: self.origin.authenticated_as.as_deref(),
            },
            forward_path,
            said.as_ref().map(|(_, said)| said),
            original,
            notify.unwrap_or(Notify::DEFAULT),
        )?;
        let place =
            self.sorted.binary_search_by(|&at| self.recipients[at].forward_path.cmp(&admitted.forward_path));
        let Err(place) = place else { return Ok(()) };
        if self.recipients.len() >= self.recipients_max {
            return Err(refusal(452, 4, 5, 3, "Too many recipients of a message from nobody."));
        }
        self.sorted.insert(place, self.recipients.len());
        self.recipients.push(admitted);
        Ok(())
    }

    /// The forward-paths admitted so far.
    pub fn forward_paths(&self) -> impl ExactSizeIterator<Item = &Address> {
        self.recipients.iter().map(|recipient| &recipient.forward_path)
    }

    /// How the message comes.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Whether the client may send to our own domains only.
    pub fn is_stranger(&self) -> bool {
        self.permit.is_none()
    }

    /// By which right the message comes, now that more is known of it.
    pub fn comes_by(&mut self, source: Source) {
        self.origin.source = source;
    }

    /// The reverse-path.
    pub fn reverse_path(&self) -> &ReversePath {
        &self.reverse_path
    }

    /// What MAIL FROM asked for.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The envelope as far as it is known before the content has come, without recipients.
    pub fn beginning(&self, now: Timestamp) -> Envelope {
        Envelope {
            message: MessageId(0),
            reverse_path: self.reverse_path.clone(),
            accepted_at: now,
            origin: self.origin.clone(),
            parameters: self.parameters.clone(),
            traits: ContentTraits::default(),
            size: 0,
            recipients: Vec::new(),
        }
    }

    /// Which schedule each recipient has, now that the content is there. What must be looked up for it is asked for
    /// all recipients at once.
    pub fn schedule(
        &self,
        configuration: &Configuration,
        answers: &LookupAnswers,
        traits: ContentTraits,
        size: u64,
        now: Timestamp,
    ) -> Choice<FirstPlaces> {
        let envelope = Envelope {
            message: MessageId(0),
            reverse_path: self.reverse_path.clone(),
            accepted_at: now,
            origin: self.origin.clone(),
            parameters: self.parameters.clone(),
            traits,
            size,
            recipients: self.forward_paths().cloned().collect(),
        };
        let unscheduled = Progress::unscheduled(now);
        let mut places = Vec::with_capacity(self.recipients.len());
        let mut needed = BTreeSet::new();
        for (nth, forward_path) in self.forward_paths().enumerate() {
            let turn = u32::try_from(nth).unwrap_or(u32::MAX);
            let facts = Facts { turn, ..Facts::new(&envelope, forward_path, &unscheduled, now) };
            let first = match choose_schedule(configuration, &facts, answers) {
                Choice::Decided(schedule) => Progress::first(&schedule, now, &self.parameters).in_turn(nth),
                Choice::Needs(lookups) => {
                    needed.extend(lookups);
                    continue;
                }
                Choice::Undecidable(trouble) => return Choice::Undecidable(trouble),
            };
            places.push(match self.parameters.deliver_by {
                Some(by) => until(first, by, now),
                None => first,
            });
        }
        if !needed.is_empty() {
            return Choice::Needs(needed.into_iter().collect());
        }
        Choice::Decided(FirstPlaces { accepted_at: now, traits, size, places })
    }

    /// Makes what the queue takes.
    pub fn accept(self, first: FirstPlaces) -> Accepted {
        debug_assert_eq!(
            self.recipients.len(),
            first.places.len(),
            "nobody was added since they were scheduled"
        );
        let with_place = |(recipient, progress): (Admitted, Progress)| NewRecipient {
            forward_path: recipient.forward_path,
            original: recipient.original,
            notify: recipient.notify,
            progress,
        };
        Accepted {
            reverse_path: self.reverse_path,
            accepted_at: first.accepted_at,
            origin: self.origin,
            parameters: self.parameters,
            traits: first.traits,
            size: first.size,
            recipients: self.recipients.into_iter().zip(first.places).map(with_place).collect(),
        }
    }
}

fn until(first: Progress, by: DeliverBy, now: Timestamp) -> Progress {
    let seconds = by.until.seconds_from(now);
    match by.mode {
        DeliverByMode::Return => first.returned_after(now, u32::try_from(seconds.max(0)).unwrap_or(u32::MAX)),
        DeliverByMode::Notify => first.told_after(now, seconds),
    }
}

fn refusal(code: u16, class: u8, subject: u16, detail: u16, text: &str) -> Box<Reply> {
    Box::new(Reply::new(code, Some(EnhancedStatus::new(class, subject, detail)), text))
}
