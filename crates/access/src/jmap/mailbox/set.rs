//! `Mailbox/set` (RFC 8621 section 2.5).

use std::collections::BTreeMap;

use mail::Role;
use mail::mailbox::composed;
use serde_json::{Map, Value, json};
use store::messages::{Alteration, Altered, Kind, Mailbox, MailboxId, Outcome, Refusal, Room};
use wire::jmap::{MethodError, SetError, SetErrorKind};

use super::super::arguments::Arguments;
use super::super::call::{Answer, Call, unavailable};
use super::super::set::{Set, SetAnswer, not_found};
use super::super::span::Span;
use super::{PROPERTIES, rights, shown};

/// What a client may say about a mailbox; `None` where it says nothing.
#[derive(Clone, PartialEq, Debug, Default)]
struct Wanted {
    name: Option<String>,
    /// Whether its letters are others than the client's, in form NFC.
    is_composed: bool,
    /// The id of the parent, or a creation id.
    parent: Option<Option<String>>,
    role: Option<Option<Role>>,
    sort_order: Option<u32>,
    subscribed: Option<bool>,
}

impl Wanted {
    /// Reads properties. What only the server sets is taken if it is as it is in `current`.
    fn read(members: &Map<String, Value>, current: Option<&Value>) -> Result<Wanted, SetError> {
        let mut wanted = Wanted::default();
        for (key, value) in members {
            let wrong = |why: &str| Err(SetError::invalid_property(key, why));
            match (key.as_str(), value) {
                ("name", Value::String(name)) => {
                    let composed = composed(name).into_owned();
                    wanted.is_composed = composed != *name;
                    wanted.name = Some(composed);
                }
                ("parentId", Value::Null) => wanted.parent = Some(None),
                ("parentId", Value::String(id)) => wanted.parent = Some(Some(id.clone())),
                ("role", Value::Null) => wanted.role = Some(None),
                ("role", Value::String(text)) => match role(text) {
                    Some(role) => wanted.role = Some(Some(role)),
                    None => return wrong("there is no such role here"),
                },
                ("sortOrder", value) => match value.as_u64().and_then(|order| u32::try_from(order).ok()) {
                    Some(order) if i32::try_from(order).is_ok() => wanted.sort_order = Some(order),
                    _ => return wrong("it must be a whole number from 0 to 2^31-1"),
                },
                ("isSubscribed", Value::Bool(is)) => wanted.subscribed = Some(*is),
                ("name" | "parentId" | "role" | "isSubscribed", _) => return wrong("its type is wrong"),
                (key, value) if PROPERTIES.contains(&key) => {
                    if current.is_none_or(|current| current[key] != *value) {
                        return wrong("only the server sets it");
                    }
                }
                (key, _) if key.contains('/') => {
                    return Err(SetError::new(
                        SetErrorKind::InvalidPatch,
                        format!("{key} cannot be patched"),
                    ));
                }
                _ => return wrong("there is no such property"),
            }
        }
        Ok(wanted)
    }
}

fn role(text: &str) -> Option<Role> {
    Role::ALL.into_iter().find(|role| role.jmap() == text)
}

/// One thing that is to be done.
enum Step {
    Create(String, Wanted),
    Update(String, Wanted),
    Destroy(String),
}

/// Answers `Mailbox/set`.
pub(super) async fn set(call: &mut Call<'_>, arguments: &mut Arguments) -> Answer {
    let set = Set::read(call, arguments)?;
    let with_emails = arguments.flag("onDestroyRemoveEmails", false)?;
    call.check_state(Kind::Mailbox, set.if_in_state.as_deref()).await?;
    let mut work = Work {
        span: Span::at(call.state().await?),
        answer: SetAnswer::default(),
        mailboxes: call.world.messages.mailbox_list(call.address()).await.map_err(unavailable)?,
        with_emails,
        ids: BTreeMap::new(),
    };
    let mut steps = work.steps(call, set);
    // What one step has to make way for may come after it: a name, a role, a child. So what was refused is tried again
    // as long as anything else has been done since.
    loop {
        let before = steps.len();
        let mut refused = Vec::new();
        for step in steps {
            if let Err(error) = work.take(call, &step).await? {
                refused.push((step, error));
            }
        }
        if refused.is_empty() {
            break;
        }
        if refused.len() == before {
            refused.into_iter().for_each(|(step, error)| work.refuse(call, step, error));
            break;
        }
        steps = refused.into_iter().map(|(step, _)| step).collect();
    }
    Ok(work.answer.into_answer(work.span.old, work.span.new))
}

