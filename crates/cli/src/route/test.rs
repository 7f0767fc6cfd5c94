//! `waypost route test`: does a route work? The server tries it, stage by stage, and stops before DATA.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use crate::client::refusals;
use crate::desk::{Desk, Look, print};
use crate::failure::Failure;
use crate::objects;
use crate::paint::shown;
use crate::time::span;

/// How often it is asked how far the test is.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// Which route.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The route's name.
    #[arg(value_name = "ROUTE")]
    name: String,
    /// The recipient; its domain matters for a route by MX.
    #[arg(long, short = 't', value_name = "ADDRESS")]
    to: String,
    /// The reverse-path; `<>` for the null one.
    #[arg(long, short = 'f', value_name = "ADDRESS", default_value = "<>")]
    from: String,
    /// Show the whole dialogue also if all is well.
    #[arg(long)]
    dialogue: bool,
}

/// Tries it.
pub(super) async fn run(desk: &Desk<'_>, args: &Args) -> Result<(), Failure> {
    let from = args.from.trim_start_matches('<').trim_end_matches('>');
    let create = json!({ "create": { "test": { "route": args.name, "from": from, "to": args.to } } });
    let answer = desk.client.ask("RouteTest", "set", create).await?;
    if let Some(failure) = refusals(&answer, &|_| format!("route {}", args.name)) {
        return Err(failure);
    }
    let created = answer.get("created").and_then(|created| created.get("test"));
    let id = objects::id(created.unwrap_or(&Value::Null))?.to_owned();
    let mut told: BTreeMap<usize, String> = BTreeMap::new();
    let test = loop {
        let answer = desk.client.ask("RouteTest", "get", json!({ "ids": [id] })).await?;
        let test =
            objects::list(&answer)?.first().cloned().ok_or_else(|| Failure::strange("the test is gone"))?;
        let running = matches!(state(&test), "running" | "waiting" | "pending");
        if !desk.json {
            tell(&desk.look, &test, &mut told, running);
        }
        if !running {
            break test;
        }
        tokio::time::sleep(ASK_EVERY).await;
    };
    let good = is_good(&test);
    desk.show(&test, |look| ending(look, &test, args.dialogue || !good, good));
    if good { Ok(()) } else { Err(Failure::failed(format!("the route {} does not work", args.name))) }
}

fn state(test: &Value) -> &str {
    test.get("state").and_then(Value::as_str).unwrap_or("unknown")
}

fn stages(test: &Value) -> impl Iterator<Item = &Value> {
    test.get("stages").and_then(Value::as_array).into_iter().flatten()
}

fn is_good(test: &Value) -> bool {
    // One host may have failed and the next have taken it: the test as a whole says what holds.
    !matches!(state(test), "failed" | "error" | "unknown")
}

/// Prints the stages that have ended since the last time.
fn tell(look: &Look, test: &Value, told: &mut BTreeMap<usize, String>, running: bool) {
    for (i, stage) in stages(test).enumerate() {
        let ended = !matches!(state(stage), "running" | "waiting" | "pending") || !running;
        if ended && !told.contains_key(&i) {
            print(&stage_text(look, stage));
            told.insert(i, state(stage).to_owned());
        }
    }
}

fn stage_text(look: &Look, stage: &Value) -> String {
    let paint = look.paint;
    let of = |name: &str| stage.get(name).and_then(Value::as_str).map(shown).unwrap_or_default();
    let mark = match state(stage) {
        "done" | "ok" | "passed" | "good" => paint.green("✓"),
        "failed" | "error" => paint.red("✗"),
        "skipped" | "notNeeded" | "pending" | "waiting" => paint.dim("·"),
        _ => paint.yellow("!"),
    };
    let took = stage
        .get("durationMs")
        .and_then(Value::as_i64)
        .map(|millis| paint.dim(&span(millis)))
        .unwrap_or_default();
    format!("{mark} {:<8} {}  {took}", of("name"), of("detail")).trim_end().to_owned() + "\n"
}

fn ending(look: &Look, test: &Value, dialogue: bool, good: bool) -> String {
    let mut out = String::new();
    let lines = test.get("dialogue").and_then(Value::as_array);
    for line in lines.into_iter().flatten().filter(|_| dialogue) {
        let of = |name: &str| line.get(name).and_then(Value::as_str).map(shown).unwrap_or_default();
        let side = match of("side").as_str() {
            "client" => look.paint.cyan(">"),
            "server" => look.paint.dim("<"),
            _ => look.paint.dim("·"),
        };
        let _ = writeln!(out, "  {side} {}", of("line"));
    }
    out.push_str(&if good { look.paint.green("the route works\n") } else { String::new() });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_tells_its_stages_and_what_was_said() {
        let look = Look::plain(None);
        let test = json!({"state": "failed", "stages": [
            {"name": "resolve", "state": "done", "detail": "192.0.2.1", "durationMs": 3},
            {"name": "auth", "state": "failed", "detail": "535 no\x1b[31m", "durationMs": 1200},
            {"name": "mail", "state": "skipped"}],
            "dialogue": [{"side": "server", "line": "220 hi"}, {"side": "client", "line": "EHLO us"}]});
        let lines: String = stages(&test).map(|stage| stage_text(&look, stage)).collect();
        assert_eq!(lines, "✓ resolve  192.0.2.1  3 ms\n✗ auth     535 no\u{fffd}[31m  1 s\n· mail\n");
        assert!(!is_good(&test));
        assert_eq!(ending(&look, &test, true, false), "  < 220 hi\n  > EHLO us\n");
    }
}
