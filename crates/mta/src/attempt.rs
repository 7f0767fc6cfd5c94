//! One delivery, start to end: begin, resolve, connect, deliver, judge, settle.

use std::sync::Arc;

use mail::{Envelope, RecipientId};
use policy::{AttemptOutcome, NextHop};
use store::{Deposit, LeaseId, QueuedRecipient};

/// One message, one next hop, one or more recipients.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The right to settle them.
    pub lease: LeaseId,
    /// The message.
    pub envelope: Arc<Envelope>,
    /// Where it goes.
    pub next_hop: NextHop,
    /// For whom.
    pub recipients: Vec<QueuedRecipient>,
}

/// What one run of a delivery meant.
#[derive(Clone, PartialEq, Debug)]
pub struct Report {
    /// What it meant for each recipient.
    pub outcomes: Vec<(RecipientId, AttemptOutcome)>,
    /// Copies for the local store, to be written with the verdicts.
    pub deposits: Vec<Deposit>,
}
