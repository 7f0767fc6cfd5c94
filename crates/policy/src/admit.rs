//! May this client send this? Makes [`Accepted`]; with `bounce`, nobody else can.

use std::time::Duration;

use ipnet::IpNet;
use mail::{
    Address, ContentTraits, Notify, Origin, OriginalRecipient, Parameters, Reply, ReversePath, Timestamp,
};

use crate::configuration::Configuration;
use crate::retry::Progress;

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
    /// Recipients at most of a message with the null reverse-path.
    pub null_reverse_path_recipients_max: usize,
    /// How long mail may be held back at most (RFC 4865), for authenticated clients.
    pub hold_max: Duration,
    /// The longest time to deliver within that may be asked for (RFC 2852), for authenticated clients.
    pub deliver_by_max: Duration,
}

/// The right to send to anywhere. Only [`relay_permit`] gives one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RelayPermit(());

/// Whether this client may send to domains that are not ours.
pub fn relay_permit(_rules: &AdmissionRules, _origin: &Origin) -> Option<RelayPermit> {
    todo!()
}

/// When the sender wants it to be over (`BY=`, RFC 2852).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeliverBy {
    /// Seconds from acceptance.
    pub seconds: i64,
    /// Whether to tell rather than to return when the time is over.
    pub notify: bool,
}

/// A message on its way in: what MAIL FROM said and the recipients admitted so far.
#[derive(Clone, Debug)]
pub struct Admission {}

impl Admission {
    /// May this client send from this reverse-path with these parameters?
    pub fn begin(
        _rules: &AdmissionRules,
        _origin: Origin,
        _reverse_path: ReversePath,
        _parameters: Parameters,
        _deliver_by: Option<DeliverBy>,
        _now: Timestamp,
    ) -> Result<Self, Box<Reply>> {
        todo!()
    }

    /// May it send to this forward-path? If so, the recipient is kept, as often as it is named once.
    pub fn recipient(
        &mut self,
        _configuration: &Configuration,
        _forward_path: Address,
        _original: Option<OriginalRecipient>,
        _notify: Option<Notify>,
    ) -> Result<(), Box<Reply>> {
        todo!()
    }

    /// The recipients admitted so far.
    pub fn recipients(&self) -> usize {
        todo!()
    }

    /// Makes what the queue takes.
    pub fn accept(
        self,
        _configuration: &Configuration,
        _traits: ContentTraits,
        _size: u64,
        _now: Timestamp,
    ) -> Result<Accepted, Box<Reply>> {
        todo!()
    }
}
