//! What does an operator's edit make of a queued recipient, and how do an edit and a running attempt agree?
//!
//! An edit is written at once. An attempt that runs meanwhile settles its own outcome: what was delivered or refused
//! has ended. Where it is to be tried again, the edit holds ([`merged`]): what was ordered after the attempt had begun
//! wins over what the attempt made of it, field by field.

use std::sync::Arc;
use std::time::Duration;

use mail::Timestamp;

use crate::configuration::Configuration;
use crate::limits::REVIVED_FOR;
use crate::outcome::{Scope, Trouble, TroubleKind};
use crate::retry::{Expiry, Progress};
use crate::settings::MtaRoute;

/// What operators have ordered about a recipient. Where they ordered nothing, its schedule holds.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Orders {
    /// Edits so far.
    pub edits: u32,
    /// The last edit that set the time of the next attempt; 0 if none did. Likewise the others.
    pub due_edit: u32,
    /// The last edit that set the number of attempts.
    pub count_edit: u32,
    /// The last edit that set the notices.
    pub notice_edit: u32,
    /// The last edit that set the expiry; no schedule changes it any more.
    pub expiry_edit: u32,
    /// It is not attempted, does not expire, and nobody is told of the delay.
    pub held: Option<Hold>,
    /// For how long it was held before, as far as that does not count.
    pub time_held: Duration,
    /// The route that it takes, whatever the strategy says.
    pub route: Option<RouteOrder>,
    /// It is given up as soon as no attempt of it runs.
    pub cancelled: Option<Cancellation>,
    /// It waits outside the order of the queue, as its virtual queue or its next hop is paused.
    pub parked: bool,
}

/// Who holds a recipient, since when and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hold {
    /// Who.
    pub by: String,
    /// Since when.
    pub at: Timestamp,
    /// Why, in the operator's words; may be empty.
    pub reason: String,
    /// Whether the time of the hold counts to the expiry.
    pub counts: bool,
}

/// A route that an operator chose.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RouteOrder {
    /// Its name.
    pub route: String,
    /// Who chose it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// Who gave a recipient up, and whether its sender may be told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cancellation {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Whether the sender is told, as far as it asked to be.
    pub notify: bool,
}

/// One change of a recipient.
#[derive(Clone, PartialEq, Debug)]
pub enum Edit {
    /// The next attempt is due then; now, if that has passed.
    Due(Timestamp),
    /// So many attempts have failed.
    RetryCount(u32),
    /// So many notices were sent.
    NoticeCount(u32),
    /// The next notice is due then; or there is none.
    NoticeDue(Option<Timestamp>),
    /// It is given up then.
    Expiry(Expiry),
    /// It is not attempted until it is released.
    Hold {
        /// Why.
        reason: String,
        /// Whether the time of the hold counts to the expiry.
        counts: bool,
    },
    /// It is held no longer.
    Release,
    /// It takes this route.
    Reroute(String),
    /// The strategy chooses its route again.
    ClearRoute,
    /// It is given up.
    Cancel {
        /// Whether the sender is told, as far as it asked to be.
        notify: bool,
    },
    /// What has failed, and is still there, is tried again.
    Revive,
    /// What it waited for is resumed.
    Unpark,
    /// Takes an edit back, if it was the last one.
    Undo(Box<Before>),
}

/// What an edit changed, as it was.
#[derive(Clone, PartialEq, Debug)]
pub struct Before {
    /// How many edits there were then, with the one that is taken back.
    pub edits: u32,
    /// When the next attempt was due.
    pub due: Timestamp,
    /// When it was to be given up.
    pub expiry: Expiry,
    /// Who held it.
    pub held: Option<Hold>,
    /// For how long it was held before.
    pub time_held: Duration,
    /// Its route by order.
    pub route: Option<RouteOrder>,
}

impl Before {
    /// What is needed to take `after` back.
    pub fn of(before: &Progress, after: &Progress) -> Self {
        let orders = before.orders.as_deref();
        Before {
            edits: after.edits(),
            due: before.due,
            expiry: before.expiry,
            held: orders.and_then(|orders| orders.held.clone()),
            time_held: orders.map_or(Duration::ZERO, |orders| orders.time_held),
            route: orders.and_then(|orders| orders.route.clone()),
        }
    }
}

/// Where a recipient stands when it is edited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Still to be delivered.
    Pending,
    /// Delivered.
    Delivered,
    /// Given up.
    Failed,
}

