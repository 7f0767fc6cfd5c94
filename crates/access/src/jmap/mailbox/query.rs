//! `Mailbox/query` and `Mailbox/queryChanges` (RFC 8621 sections 2.3 and 2.4).

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use mail::{ModSeq, Role};
use serde_json::{Map, Value};
use store::messages::{Kind, Mailbox, MailboxId};
use wire::jmap::MethodError;

use super::super::arguments::{Arguments, wrong};
use super::super::call::{Answer, Call, parse_state, unavailable};
use super::super::changes::cannot_calculate;
use super::super::filter::{Comparator, Filter, sorts, unsupported_filter};
use super::super::query_changes::Since;
use super::super::window::Window;
use super::name;

/// What a mailbox is asked for; all that is given must hold.
#[derive(Clone, PartialEq, Debug, Default)]
struct Condition {
    parent: Option<Option<String>>,
    name: Option<String>,
    role: Option<Option<String>>,
    has_any_role: Option<bool>,
    is_subscribed: Option<bool>,
}

impl Condition {
    fn read(members: Map<String, Value>) -> Result<Condition, MethodError> {
        let mut condition = Condition::default();
        for (key, value) in members {
            match (key.as_str(), value) {
                ("parentId", Value::Null) => condition.parent = Some(None),
                ("parentId", Value::String(id)) => condition.parent = Some(Some(id)),
                ("name", Value::String(text)) => condition.name = Some(text.to_lowercase()),
                ("role", Value::Null) => condition.role = Some(None),
                ("role", Value::String(role)) => condition.role = Some(Some(role.to_lowercase())),
                ("hasAnyRole", Value::Bool(has)) => condition.has_any_role = Some(has),
                ("isSubscribed", Value::Bool(is)) => condition.is_subscribed = Some(is),
                ("parentId" | "name" | "role" | "hasAnyRole" | "isSubscribed", _) => {
                    return Err(wrong(format!("the filter's {key} is of the wrong type")));
                }
                _ => return Err(unsupported_filter(format!("mailboxes cannot be filtered by {key}"))),
            }
        }
        Ok(condition)
    }

    fn holds(&self, mailbox: &Mailbox) -> bool {
        let role = mailbox.role.map(Role::jmap);
        let parent = mailbox.parent.map(|parent| parent.to_string());
        self.parent.as_ref().is_none_or(|wanted| *wanted == parent)
            && self.name.as_ref().is_none_or(|text| name(mailbox).to_lowercase().contains(text))
            && self.role.as_ref().is_none_or(|wanted| wanted.as_deref() == role)
            && self.has_any_role.is_none_or(|has| has == role.is_some())
            && self.is_subscribed.is_none_or(|is| is == mailbox.subscribed)
    }
}

struct Query {
    filter: Filter<Condition>,
    sort: Vec<Comparator>,
    sort_as_tree: bool,
    filter_as_tree: bool,
}

impl Query {
    fn read(arguments: &mut Arguments) -> Result<Query, MethodError> {
        Ok(Query {
            filter: Filter::read(arguments.take("filter"), &mut Condition::read)?,
            sort: sorts(arguments.take("sort"), &["sortOrder", "name", "parent/name"])?,
            sort_as_tree: arguments.flag("sortAsTree", false)?,
            filter_as_tree: arguments.flag("filterAsTree", false)?,
        })
    }

    /// The ids of mailboxes that fit, in order.
    fn results(&self, mailboxes: &[Mailbox]) -> Vec<String> {
        let by_id: BTreeMap<MailboxId, &Mailbox> = mailboxes.iter().map(|one| (one.id, one)).collect();
        let fits = |mailbox: &Mailbox| self.filter.holds(&|condition| condition.holds(mailbox));
        let fitting: BTreeSet<MailboxId> =
            mailboxes.iter().filter(|mailbox| fits(mailbox)).map(|mailbox| mailbox.id).collect();
        let all_fit = |mailbox: &Mailbox| {
            !self.filter_as_tree || above(mailbox, &by_id).all(|one| fitting.contains(&one.id))
        };
        let mut ordered: Vec<&Mailbox> = mailboxes.iter().collect();
        ordered.sort_by(|a, b| self.compare(a, b));
        if self.sort_as_tree {
            ordered = as_tree(&ordered, &by_id);
        }
        let shown = ordered.into_iter().filter(|one| fitting.contains(&one.id) && all_fit(one));
        shown.map(|mailbox| mailbox.id.to_string()).collect()
    }

