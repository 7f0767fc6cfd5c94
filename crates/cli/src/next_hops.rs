//! `waypost next-hops`: which next hops and hosts are down, since when, why, and when are they tried again?

use serde_json::{Value, json};

use crate::args::Server;
use crate::desk::{Desk, Look};
use crate::failure::{Failure, Kind};
use crate::objects;
use crate::paint::{Table, shown};

/// Which of them.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Also those that are up.
    #[arg(long)]
    all: bool,
}

/// Lists them: by the server, or what is written down if none runs.
pub(crate) async fn run(desk: &Desk<'_>, server: &Server, args: &Args) -> Result<(), Failure> {
    let mut rows = match next_hops(desk).await {
        Ok(rows) => rows,
        Err(failure) if server.is_here() && may_read(&failure) => {
            let read = desk.house.next_hops(server.config.as_deref(), server.data.as_deref());
            read.map_err(|why| Failure { details: vec![why], ..failure })?
        }
        Err(failure) => return Err(failure),
    };
    rows.retain(|row| args.all || is_down(row) || row.get("paused") == Some(&json!(true)));
    desk.show(&json!(rows), |look| text(look, &rows));
    Ok(())
}

fn may_read(failure: &Failure) -> bool {
    let unknown =
        failure.answer.as_ref().is_some_and(|answer| answer.get("type") == Some(&json!("unknownMethod")));
    failure.kind == Kind::Unreachable || unknown
}

/// What the server knows of its next hops.
pub(crate) async fn next_hops(desk: &Desk<'_>) -> Result<Vec<Value>, Failure> {
    let answer = desk.client.ask("NextHop", "get", json!({ "ids": null })).await?;
    objects::list(&answer).cloned()
}

/// Whether mail does not get through.
pub(crate) fn is_down(row: &Value) -> bool {
    row.get("state").and_then(Value::as_str) == Some("down")
}

fn text(look: &Look, rows: &[Value]) -> String {
    if rows.is_empty() {
        return "nothing is down\n".to_owned();
    }
    let mut table = Table::new(&["NEXT HOP", "STATE", "SINCE", "NEXT TRIAL", "WHY"]);
    for row in rows {
        let text = |name: &str| row.get(name).and_then(Value::as_str).map(shown);
        let trial = look.when(row.get("nextTrial"));
        let down = is_down(row);
        table.row(vec![
            text("name").unwrap_or_default(),
            state(look, row),
            look.when(row.get("since").filter(|_| down)),
            match trial.ends_with(" ago") || trial == "now" {
                true => "with the next message".to_owned(),
                false => trial,
            },
            text("why").unwrap_or_default(),
        ]);
    }
    look.table(&table)
}

fn state(look: &Look, row: &Value) -> String {
    let state = row.get("state").and_then(Value::as_str).map(shown).unwrap_or_default();
    let painted = match state.as_str() {
        "down" => look.paint.red(&state),
        "up" => look.paint.green(&state),
        _ => look.paint.yellow(&state),
    };
    match row.get("paused").and_then(Value::as_bool) {
        Some(true) => format!("{painted}, {}", look.paint.yellow("paused")),
        _ => painted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_since_when_and_until_when() {
        let row = |trial: &str| json!({"name": "relay via primary", "state": "down", "since": "2026-11-24T14:00:00Z", "nextTrial": trial, "why": "connection refused"});
        let told = text(&Look::plain(None), &[row("2026-11-24T14:05:30Z"), row("2026-11-24T14:04:50Z")]);
        assert!(told.contains("5 min ago") && told.contains("in 30 s"), "{told}");
        assert!(told.contains("with the next message") && told.contains("connection refused"), "{told}");
        assert_eq!(text(&Look::plain(None), &[]), "nothing is down\n");
    }
}