/// What an edit makes of a recipient.
#[derive(Clone, PartialEq, Debug)]
pub enum Revised {
    /// Nothing.
    Unchanged,
    /// It goes on like this.
    Goes(Progress),
    /// It is given up; this is what is left of it.
    Ends(Progress, Cancellation),
    /// It cannot be done, for this reason.
    Refused(&'static str),
}

/// What edits make of a recipient, one after another; none of them if one is refused.
pub fn revise(progress: &Progress, standing: Standing, edits: &[Edit], by: &str, now: Timestamp) -> Revised {
    let mut revision = Revision { progress: progress.clone(), standing, changed: false };
    for edit in edits {
        if let Err(reason) = revision.apply(edit, by, now) {
            return Revised::Refused(reason);
        }
    }
    let Revision { progress, changed, .. } = revision;
    let cancelled = progress.orders.as_ref().and_then(|orders| orders.cancelled.clone());
    match cancelled {
        _ if !changed => Revised::Unchanged,
        Some(cancelled) => Revised::Ends(progress, cancelled),
        None => Revised::Goes(progress),
    }
}

/// A recipient while it is edited.
struct Revision {
    progress: Progress,
    standing: Standing,
    changed: bool,
}

impl Revision {
    fn apply(&mut self, edit: &Edit, by: &str, now: Timestamp) -> Result<(), &'static str> {
        match (self.standing, edit) {
            (Standing::Delivered, Edit::Cancel { .. }) => return Err("it has been delivered already"),
            (Standing::Delivered, _) => return Err("it has been delivered"),
            (Standing::Failed, Edit::Revive) => {
                self.revive(now);
                return Ok(());
            }
            (Standing::Failed, Edit::Cancel { .. } | Edit::Unpark) | (Standing::Pending, Edit::Revive) => {
                return Ok(());
            }
            (Standing::Failed, _) => return Err("it has failed; set its status to Scheduled first"),
            (Standing::Pending, _) => {}
        }
        if self.orders().is_some_and(|orders| orders.cancelled.is_some()) {
            return if matches!(edit, Edit::Cancel { .. }) { Ok(()) } else { Err("it has been cancelled") };
        }
        self.change(edit, by, now)
    }

