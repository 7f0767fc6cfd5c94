//! `x:Explanation/get`: why does a message go there? The pure decisions, asked with their reasons.

pub mod plan;
pub mod question;
pub mod report;
pub mod subject;
mod withheld;

use std::sync::Arc;

use mta::World;
use policy::Configuration;
use policy::admit::AdmissionRules;
use policy::mx::MxRules;
use policy::registry::{CreationIds, SetRequest};
use policy::settings::ObjectType;
use serde_json::{Value, json};

use crate::access::permissions;
use crate::api::Api;
use crate::caller::Caller;
use crate::error::MethodError;
use crate::settings::{Draft, Judged, Remark, whole};

pub use plan::HostReport;
pub use question::Question;
pub use report::Report;
pub use subject::{Sketch, Subject};
use withheld::Withheld;

/// Recipients in one question at most.
pub const RECIPIENTS_MAX: usize = 20;

/// What the boot file says that bears on decisions.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Who may relay.
    pub admission: AdmissionRules,
    /// How MX hosts are found; its own names are those of the configuration.
    pub mx: MxRules,
    /// The listeners, in the order of the boot file.
    pub doors: Vec<Door>,
}

/// A listener, as far as it bears on decisions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Door {
    /// Its name.
    pub name: String,
    /// Its port.
    pub port: u16,
    /// Whether clients must authenticate.
    pub submission: bool,
}

impl Surroundings {
    /// The listener that a message comes to: the first one unless it is named.
    fn door(&self, name: Option<&str>) -> Result<Option<&Door>, String> {
        let Some(name) = name else { return Ok(self.doors.first()) };
        let found = self.doors.iter().find(|door| door.name == name);
        found.map(Some).ok_or_else(|| format!("there is no listener `{name}`"))
    }

    fn mx_rules(&self, configuration: &Configuration) -> MxRules {
        MxRules { own_names: vec![configuration.hostname.as_str().to_owned()], ..self.mx.clone() }
    }
}

/// What would become of each recipient. Nothing is written, and nothing is sent. An error: the question makes no sense.
pub async fn explain(
    world: &World,
    surroundings: &Surroundings,
    configuration: &Configuration,
    question: &Question,
) -> Result<Vec<Report>, String> {
    let withheld = Arc::new(Withheld::new(Arc::clone(&world.lookups)));
    let world = world.clone().with_lookups(withheld.clone());
    let mut reports = Vec::with_capacity(question.to.len());
    for to in &question.to {
        let report = report::report(&world, surroundings, configuration, question, to).await?;
        reports.push(Report { would_write: withheld.take(), ..report });
    }
    Ok(reports)
}

/// Answers `get`.
pub(crate) async fn call(
    api: &Api,
    caller: &Caller,
    verb: &str,
    arguments: Value,
) -> Result<Value, MethodError> {
    if verb != "get" {
        return Err(MethodError::unknown_method(&format!("Explanation/{verb}")));
    }
    let question = Question::from_arguments(&arguments).map_err(MethodError::invalid_arguments)?;
    let configuration = configuration(api, caller, &arguments).await?;
    let reports = explain(&api.world, &api.surroundings, &configuration, &question).await;
    let list = reports.map_err(MethodError::invalid_arguments)?;
    Ok(json!({ "list": list }))
}

/// The configuration that decides: the one in force, what a draft would make of it, or that of an earlier revision.
async fn configuration(
    api: &Api,
    caller: &Caller,
    arguments: &Value,
) -> Result<Arc<Configuration>, MethodError> {
    let given = |name: &str| arguments.get(name).filter(|value| !value.is_null());
    match (given("draft"), given("revision")) {
        (None, None) => Ok(api.configuration.borrow().clone()),
        (Some(_), Some(_)) => {
            Err(MethodError::invalid_arguments("either a draft or a revision can be asked about"))
        }
        (Some(draft), None) => {
            let parts = drafted(caller, draft)?;
            let draft = Draft::Parts { parts, created: CreationIds::new(), whole: true };
            let (_, judged) = api.settings.try_out(draft).await?;
            usable(judged)
        }
        (None, Some(revision)) => {
            let text = revision.as_str().map(str::to_owned).unwrap_or_else(|| revision.to_string());
            let wrong = || MethodError::invalid_arguments(format!("{text} is not the number of a revision"));
            let registry = api.settings.registry_at(text.parse().map_err(|_| wrong())?).await?;
            usable(api.settings.check(&registry).await)
        }
    }
}

/// The parts of a draft. Its expressions are worked out and may ask the stores, as those of the settings may: so
/// whoever may not write them there may not ask with them either.
fn drafted(caller: &Caller, draft: &Value) -> Result<Vec<(ObjectType, SetRequest)>, MethodError> {
    let parts = whole::parts(Some(draft.get("changes").unwrap_or(draft)))?;
    parts.iter().try_for_each(|(kind, _)| permissions::set_of(caller, kind.name()))?;
    Ok(parts)
}

fn usable(judged: Judged) -> Result<Arc<Configuration>, MethodError> {
    let errors: Vec<String> =
        judged.remarks.iter().filter(|remark| remark.is_error).map(Remark::sentence).collect();
    judged.configuration.map(Arc::new).ok_or_else(|| {
        MethodError::invalid_arguments(format!("these settings cannot be used: {}", errors.join("; ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::Role;

    // proves: L9
    #[test]
    fn a_draft_is_asked_about_by_whoever_may_write_it() {
        let part = |object: &str| json!({ "object": object, "update": { "singleton": {} } });
        for (role, objects, good) in [
            (Role::Viewer, &["MtaOutboundStrategy"][..], false),
            (Role::Operator, &["MtaOutboundStrategy"], false),
            (Role::Router, &["MtaOutboundStrategy"], true),
            (Role::Router, &["MtaOutboundStrategy", "SystemSettings"], false),
            (Role::Admin, &["MtaOutboundStrategy", "SystemSettings"], true),
        ] {
            let changes: Vec<_> = objects.iter().map(|object| part(object)).collect();
            let caller = Caller::new("alice", role);
            assert_eq!(drafted(&caller, &json!(changes)).is_ok(), good, "{role} {objects:?}");
            assert_eq!(drafted(&caller, &json!({ "changes": changes })).is_ok(), good, "{role} {objects:?}");
        }
    }
}