    fn compare(&self, a: &Mailbox, b: &Mailbox) -> Ordering {
        let by = |comparator: &Comparator| {
            let ordering = match comparator.property.as_str() {
                "sortOrder" => a.sort_order.cmp(&b.sort_order),
                _ => name(a).to_lowercase().cmp(&name(b).to_lowercase()),
            };
            if comparator.ascending { ordering } else { ordering.reverse() }
        };
        let first = self.sort.iter().map(by).find(|ordering| ordering.is_ne());
        first.unwrap_or_else(|| a.id.cmp(&b.id))
    }
}

/// Those that a mailbox lies in, the nearest first.
fn above<'a>(
    mailbox: &Mailbox,
    by_id: &'a BTreeMap<MailboxId, &'a Mailbox>,
) -> impl Iterator<Item = &'a Mailbox> {
    let parent = |of: &Mailbox| of.parent.and_then(|parent| by_id.get(&parent).copied());
    // The store permits no circle; the bound is there so that this needs no trust.
    std::iter::successors(parent(mailbox), move |one| parent(one)).take(by_id.len())
}

/// Parents before children, siblings in the order given.
fn as_tree<'a>(ordered: &[&'a Mailbox], by_id: &BTreeMap<MailboxId, &Mailbox>) -> Vec<&'a Mailbox> {
    let mut children: BTreeMap<Option<MailboxId>, Vec<&Mailbox>> = BTreeMap::new();
    for mailbox in ordered.iter().rev() {
        let parent = mailbox.parent.filter(|parent| by_id.contains_key(parent));
        children.entry(parent).or_default().push(mailbox);
    }
    let mut next = children.remove(&None).unwrap_or_default();
    let mut out = Vec::with_capacity(ordered.len());
    while let Some(mailbox) = next.pop() {
        out.push(mailbox);
        next.extend(children.remove(&Some(mailbox.id)).unwrap_or_default());
    }
    out
}

pub(super) async fn query(call: &Call<'_>, arguments: &mut Arguments) -> Answer {
    let (query, window) = (Query::read(arguments)?, Window::read(arguments)?);
    let state = call.state().await?;
    let mailboxes = call.world.messages.mailbox_list(call.address()).await.map_err(unavailable)?;
    let ids = query.results(&mailboxes);
    window.answer(&ids, ids.len() as u64, state, true)
}

/// Where a mailbox stands depends on those around it: if one is another now, all are named.
pub(super) async fn query_changes(call: &Call<'_>, arguments: &mut Arguments) -> Answer {
    let (query, since) = (Query::read(arguments)?, Since::read(arguments)?);
    let from = parse_state(&since.state).ok_or_else(|| cannot_calculate(&since.state))?;
    let state = call.state().await?;
    if from > state {
        return Err(cannot_calculate(&since.state));
    }
    let mailboxes = call.world.messages.mailbox_list(call.address()).await.map_err(unavailable)?;
    let found = call.world.messages.changes(call.address(), Kind::Mailbox, from, usize::MAX);
    let found = found.await.map_err(unavailable)?.ok_or_else(|| cannot_calculate(&since.state))?;
    let results = query.results(&mailboxes);
    let same_updated = found.counts_only || found.updated.is_empty();
    let mut touched = BTreeSet::new();
    if !(same_updated && found.created.is_empty() && found.destroyed.is_empty()) {
        let all = mailboxes.iter().map(|mailbox| mailbox.id);
        let changed = [&found.created, &found.updated, &found.destroyed];
        let changed = changed.into_iter().flatten().map(|id| MailboxId(*id));
        touched = all.chain(changed).map(|id| id.to_string()).collect();
    }
    since.answer(&results, &touched, state.min(found.state).max(ModSeq(from.0)))
}