    fn change(&mut self, edit: &Edit, by: &str, now: Timestamp) -> Result<(), &'static str> {
        match edit {
            Edit::Due(at) => self.set_due(*at, now),
            Edit::RetryCount(count) => {
                if self.progress.retry_num != *count {
                    self.progress.retry_num = *count;
                    self.edited(|orders| orders.count_edit = orders.edits);
                }
            }
            Edit::NoticeCount(count) => {
                if self.progress.notify_num != *count {
                    self.progress.notify_num = *count;
                    self.edited(|orders| orders.notice_edit = orders.edits);
                }
            }
            Edit::NoticeDue(due) => {
                if self.progress.notify_due != *due {
                    self.progress.notify_due = *due;
                    self.edited(|orders| orders.notice_edit = orders.edits);
                }
            }
            Edit::Expiry(expiry) => {
                if self.progress.expiry != *expiry {
                    self.progress.expiry = *expiry;
                    self.edited(|orders| orders.expiry_edit = orders.edits);
                }
            }
            Edit::Hold { reason, counts } => self.hold(by, reason, *counts, now),
            Edit::Release => self.release(now),
            Edit::Reroute(route) => self.reroute(route, by, now),
            Edit::ClearRoute => {
                if self.orders().is_some_and(|orders| orders.route.is_some()) {
                    self.edited(|orders| (orders.route, orders.parked) = (None, false));
                }
            }
            Edit::Cancel { notify } => {
                let cancelled = Cancellation { by: by.to_owned(), at: now, notify: *notify };
                self.edited(|orders| orders.cancelled = Some(cancelled));
            }
            Edit::Revive => {}
            Edit::Unpark => {
                if let Some(orders) = self.progress.orders.as_mut().filter(|orders| orders.parked) {
                    orders.parked = false;
                    self.changed = true;
                }
            }
            Edit::Undo(before) => return self.undo(before),
        }
        Ok(())
    }

    fn orders(&self) -> Option<&Orders> {
        self.progress.orders.as_deref()
    }

    /// Counts an edit, and changes what is ordered.
    fn edited(&mut self, change: impl FnOnce(&mut Orders)) {
        let orders = self.progress.orders.get_or_insert_default();
        orders.edits = orders.edits.saturating_add(1);
        change(orders);
        self.changed = true;
    }

    /// What is due already is not made due again: asking a hundred times makes no difference.
    fn set_due(&mut self, at: Timestamp, now: Timestamp) {
        let at = at.max(now);
        if self.progress.due == at || at == now && self.progress.due <= now {
            return;
        }
        self.progress.due = at;
        self.edited(|orders| orders.due_edit = orders.edits);
    }

    fn hold(&mut self, by: &str, reason: &str, counts: bool, now: Timestamp) {
        if self.orders().is_some_and(|orders| orders.held.is_some()) {
            return;
        }
        let hold = Hold { by: by.to_owned(), at: now, reason: reason.to_owned(), counts };
        self.edited(|orders| orders.held = Some(hold));
    }

    /// Time held is given back, but not beyond the time that the sender set (RFC 2852).
    fn release(&mut self, now: Timestamp) {
        let Some(hold) = self.orders().and_then(|orders| orders.held.clone()) else { return };
        let given_back = if hold.counts { Duration::ZERO } else { now.since(hold.at) };
        self.edited(|orders| {
            orders.held = None;
            orders.time_held = orders.time_held.saturating_add(given_back);
        });
        let by_order = self.orders().is_some_and(|orders| orders.expiry_edit > 0);
        if let Expiry::At(at) = self.progress.expiry
            && !by_order
        {
            let later = at.plus(given_back);
            let limit = self.progress.envelope_expiry.unwrap_or(Timestamp::NEVER).max(at);
            self.progress.expiry = Expiry::At(later.min(limit));
        }
    }

    fn reroute(&mut self, route: &str, by: &str, now: Timestamp) {
        if self.orders().and_then(|orders| orders.route.as_ref()).is_some_and(|order| order.route == route) {
            return;
        }
        let order = RouteOrder { route: route.to_owned(), by: by.to_owned(), at: now };
        self.edited(|orders| {
            // Its new way may not be paused.
            (orders.route, orders.parked) = (Some(order), false);
        });
    }

    /// What has used up its time gets some more: it would only fail again.
    fn revive(&mut self, now: Timestamp) {
        self.standing = Standing::Pending;
        self.progress.due = now;
        let time_over = matches!(self.progress.expiry, Expiry::At(at) if at <= now);
        let attempts_over =
            matches!(self.progress.expiry, Expiry::Attempts(max) if self.progress.retry_num >= max);
        if time_over {
            self.progress.expiry = Expiry::At(now.plus(REVIVED_FOR));
        }
        if attempts_over {
            self.progress.retry_num = 0;
        }
        self.edited(|orders| {
            orders.cancelled = None;
            orders.held = None;
            orders.parked = false;
            orders.due_edit = orders.edits;
            orders.count_edit = orders.edits;
            if time_over {
                orders.expiry_edit = orders.edits;
            }
        });
    }

    fn undo(&mut self, before: &Before) -> Result<(), &'static str> {
        if self.progress.edits() != before.edits {
            return Err("it was edited again since");
        }
        let Before { due, expiry, held, time_held, route, .. } = before.clone();
        let due_was_set = self.orders().is_some_and(|orders| orders.due_edit == orders.edits);
        if due_was_set {
            self.progress.due = due;
        }
        self.progress.expiry = expiry;
        self.edited(|orders| {
            (orders.held, orders.time_held, orders.route) = (held, time_held, route);
            orders.due_edit = if due_was_set { orders.edits } else { orders.due_edit };
        });
        Ok(())
    }
}

/// What an attempt's progress becomes where edits were written while it ran: `edited` is what is written, `attempt`
/// what the attempt made of what it had been given.
pub fn merged(edited: &Progress, attempt: Progress) -> Progress {
    let Some(orders) = &edited.orders else { return attempt };
    let known = attempt.edits();
    if orders.edits <= known {
        return attempt;
    }
    let mut merged = attempt;
    let parked = merged.orders.as_ref().is_some_and(|orders| orders.parked);
    let held_before = merged.orders.as_ref().map_or(Duration::ZERO, |orders| orders.time_held);
    if orders.due_edit > known {
        merged.due = edited.due;
    }
    if orders.count_edit > known {
        merged.retry_num = edited.retry_num;
    }
    if orders.notice_edit > known {
        (merged.notify_num, merged.notify_due) = (edited.notify_num, edited.notify_due);
    }
    if orders.expiry_edit > known || orders.time_held != held_before {
        merged.expiry = edited.expiry;
    }
    let mut orders = orders.clone();
    orders.parked = parked;
    merged.orders = Some(orders);
    merged
}

/// What a cancelled recipient fails of.
pub fn cancelled(cancellation: &Cancellation) -> Trouble {
    let text = format!("delivery cancelled by {}", cancellation.by);
    Trouble::new(Scope::Recipient, TroubleKind::Io, (5, 0, 0), text)
}

/// The route that an operator chose, as long as there is one of that name.
pub fn ordered_route<'c>(
    configuration: &'c Configuration,
    progress: &'c Progress,
) -> Option<(&'c RouteOrder, &'c Arc<MtaRoute>)> {
    let order = progress.orders.as_ref()?.route.as_ref()?;
    Some((order, configuration.routes.get(&order.route)?))
}

#[cfg(test)]
mod tests;
