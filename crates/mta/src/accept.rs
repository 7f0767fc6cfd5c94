//! When do we say 250? Content into the spool, one commit, then the reply (I7).

use std::sync::Arc;
use std::time::Duration;

use mail::{ContentTraits, EnhancedStatus, Envelope, MessageId, Reply};
use policy::Configuration;
use policy::admit::Admission;
use store::{ContentWriter, StoreError};
use wire::smtp::line_ends::LineEndMender;

use crate::events::Event;
use crate::gather;
use crate::inspect::{Conclusion, Inspection};
use crate::quotas::Quotas;
use crate::world::World;

/// Bytes of content that are gathered before they are handed to the spool.
const PENDING_BYTES_MAX: usize = 64 * 1024;

/// What a session keeps with a transaction. Dropped before its end, it leaves nothing behind.
pub(crate) struct Incoming {
    /// What MAIL and RCPT said.
    pub(crate) admission: Admission,
    /// The configuration that the transaction began with.
    pub(crate) configuration: Arc<Configuration>,
    writer: Option<Box<dyn ContentWriter>>,
    pending: Vec<u8>,
    /// Makes line ends whole, where the listener does so for this client.
    mender: Option<LineEndMender>,
    /// Looks at what comes, where there is reason to.
    inspection: Option<Inspection>,
    failure: Option<StoreError>,
}

impl Incoming {
    /// A transaction that has no content yet.
    pub(crate) fn new(admission: Admission, configuration: Arc<Configuration>) -> Self {
        Incoming {
            admission,
            configuration,
            writer: None,
            pending: Vec::new(),
            mender: None,
            inspection: None,
            failure: None,
        }
    }

    /// Content follows; our trace field comes first.
    pub(crate) async fn begin(
        &mut self,
        world: &World,
        trace_field: Vec<u8>,
        mender: Option<LineEndMender>,
        mut inspection: Option<Inspection>,
    ) -> Result<(), StoreError> {
        let mut writer = world.store.writer().await?;
        if let Some(inspection) = &mut inspection {
            inspection.begin(&trace_field);
            if inspection.may_prefix() {
                writer.expect_prefix();
            }
        }
        self.writer = Some(writer);
        self.inspection = inspection;
        self.pending = trace_field;
        self.mender = mender;
        Ok(())
    }

