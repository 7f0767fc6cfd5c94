//! A submission as it is kept; what it is now, and what a crash has left of it.

use std::sync::LazyLock;

use aws_lc_rs::rand;
use mail::{Address, MessageId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::StoreError;
use store::messages::{Alteration, Kind, Room};
use wire::jmap::MethodError;

use super::super::call::{Call, unavailable};
use super::super::records::{self, Kept, method_failed};
use super::held::Turn;
use super::status;
use crate::World;

/// Tells this run of the program from others: what another run has begun is not under way any more.
static RUN: LazyLock<u64> = LazyLock::new(|| {
    let mut bytes = [0; 8];
    // Without chance, two runs look like one: then what a crash has left waits for the next run.
    let _ = rand::fill(&mut bytes);
    u64::from_be_bytes(bytes)
});

/// The id of a submission.
pub(super) fn id(number: u64) -> String {
    format!("s{number}")
}

/// A submission.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sent {
    pub(super) identity: u64,
    pub(super) email: u64,
    pub(super) thread: u64,
    /// As clients see it.
    pub(super) envelope: Value,
    /// Milliseconds since 1970.
    send_at: u64,
    made_at: u64,
    pub(super) undo: Undo,
    /// The message in the queue, once it is there.
    pub(super) message: Option<u64>,
    /// Where the copy for each recipient goes, in the order of the envelope.
    #[serde(default)]
    pub(super) paths: Vec<String>,
    /// What names it in the queue.
    pub(super) envelope_id: String,
    run: u64,
    /// What the client called it by.
    pub(super) creation: String,
    /// A crash fell between it and the queue, and the queue had no message of it afterwards: it was never there, or had
    /// ended by then.
    #[serde(default)]
    pub(super) is_in_doubt: bool,
    /// What became of it in the end.
    #[serde(default)]
    pub(super) ended: Option<Value>,
}

/// Whether it can be taken back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Undo {
    Pending,
    Final,
    Canceled,
}

impl Undo {
    /// As clients see it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Undo::Pending => "pending",
            Undo::Final => "final",
            Undo::Canceled => "canceled",
        }
    }
}

impl Sent {
    /// One that is about to be handed to the queue.
    pub(super) fn begin(
        (identity, email, thread): (u64, u64, u64),
        envelope: Value,
        envelope_id: String,
        creation: &str,
        (now, hold): (Timestamp, Option<Timestamp>),
    ) -> Self {
        Sent {
            identity,
            email,
            thread,
            envelope,
            send_at: hold.unwrap_or(now).as_millis(),
            made_at: now.as_millis(),
            undo: if hold.is_some_and(|until| until > now) { Undo::Pending } else { Undo::Final },
            message: None,
            paths: Vec::new(),
            envelope_id,
            run: *RUN,
            creation: creation.to_owned(),
            is_in_doubt: false,
            ended: None,
        }
    }

    /// When it is sent.
    pub(super) fn send_at(&self) -> Timestamp {
        Timestamp::from_millis(self.send_at)
    }

    /// When it was made.
    pub(super) fn made_at(&self) -> Timestamp {
        Timestamp::from_millis(self.made_at)
    }

    /// Whether another run of the program has begun it, and not come to its end.
    fn is_left_over(&self) -> bool {
        self.message.is_none() && self.run != *RUN && !self.is_in_doubt
    }

    /// Makes it final once its time has come; whether it did.
    fn ripen(&mut self, now: Timestamp) -> bool {
        let is_ripe = self.undo == Undo::Pending && self.send_at() <= now;
        if is_ripe {
            self.undo = Undo::Final;
        }
        is_ripe
    }

    /// Keeps what a crash has cut off and the queue does not know: it may have been sent and have ended meanwhile.
    fn doubt(&mut self) {
        self.is_in_doubt = true;
        self.undo = Undo::Final;
        self.ended = Some(status::in_doubt(self));
    }
}

/// All submissions of the account, oldest first, as they are now.
pub(super) async fn all(call: &Call<'_>) -> Result<Vec<Kept<Sent>>, MethodError> {
    let mut kept: Vec<Kept<Sent>> = records::all(call, Kind::Submission).await?;
    let now = call.world.clock.now();
    for sent in &mut kept {
        if sent.value.is_left_over() {
            let since = sent.value.made_at();
            let found = call.world.outbox.find(call.account, &sent.value.envelope_id, since).await;
            match found.map_err(unavailable)? {
                Some(MessageId(message)) => {
                    sent.value.message = Some(message);
                    sent.value.ripen(now);
                }
                None => {
                    tracing::warn!(account = %call.address(), id = sent.id, "a crash has cut off a submission, and the queue does not know it");
                    sent.value.doubt();
                }
            }
        } else if !sent.value.ripen(now) {
            continue;
        }
        records::put(call, Kind::Submission, Some(sent.id), &sent.value).await.map_err(method_failed)?;
    }
    Ok(kept)
}

/// Makes those final whose time has come; when the next one's comes.
pub(super) async fn ripen(world: &World, account: &Address) -> Result<Option<Timestamp>, StoreError> {
    let _turn = Turn::take(account).await;
    let now = world.clock.now();
    let (mut ripe, mut next) = (Vec::new(), None::<Timestamp>);
    for record in world.messages.records(account, Kind::Submission, None).await? {
        let Ok(mut sent) = serde_json::from_str::<Sent>(&record.document) else { continue };
        if sent.undo != Undo::Pending || sent.message.is_none() {
            continue;
        }
        if !sent.ripen(now) {
            next = Some(next.map_or(sent.send_at(), |next| next.min(sent.send_at())));
        } else if let Ok(document) = serde_json::to_string(&sent) {
            ripe.push(Alteration::PutRecord { kind: Kind::Submission, id: Some(record.id), document });
        }
    }
    if !ripe.is_empty() {
        world.messages.alter(account, ripe, Room::default(), now).await?;
    }
    Ok(next)
}
