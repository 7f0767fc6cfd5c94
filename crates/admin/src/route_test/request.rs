//! Which route is to be tested, as it is saved or as somebody has it on the screen?

use std::sync::Arc;

use mail::{Address, ReversePath};
use policy::Configuration;
use policy::registry::{Registry, SetRequest};
use policy::settings::{MtaRoute, ObjectType};
use serde_json::{Map, Value};

use crate::api::Api;
use crate::set_error::{SetError, SetErrorKind};
use crate::settings::{Draft, Refusal};

/// The name of a route that has none yet.
const UNNAMED: &str = "route-test";

/// What is to be tried.
pub(super) struct Wanted {
    pub(super) configuration: Arc<Configuration>,
    pub(super) route: Arc<MtaRoute>,
    pub(super) reverse_path: ReversePath,
    pub(super) forward_path: Address,
}

/// Reads what is to be created.
pub(super) async fn wanted(api: &Api, properties: &Value) -> Result<Wanted, SetError> {
    let Value::Object(members) = properties else {
        return Err(SetError::new(SetErrorKind::InvalidProperties, "must be an object"));
    };
    if let Some(name) = members.keys().find(|name| !matches!(name.as_str(), "route" | "from" | "to")) {
        return Err(SetError::invalid_property(name, "is unknown"));
    }
    let reverse_path = reverse_path(members)?;
    let to = members.get("to").and_then(Value::as_str).unwrap_or_default();
    let forward_path =
        Address::parse(to.trim()).map_err(|error| SetError::invalid_property("to", error.to_string()))?;
    let (configuration, name) = match members.get("route") {
        Some(Value::String(name)) => (api.configuration.borrow().clone(), name.clone()),
        Some(Value::Object(route)) => unsaved(api, route).await?,
        _ => return Err(SetError::invalid_property("route", "must be the name of a route, or a route")),
    };
    let route = configuration.routes.get(&name).cloned();
    let route =
        route.ok_or_else(|| SetError::invalid_property("route", format!("there is no route {name}")))?;
    Ok(Wanted { configuration, route, reverse_path, forward_path })
}

fn reverse_path(members: &Map<String, Value>) -> Result<ReversePath, SetError> {
    let from = match members.get("from") {
        None | Some(Value::Null) => "",
        Some(Value::String(from)) => from.trim(),
        Some(_) => return Err(SetError::invalid_property("from", "must be an address, or empty")),
    };
    if matches!(from, "" | "<>") {
        return Ok(ReversePath::Null);
    }
    let parsed = Address::parse(from).map_err(|error| SetError::invalid_property("from", error.to_string()));
    parsed.map(ReversePath::Address)
}

/// The configuration as it would be with this route, and the route's name. A secret that is masked is that of the saved
/// route.
async fn unsaved(api: &Api, route: &Map<String, Value>) -> Result<(Arc<Configuration>, String), SetError> {
    let mut route = route.clone();
    let id = route.remove("id").and_then(|id| id.as_str().map(str::to_owned));
    let name = route.get("name").and_then(Value::as_str).filter(|name| !name.is_empty()).unwrap_or(UNNAMED);
    let name = name.to_owned();
    route.insert("name".to_owned(), name.clone().into());
    let registry = &api.settings.current().registry;
    let known = id.or_else(|| id_of(registry, &name));
    let request = match known {
        Some(id) => SetRequest { update: vec![(id, route.into())], ..SetRequest::default() },
        None => SetRequest { create: vec![("route".to_owned(), route.into())], ..SetRequest::default() },
    };
    let parts = vec![(ObjectType::Route, request)];
    let draft = Draft::Parts { parts, created: policy::registry::CreationIds::new(), whole: true };
    let (_, judged) = api.settings.try_out(draft).await.map_err(|refusal| match refusal {
        Refusal::Invalid(remarks) => {
            let why: Vec<String> = remarks.iter().map(|remark| remark.sentence()).collect();
            SetError::new(SetErrorKind::ValidationFailed, why.join("; ")).at("route")
        }
        other => SetError::new(SetErrorKind::ServerFail, other.to_string()),
    })?;
    match judged.configuration {
        Some(configuration) => Ok((Arc::new(configuration), name)),
        None => {
            let errors = judged.remarks.iter().filter(|remark| remark.is_error);
            let why: Vec<String> = errors.map(|remark| remark.sentence()).collect();
            Err(SetError::new(SetErrorKind::ValidationFailed, why.join("; ")).at("route"))
        }
    }
}

fn id_of(registry: &Registry, name: &str) -> Option<String> {
    registry.named(ObjectType::Route, name).map(|id| id.to_string())
}
