//! What would a change make of the registry? Whatever the check finds is laid at the door of the objects that caused it.

use std::collections::{BTreeMap, BTreeSet};

use policy::registry::{CreationIds, Registry, SetError, SetErrorKind, SetOutcome, SetRequest};
use policy::settings::ObjectType;

use super::judge::{Judged, Remark, blocking, called, judge};
use super::machine::Outside;
use super::references;

/// How often what the check refuses is taken out and the rest is tried again.
const ROUNDS_MAX: usize = 8;

/// A change that somebody wants.
#[derive(Clone, Debug)]
pub enum Draft {
    /// Objects made, changed and removed, type by type.
    Parts {
        /// In order.
        parts: Vec<(ObjectType, SetRequest)>,
        /// Ids of objects that were created before, by creation id.
        created: CreationIds,
        /// Whether one refusal refuses all; otherwise what is good is done.
        whole: bool,
    },
    /// The text of a settings file in place of everything.
    Document(String),
    /// A registry in place of this one.
    Registry(Box<Registry>),
}

/// Makes a password's hash.
pub type HashOf = fn(&str) -> String;

/// What a draft comes to.
#[derive(Debug)]
pub(super) struct Drawn {
    pub(super) registry: Registry,
    /// One for each part.
    pub(super) outcomes: Vec<SetOutcome>,
    pub(super) created: CreationIds,
    /// None if the registry cannot be used, or if nothing is left of the draft.
    pub(super) judged: Option<Judged>,
}

/// Applies a draft and has the result checked. An error: the draft as a whole cannot be used, and why.
pub(super) async fn draw(
    outside: &dyn Outside,
    now: &Registry,
    draft: Draft,
    hash: HashOf,
) -> Result<Drawn, Vec<Remark>> {
    match draft {
        Draft::Parts { parts, created, whole } => draw_parts(outside, now, parts, created, whole, hash).await,
        Draft::Document(text) => {
            let before = now.clone();
            let replaced = blocking(move || before.replaced_by(&text).map(|all| all.hashed(&hash))).await;
            let registry =
                replaced.map_err(|errors| errors.into_iter().map(Remark::from).collect::<Vec<_>>())?;
            for change in now.changes(&registry) {
                if let Some(denied) = references::denied(outside, &change).await {
                    let object = format!("{} {}", change.kind, registry.name_of(change.kind, change.id));
                    return Err(vec![Remark {
                        object,
                        property: denied.property,
                        ..Remark::plain(denied.why)
                    }]);
                }
            }
            draw_registry(outside, registry).await
        }
        // It was in force before.
        Draft::Registry(registry) => draw_registry(outside, *registry).await,
    }
}

async fn draw_registry(outside: &dyn Outside, registry: Registry) -> Result<Drawn, Vec<Remark>> {
    let judged = judge(outside, &registry).await;
    if judged.configuration.is_none() {
        return Err(judged.remarks);
    }
    Ok(Drawn { registry, outcomes: Vec::new(), created: CreationIds::new(), judged: Some(judged) })
}

/// Who of a part is refused, by creation id or id.
#[derive(Clone, Debug, Default)]
struct Refused {
    created: BTreeMap<String, SetError>,
    updated: BTreeMap<String, SetError>,
    destroyed: BTreeMap<String, SetError>,
}

async fn draw_parts(
    outside: &dyn Outside,
    now: &Registry,
    parts: Vec<(ObjectType, SetRequest)>,
    created: CreationIds,
    whole: bool,
    hash: HashOf,
) -> Result<Drawn, Vec<Remark>> {
    let mut refused = vec![Refused::default(); parts.len()];
    for round in 0..=ROUNDS_MAX {
        let (before, these, ids) = (now.clone(), without(&parts, &refused), created.clone());
        let (registry, mut outcomes, ids) = blocking(move || apply(before, &these, ids, hash)).await;
        if deny(outside, &outcomes, &mut refused).await {
            continue;
        }
        let any_refused = outcomes.iter().any(is_refused) || refused.iter().any(Refused::is_any);
        if whole && any_refused || !outcomes.iter().any(is_change) {
            tell(&mut outcomes, refused);
            return Ok(Drawn { registry: now.clone(), outcomes, created: ids, judged: None });
        }
        let judged = judge(outside, &registry).await;
        if judged.configuration.is_some() {
            tell(&mut outcomes, refused);
            return Ok(Drawn { registry, outcomes, created: ids, judged: Some(judged) });
        }
        let errors: Vec<_> = judged.remarks.into_iter().filter(|remark| remark.is_error).collect();
        let last = round == ROUNDS_MAX;
        for (at, outcome) in outcomes.iter().enumerate() {
            blame(&mut refused[at], parts[at].0, outcome, now, &errors, last);
        }
        // What breaks lies elsewhere, as when the last use of something is taken away: then all of it is refused.
        if !blamed_somebody(&outcomes, &refused) {
            for (at, outcome) in outcomes.iter().enumerate() {
                blame(&mut refused[at], parts[at].0, outcome, now, &errors, true);
            }
        }
    }
    unreachable!("the last round refuses all that is left")
}

