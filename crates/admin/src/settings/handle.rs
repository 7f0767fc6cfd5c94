//! How everybody else reaches the settings: reads what is there, hands changes to their owner.

use std::sync::Arc;
use std::time::Duration;

use mta::World;
use policy::registry::{CreationIds, Difference, Registry, SetOutcome};
use store::StoreError;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};

use super::current::Current;
use super::draft::{Draft, HashOf, draw};
use super::judge::{Judged, Remark, judge};
use super::machine::Machine;
use super::owner::{Order, Owner};
use super::past;
use super::revision::Revision;

/// Changes that wait for their turn.
const ORDERS_MAX: usize = 64;

/// The settings of a running server.
#[derive(Clone)]
pub struct Settings {
    current: watch::Receiver<Arc<Current>>,
    orders: mpsc::Sender<Order>,
    world: World,
    machine: Arc<dyn Machine>,
    hash: HashOf,
}

/// A change that somebody wants to make.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// What is to change.
    pub draft: Draft,
    /// Who wants it.
    pub author: String,
    /// Why.
    pub comment: Option<String>,
    /// It goes back by itself unless it is confirmed within this time.
    pub confirm_within: Option<Duration>,
    /// Only say what would come of it.
    pub dry_run: bool,
    /// Only if the settings are still in this state.
    pub if_in_state: Option<String>,
    /// The revision that it restores.
    pub restores: Option<u64>,
}

impl Proposal {
    /// A draft, at once and for good.
    pub fn new(draft: Draft, author: impl Into<String>) -> Self {
        Proposal {
            draft,
            author: author.into(),
            comment: None,
            confirm_within: None,
            dry_run: false,
            if_in_state: None,
            restores: None,
        }
    }
}

/// What came of a proposal.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The state before.
    pub old_state: String,
    /// The settings afterwards; as they were if it was a dry run or everything was refused.
    pub current: Arc<Current>,
    /// One for each part.
    pub outcomes: Vec<SetOutcome>,
    /// Creation ids, with those that are new.
    pub created: CreationIds,
    /// What is different, or would be.
    pub differences: Vec<Difference>,
    /// Warnings that were not there before.
    pub warnings: Vec<Remark>,
    /// Whether a revision was made; on a dry run, whether one would have been.
    pub changed: bool,
}

/// Why nothing was done.
#[derive(Debug, Error)]
pub enum Refusal {
    /// It is not permitted now.
    #[error("{0}")]
    Forbidden(String),
    /// Somebody else was faster.
    #[error("the settings are in state {now}, not {expected}: read them again")]
    StateMismatch {
        /// The state that was expected.
        expected: String,
        /// The state that they are in.
        now: String,
    },
    /// The settings could not be used.
    #[error("{}", .0.iter().map(Remark::sentence).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<Remark>),
    /// There is no such revision, or nothing to confirm.
    #[error("{0}")]
    NotFound(String),
    /// It could not be written down.
    #[error("cannot write the settings: {0}")]
    Store(#[from] StoreError),
    /// The server ends.
    #[error("the server is ending")]
    Ending,
}

impl Settings {
    /// The settings and who owns them; the owner is to be run.
    pub fn new(world: World, machine: Arc<dyn Machine>, current: Current, hash: HashOf) -> (Self, Owner) {
        let (sender, receiver) = watch::channel(Arc::new(current));
        let (orders, waiting) = mpsc::channel(ORDERS_MAX);
        let owner = Owner::new(world.clone(), Arc::clone(&machine), sender, waiting, hash);
        (Settings { current: receiver, orders, world, machine, hash }, owner)
    }

    /// The settings as they are now.
    pub fn current(&self) -> Arc<Current> {
        self.current.borrow().clone()
    }

    /// Tells when they change.
    pub fn watch(&self) -> watch::Receiver<Arc<Current>> {
        self.current.clone()
    }

    /// Makes a change, or says why not.
    pub async fn propose(&self, proposal: Proposal) -> Result<Outcome, Refusal> {
        self.order(|answer| Order::Change(Box::new(proposal), answer)).await?
    }

    /// Lets a revision on trial stay.
    pub async fn confirm(&self, number: u64) -> Result<Arc<Current>, Refusal> {
        self.order(|answer| Order::Confirm(number, answer)).await?
    }

    /// Reads everything that lies outside anew, and the settings file if that rules.
    pub async fn reload(&self) -> Result<Arc<Current>, Refusal> {
        self.order(Order::Reload).await?
    }

    async fn order<T>(&self, make: impl FnOnce(oneshot::Sender<T>) -> Order) -> Result<T, Refusal> {
        let (answer, answered) = oneshot::channel();
        self.orders.send(make(answer)).await.map_err(|_| Refusal::Ending)?;
        answered.await.map_err(|_| Refusal::Ending)
    }

    /// What the check says about other settings than those in force.
    pub async fn check(&self, registry: &Registry) -> Judged {
        judge(&*self.machine, registry).await
    }

    /// What a draft would make of the settings, with the configuration if they could be used.
    pub async fn try_out(&self, draft: Draft) -> Result<(Registry, Judged), Refusal> {
        let current = self.current();
        let drawn =
            draw(&*self.machine, &current.registry, draft, self.hash).await.map_err(Refusal::Invalid)?;
        match drawn.judged {
            Some(judged) => Ok((drawn.registry, judged)),
            None => {
                let errors = drawn.outcomes.iter().flat_map(|outcome| {
                    let lists = [&outcome.not_created, &outcome.not_updated, &outcome.not_destroyed];
                    lists
                        .into_iter()
                        .flatten()
                        .map(|(id, error)| Remark::plain(format!("{id}: {}", error.description)))
                });
                let errors: Vec<_> = errors.collect();
                match errors.is_empty() {
                    true => Ok((drawn.registry.clone(), self.check(&drawn.registry).await)),
                    false => Err(Refusal::Invalid(errors)),
                }
            }
        }
    }

    /// The settings as they were at a revision.
    pub async fn registry_at(&self, number: u64) -> Result<Registry, Refusal> {
        let current = self.current();
        let now = self.world.clock.now();
        let found =
            past::registry_at(&*self.world.store, (&current.registry, current.revision), number, now).await?;
        found.ok_or_else(|| Refusal::NotFound(format!("there is no revision {number}")))
    }

    /// All revisions that are kept, the oldest first.
    pub async fn revisions(&self) -> Result<Vec<Revision>, Refusal> {
        Ok(past::revisions(&*self.world.store, self.world.clock.now()).await?)
    }

    /// The server, for what is asked of it beside the settings.
    pub(crate) fn machine(&self) -> &dyn Machine {
        &*self.machine
    }
}