    /// Takes a piece of content. If it says `true`, [`Incoming::spill`] is due.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> bool {
        match &mut self.mender {
            Some(mender) => mender.append(bytes, &mut self.pending),
            None => self.pending.extend_from_slice(bytes),
        }
        if let Some(inspection) = &mut self.inspection {
            inspection.look(&mut self.pending, &self.configuration.hostname);
            if inspection.holds() {
                return false;
            }
        }
        self.pending.len() >= PENDING_BYTES_MAX
    }

    /// Hands what is pending to the spool. A failure is kept for the end: the client goes on sending anyway.
    pub(crate) async fn spill(&mut self) {
        if let Some(inspection) = &mut self.inspection {
            inspection.leaves(&self.pending);
        }
        if let Some(writer) = &mut self.writer
            && let Err(error) = writer.write(&self.pending).await
        {
            self.failure = Some(error);
            self.writer = None;
        }
        self.pending.clear();
    }

    /// Makes the message ours, if that can be done within `limit`, and says so or why not.
    pub(crate) async fn commit(
        self,
        world: &World,
        quotas: &Arc<Quotas>,
        id: &str,
        traits: ContentTraits,
        limit: Duration,
    ) -> Result<MessageId, Reply> {
        match tokio::time::timeout(limit, self.store(world, quotas, id, traits)).await {
            Ok(Ok(taken)) => taken,
            Ok(Err(error)) => Err(refusal(&error)),
            // Whoever waits longer may have hung up, and would send it again (RFC 1047).
            Err(_) => {
                tracing::error!(id, "the store takes too long to commit");
                Err(Reply::new(
                    451,
                    Some(EnhancedStatus::new(4, 3, 0)),
                    "The store takes too long, try again later.",
                ))
            }
        }
    }

    async fn store(
        mut self,
        world: &World,
        quotas: &Arc<Quotas>,
        id: &str,
        traits: ContentTraits,
    ) -> Result<Result<MessageId, Reply>, StoreError> {
        if let Some(inspection) = &mut self.inspection {
            inspection.ends(&mut self.pending, &self.configuration.hostname);
        }
        if !self.pending.is_empty() {
            self.spill().await;
        }
        if let Some(error) = self.failure {
            return Err(error);
        }
        let Some(writer) = self.writer else {
            return Err(StoreError::Stopped("content was not begun".to_owned()));
        };
        let prefix = match self.inspection {
            None => Vec::new(),
            Some(inspection) => {
                match inspection.conclude(world, &self.configuration, &self.admission).await {
                    Conclusion::Refused(reply) => return Ok(Err(reply)),
                    Conclusion::Taken(prefix, source) => {
                        source.into_iter().for_each(|source| self.admission.comes_by(source));
                        prefix
                    }
                }
            }
        };
        let content = writer.finish_behind(prefix.into()).await?;
        let (now, size) = (world.clock.now(), content.len());
        let Incoming { admission, configuration, .. } = self;
        let count = admission.forward_paths().len();
        let decided = gather::decide_for(world, count, Some(&content), |answers| {
            admission.schedule(&configuration, answers, traits, size, now)
        })
        .await;
        let first = match decided {
            Ok(first) => first,
            Err(trouble) => {
                tracing::error!(trace = id, why = trouble.text, "no delivery schedule can be chosen");
                let status = Some(EnhancedStatus::new(4, 3, 5));
                let text = "The configuration of this server is at fault.";
                return Ok(Err(Reply::new(451, status, text)));
            }
        };
        let accepted = admission.accept(first);
        let (from, recipients) = (accepted.reverse_path().clone(), accepted.recipients().len());
        let told = world.events.wanted().events.then(|| store::queue::envelope(&accepted, MessageId(0)));
        let reserved = match quotas.reserve(world, &accepted).await {
            Ok(reserved) => reserved,
            Err(reply) => return Ok(Err(reply)),
        };
        let message = world.store.accept(accepted, content).await?;
        if let Some(reserved) = reserved {
            reserved.bind(message);
        }
        if let Some(envelope) = told {
            world.events.report(Event::Accepted(Arc::new(Envelope { message, ..envelope })));
        }
        tracing::info!(id = %message, trace = id, %from, recipients, size, "accepted");
        Ok(Ok(message))
    }
}

/// What a client is told of a message that is ours.
pub(crate) fn taken(message: MessageId) -> Reply {
    Reply::new(250, Some(EnhancedStatus::new(2, 0, 0)), format!("Message queued with id {message}."))
}

/// What a client is told about the machine's errors; the log knows more.
pub(crate) fn refusal(error: &StoreError) -> Reply {
    match error {
        StoreError::Full { .. } => {
            tracing::warn!(%error, "mail is not taken");
            Reply::new(452, Some(EnhancedStatus::new(4, 3, 1)), "Mail system full, try again later.")
        }
        StoreError::Stopped(_) => {
            tracing::error!(%error, "mail is not taken");
            Reply::new(421, Some(EnhancedStatus::new(4, 3, 0)), "The store has stopped, try again later.")
        }
        StoreError::Held { .. }
        | StoreError::Newer { .. }
        | StoreError::LeaseLost(_)
        | StoreError::Damaged { .. }
        | StoreError::TooLong { .. }
        | StoreError::NoCounter { .. }
        | StoreError::Database { .. }
        | StoreError::File { .. } => {
            tracing::error!(%error, "mail is not taken");
            Reply::new(451, Some(EnhancedStatus::new(4, 3, 0)), "Storage failure, try again later.")
        }
    }
}