/// Refuses the objects that name secrets which the API may not name. Says whether there is one.
async fn deny(outside: &dyn Outside, outcomes: &[SetOutcome], refused: &mut [Refused]) -> bool {
    let mut any = false;
    for (outcome, refused) in outcomes.iter().zip(refused) {
        for change in &outcome.changes {
            let Some(denied) = references::denied(outside, change).await else { continue };
            let id = change.id.to_string();
            let key = outcome.created.iter().find(|(_, made)| *made == id).map(|(key, _)| key.clone());
            match key {
                Some(key) => refused.created.insert(key, denied.error()),
                None => refused.updated.insert(id, denied.error()),
            };
            any = true;
        }
    }
    any
}

fn apply(
    now: Registry,
    parts: &[(ObjectType, SetRequest)],
    mut ids: CreationIds,
    hash: HashOf,
) -> (Registry, Vec<SetOutcome>, CreationIds) {
    let requests: Vec<_> = parts.iter().map(|(kind, request)| (*kind, request)).collect();
    let (registry, outcomes) = now.apply(&requests, &mut ids, &hash);
    (registry, outcomes, ids)
}

/// The parts without those that are refused.
fn without(parts: &[(ObjectType, SetRequest)], refused: &[Refused]) -> Vec<(ObjectType, SetRequest)> {
    let keep = |((kind, request), refused): (&(ObjectType, SetRequest), &Refused)| {
        let mut request = request.clone();
        request.create.retain(|(id, _)| !refused.created.contains_key(id));
        request.update.retain(|(id, _)| !refused.updated.contains_key(id));
        request.destroy.retain(|id| !refused.destroyed.contains_key(id));
        (*kind, request)
    };
    parts.iter().zip(refused).map(keep).collect()
}

fn is_refused(outcome: &SetOutcome) -> bool {
    !(outcome.not_created.is_empty() && outcome.not_updated.is_empty() && outcome.not_destroyed.is_empty())
}

fn is_change(outcome: &SetOutcome) -> bool {
    !(outcome.created.is_empty() && outcome.updated.is_empty() && outcome.destroyed.is_empty())
}

fn blamed_somebody(outcomes: &[SetOutcome], refused: &[Refused]) -> bool {
    outcomes.iter().zip(refused).any(|(outcome, refused)| {
        outcome.created.iter().any(|(key, _)| refused.created.contains_key(key))
            || outcome.updated.iter().any(|id| refused.updated.contains_key(id))
            || outcome.destroyed.iter().any(|id| refused.destroyed.contains_key(id))
    })
}

/// Refuses the objects of a part that the errors name; `all` of them if it cannot be said which one it was.
fn blame(
    refused: &mut Refused,
    kind: ObjectType,
    outcome: &SetOutcome,
    before: &Registry,
    errors: &[Remark],
    all: bool,
) {
    let about = |registry: &Registry, id: &str| -> Option<SetError> {
        let document = registry.get(kind, id, None).unwrap_or_default();
        let names: BTreeSet<String> = called(kind, id, &document).into_iter().collect();
        let own: Vec<_> = errors.iter().filter(|error| names.contains(&error.object)).collect();
        match own.is_empty() {
            false => Some(SetError::invalid(own.into_iter().map(Remark::validation).collect())),
            true => all.then(|| elsewhere(errors)),
        }
    };
    for (key, id) in &outcome.created {
        refused.created.extend(about(&outcome.registry, id).map(|error| (key.clone(), error)));
    }
    for id in &outcome.updated {
        refused.updated.extend(about(&outcome.registry, id).map(|error| (id.clone(), error)));
    }
    if all {
        let destroyed = outcome.destroyed.iter().filter_map(|id| Some((id.clone(), about(before, id)?)));
        refused.destroyed.extend(destroyed);
    }
}

/// Errors of objects that were not touched.
fn elsewhere(errors: &[Remark]) -> SetError {
    let mut error = SetError::invalid(errors.iter().map(Remark::validation).collect());
    error.kind = SetErrorKind::ValidationFailed;
    error.description = errors.iter().map(Remark::sentence).collect::<Vec<_>>().join("; ");
    error
}

/// Puts the refusals of the check beside those of the registry.
fn tell(outcomes: &mut [SetOutcome], refused: Vec<Refused>) {
    for (outcome, refused) in outcomes.iter_mut().zip(refused) {
        outcome.not_created.extend(refused.created);
        outcome.not_updated.extend(refused.updated);
        outcome.not_destroyed.extend(refused.destroyed);
    }
}

impl Refused {
    fn is_any(&self) -> bool {
        !(self.created.is_empty() && self.updated.is_empty() && self.destroyed.is_empty())
    }
}