struct Work {
    span: Span,
    answer: SetAnswer,
    mailboxes: Vec<Mailbox>,
    with_emails: bool,
    /// What was made by creation id.
    ids: BTreeMap<String, MailboxId>,
}

impl Work {
    /// What is to be done, in the order of the standard; what cannot be read is refused at once.
    fn steps(&mut self, call: &mut Call<'_>, set: Set) -> Vec<Step> {
        let mut steps = Vec::new();
        for (creation, object) in set.create {
            let members = object.as_object().cloned().unwrap_or_default();
            match Wanted::read(&members, None) {
                Ok(wanted) if wanted.name.is_some() => steps.push(Step::Create(creation, wanted)),
                Ok(_) => {
                    let error = SetError::invalid_property("name", "a mailbox needs a name");
                    self.answer.create(call, creation, Err(error));
                }
                Err(error) => self.answer.create(call, creation, Err(error)),
            }
        }
        for (id, patch) in set.update {
            let members = patch.as_object().cloned().unwrap_or_default();
            let current = call.meant(&id).and_then(|id| self.find(id)).map(|mailbox| shown(mailbox, None));
            match Wanted::read(&members, current.as_ref()) {
                Ok(wanted) => steps.push(Step::Update(id, wanted)),
                Err(error) => self.answer.update(id, Err(error)),
            }
        }
        steps.extend(set.destroy.into_iter().map(Step::Destroy));
        steps
    }

    fn find(&self, id: &str) -> Option<&Mailbox> {
        let id: MailboxId = id.parse().ok()?;
        self.mailboxes.iter().find(|mailbox| mailbox.id == id)
    }

    /// The mailbox that an id means that may be a creation id.
    fn meant(&self, call: &Call<'_>, id: &str) -> Option<MailboxId> {
        match id.strip_prefix('#').and_then(|creation| self.ids.get(creation)) {
            Some(made) => Some(*made),
            None => call.meant(id)?.parse().ok(),
        }
    }

    /// Does one step; the error within is the client's.
    async fn take(&mut self, call: &mut Call<'_>, step: &Step) -> Result<Result<(), SetError>, MethodError> {
        let alteration = match self.alteration(call, step) {
            Ok(alteration) => alteration,
            Err(error) => return Ok(Err(error)),
        };
        let store = &call.world.messages;
        let outcome = store.alter(call.address(), vec![alteration], Room::default(), call.now).await;
        let Outcome { modseq, each } = outcome.map_err(unavailable)?;
        self.span.then(modseq);
        let done = each.into_iter().next().unwrap_or(Ok(Altered::Done));
        let target = match step {
            Step::Create(..) => None,
            Step::Update(id, _) | Step::Destroy(id) => self.meant(call, id),
        };
        let altered = match done {
            Ok(altered) => altered,
            Err(refusal) => return Ok(Err(refused(&refusal, target))),
        };
        match (step, altered) {
            (Step::Create(creation, wanted), Altered::Mailbox(id)) => {
                self.ids.insert(creation.clone(), id);
                self.answer.create(call, creation.clone(), Ok(made(id, wanted)));
            }
            (Step::Create(creation, _), _) => {
                let error = SetError::bare(SetErrorKind::ServerFail);
                self.answer.create(call, creation.clone(), Err(error));
            }
            (Step::Update(id, wanted), _) => {
                let told = if wanted.is_composed { json!({ "name": wanted.name }) } else { Value::Null };
                self.answer.update(self.plain(call, id), Ok(told));
            }
            (Step::Destroy(id), _) => self.answer.destroy(self.plain(call, id), Ok(())),
        }
        Ok(Ok(()))
    }

    /// The id itself, where the client has named it by a creation id.
    fn plain(&self, call: &Call<'_>, id: &str) -> String {
        self.meant(call, id).map_or_else(|| id.to_owned(), |id| id.to_string())
    }

