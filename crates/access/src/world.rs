//! The seams of mailbox access.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use directory::Directory;
use mail::{Address, Clock, MessageId, Parameters, RecipientId, Reply, ReversePath, Timestamp};
use policy::Configuration;
use policy::settings::Account;
use store::{KeyValues, MessageStore};
use tokio::sync::watch;

/// All that mailbox access asks of the outside.
#[derive(Clone)]
pub struct World {
    /// Mail at rest.
    pub messages: Arc<dyn MessageStore>,
    /// Small values.
    pub values: Arc<dyn KeyValues>,
    /// Who is who.
    pub directory: Arc<dyn Directory>,
    /// Where mail is sent.
    pub outbox: Arc<dyn Outbox>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The configuration in force.
    pub configuration: watch::Receiver<Arc<Configuration>>,
}

/// The way into the queue, through the same door as SMTP submission.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Sends a message of this account. It is in the queue when this returns, or it is not: then the reply says why, as
    /// an SMTP client would hear it, for the whole or for one recipient.
    async fn submit(&self, submission: Submission) -> Result<Submitted, Reply>;
    /// Takes back what is still held; whether all of it was.
    async fn take_back(&self, message: MessageId) -> bool;
    /// What has become of each recipient that is still in the queue; those that are not in it have ended.
    async fn pending(&self, message: MessageId) -> Vec<(RecipientId, Address, Option<Reply>)>;
}

/// A message to be sent.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Whose.
    pub account: Arc<Account>,
    /// The reverse-path.
    pub reverse_path: ReversePath,
    /// The forward-paths.
    pub forward_paths: Vec<Address>,
    /// What MAIL FROM would say besides.
    pub parameters: Parameters,
    /// The message, with CRLF line ends.
    pub content: Bytes,
    /// It is not sent before this.
    pub not_before: Option<Timestamp>,
}

/// What was taken.
#[derive(Clone, Debug)]
pub struct Submitted {
    /// The message in the queue.
    pub message: MessageId,
    /// Recipients that were refused, with what an SMTP client would hear.
    pub refused: Vec<(Address, Reply)>,
}
