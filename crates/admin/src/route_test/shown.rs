//! How does a test look to those who watch it?

use mta::probe::{ProbeStage, StageReport, StageState};
use policy::{AttemptOutcome, Trouble};
use serde_json::{Value, json};

use super::{Ended, Test};

/// The test as it stands.
pub(super) fn test(id: &str, test: &Test) -> Value {
    let reports = test.watch.stages();
    let mut stages: Vec<Value> = reports.iter().map(|report| stage(report, test.ended.is_some())).collect();
    let unmet = if test.ended.is_some() { "skipped" } else { "waiting" };
    for missing in ProbeStage::ALL {
        let last = reports.last().map(|report| report.stage);
        let is_there = reports.iter().any(|report| report.stage == missing);
        if !is_there && (last.is_none_or(|last| missing > last) || test.ended.is_some()) {
            let place = stages.iter().position(|other| is_after(&other["name"], missing));
            let row = json!({ "name": missing.name(), "state": unmet, "detail": why_skipped(missing, last) });
            stages.insert(place.unwrap_or(stages.len()), row);
        }
    }
    let dialogue: Vec<Value> = test
        .watch
        .dialogue()
        .lines
        .iter()
        .map(|line| json!({ "at": line.at.rfc3339(), "side": line.side.name(), "line": line.line }))
        .collect();
    let (state, sentence) = ending(test);
    json!({
        "id": id,
        "state": state,
        "sentence": sentence,
        "route": test.route,
        "from": test.from,
        "to": test.to,
        "by": test.by,
        "startedAt": test.started_at.rfc3339(),
        "endedAt": test.ended.as_ref().map(|(at, _)| at.rfc3339()),
        "stages": stages,
        "dialogue": dialogue,
    })
}

fn is_after(name: &Value, stage: ProbeStage) -> bool {
    ProbeStage::ALL.into_iter().any(|other| other > stage && name == other.name())
}

/// Of a stage that was not needed on the way to a later one.
fn why_skipped(stage: ProbeStage, last: Option<ProbeStage>) -> &'static str {
    match stage {
        ProbeStage::Tls if last > Some(stage) => "no TLS",
        ProbeStage::Auth if last > Some(stage) => "no credentials",
        _ => "",
    }
}

fn stage(report: &StageReport, over: bool) -> Value {
    let state = match report.state {
        // It was cut off.
        StageState::Running if over => StageState::Failed,
        state => state,
    };
    json!({
        "name": report.stage.name(),
        "state": state.name(),
        "detail": report.detail,
        "startedAt": report.started_at.rfc3339(),
        "durationMs": u64::try_from(report.duration.as_millis()).unwrap_or(u64::MAX),
    })
}

fn ending(test: &Test) -> (&'static str, String) {
    let trouble = |verb: &str, trouble: &Trouble| format!("{verb}: {}", trouble.text);
    match &test.ended {
        None => ("running", "the test runs".to_owned()),
        Some((_, Ended::TooLong)) => ("failed", "it took too long".to_owned()),
        Some((_, Ended::Stopped)) => ("failed", "it was stopped".to_owned()),
        Some((_, Ended::With(outcome))) => match &**outcome {
            AttemptOutcome::Delivered(delivered) => {
                ("done", format!("{} would take mail for {}", delivered.host, test.to))
            }
            AttemptOutcome::Deferred(why) => ("failed", trouble("mail would wait", why)),
            AttemptOutcome::Failed(why) => ("failed", trouble("mail would be returned", why)),
            AttemptOutcome::Postponed { trouble: why, .. } => ("failed", trouble("a limit holds it up", why)),
        },
    }
}
