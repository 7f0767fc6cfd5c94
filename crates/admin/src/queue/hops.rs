//! `x:NextHop`: which next hops and hosts are down, since when, and when they are tried again.

use super::Office;
use mta::desk::Pause;
use serde_json::{Map, Value, json};

use super::got;
use super::surroundings::Surroundings;
use crate::error::MethodError;

async fn all(api: &Office) -> Vec<(String, Value)> {
    let around = Surroundings::of(api).await;
    let is_paused = |name: &str| {
        around.paused.iter().any(|(pause, _)| matches!(pause, Pause::NextHop(hop) if hop == name))
    };
    let down = around.down.values().map(|row| {
        let value = json!({
            "id": row.what,
            "name": row.what,
            "kind": if row.what.starts_with("host ") { "host" } else { "nextHop" },
            "state": "down",
            "since": row.since.rfc3339(),
            "nextTrial": row.trial.rfc3339(),
            "why": row.why,
            "paused": is_paused(&row.what),
        });
        (row.what.clone(), value)
    });
    let mut all: Vec<_> = down.collect();
    for (pause, by) in around.paused.iter() {
        if let Pause::NextHop(name) = pause
            && !around.down.contains_key(name)
        {
            let value = json!({
                "id": name, "name": name, "kind": "nextHop", "state": "paused", "since": by.at.rfc3339(),
                "nextTrial": null, "why": format!("paused by {}", by.by), "paused": true,
            });
            all.push((name.clone(), value));
        }
    }
    // The relays of the settings are told of, too, when all is well with them.
    for route in around.configuration.routes.values() {
        if matches!(route.kind, policy::settings::RouteKind::Relay(_)) {
            let name = policy::NextHop::Relay { route: route.name.clone() }.to_string();
            if !all.iter().any(|(known, _)| *known == name) {
                let value = json!({
                    "id": name, "name": name, "kind": "nextHop", "state": "up", "since": null,
                    "nextTrial": null, "why": null, "paused": false,
                });
                all.push((name, value));
            }
        }
    }
    all
}

/// `x:NextHop/get`.
pub(super) async fn get(api: &Office, arguments: &Map<String, Value>) -> Result<Value, MethodError> {
    got(all(api).await, arguments)
}

/// `x:NextHop/query`.
pub(super) async fn query(api: &Office) -> Result<Value, MethodError> {
    let ids: Vec<_> = all(api).await.into_iter().map(|(id, _)| id).collect();
    Ok(
        json!({ "queryState": "0", "canCalculateChanges": false, "position": 0, "total": ids.len(), "ids": ids }),
    )
}