    fn alteration(&self, call: &Call<'_>, step: &Step) -> Result<Alteration, SetError> {
        let parent_of = |wanted: &Wanted| match &wanted.parent {
            None => Ok(None),
            Some(None) => Ok(Some(None)),
            Some(Some(id)) => {
                let error = || SetError::invalid_property("parentId", "there is no such mailbox");
                self.meant(call, id).map(|id| Some(Some(id))).ok_or_else(error)
            }
        };
        Ok(match step {
            Step::Create(_, wanted) => Alteration::CreateMailbox {
                parent: parent_of(wanted)?.flatten(),
                name: wanted.name.clone().unwrap_or_default(),
                role: wanted.role.flatten(),
                sort_order: wanted.sort_order.unwrap_or(0),
                subscribed: wanted.subscribed.unwrap_or(true),
            },
            Step::Update(id, wanted) => {
                let id = self.meant(call, id).ok_or_else(not_found)?;
                // The name by which the inbox is shown is not the one that it has.
                let current = self.mailboxes.iter().find(|mailbox| mailbox.id == id);
                let same_name = |name: &String| current.is_some_and(|current| super::name(current) == name);
                Alteration::UpdateMailbox {
                    id,
                    parent: parent_of(wanted)?,
                    name: wanted.name.clone().filter(|name| !same_name(name)),
                    role: wanted.role,
                    sort_order: wanted.sort_order,
                    subscribed: wanted.subscribed,
                }
            }
            Step::Destroy(id) => Alteration::DestroyMailbox {
                id: self.meant(call, id).ok_or_else(not_found)?,
                with_emails: self.with_emails,
            },
        })
    }

    fn refuse(&mut self, call: &mut Call<'_>, step: Step, error: SetError) {
        match step {
            Step::Create(creation, _) => self.answer.create(call, creation, Err(error)),
            Step::Update(id, _) => self.answer.update(id, Err(error)),
            Step::Destroy(id) => self.answer.destroy(id, Err(error)),
        }
    }
}

/// What a client does not know about a mailbox that it has made.
fn made(id: MailboxId, wanted: &Wanted) -> Value {
    let mut made = json!({
        "id": id.to_string(),
        "totalEmails": 0,
        "unreadEmails": 0,
        "totalThreads": 0,
        "unreadThreads": 0,
        "myRights": rights(wanted.role.flatten()),
    });
    let defaults = [
        ("parentId", wanted.parent.is_none(), Value::Null),
        ("role", wanted.role.is_none(), Value::Null),
        ("sortOrder", wanted.sort_order.is_none(), 0.into()),
        ("isSubscribed", wanted.subscribed.is_none(), true.into()),
    ];
    for (name, _, value) in defaults.into_iter().filter(|(_, is_default, _)| *is_default) {
        made[name] = value;
    }
    if wanted.is_composed {
        made["name"] = json!(wanted.name);
    }
    made
}

/// What the refusal of the store is called here; `target` is the mailbox that was to be changed.
fn refused(refusal: &Refusal, target: Option<MailboxId>) -> SetError {
    match refusal {
        Refusal::NoMailbox(id) if Some(*id) == target => not_found(),
        Refusal::NoMailbox(_) => SetError::invalid_property("parentId", "there is no such mailbox"),
        Refusal::NameTaken => SetError::invalid_property("name", "another mailbox there has this name"),
        Refusal::BadName(why) => SetError::invalid_property("name", *why),
        Refusal::RoleTaken(id) => {
            SetError::invalid_property("role", format!("the mailbox {id} has this role"))
        }
        Refusal::BadParent => {
            SetError::invalid_property("parentId", "a mailbox cannot lie there: in itself, or too deep")
        }
        Refusal::HasChildren => SetError::bare(SetErrorKind::MailboxHasChild),
        Refusal::HasEmails => SetError::bare(SetErrorKind::MailboxHasEmail),
        Refusal::IsInbox => SetError::new(SetErrorKind::Forbidden, "the inbox stays as it is"),
        Refusal::TooMany(what, most) => {
            SetError::new(SetErrorKind::OverQuota, format!("there may be {most} {what}"))
        }
        Refusal::OverQuota => SetError::bare(SetErrorKind::OverQuota),
        Refusal::NoEmail(_) | Refusal::NoContent | Refusal::NoRecord(_) | Refusal::Nowhere => {
            SetError::bare(SetErrorKind::ServerFail)
        }
    }
}
