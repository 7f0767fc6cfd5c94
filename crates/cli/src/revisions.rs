//! `waypost history`, `diff`, `rollback`, `confirm`: the revisions of the settings.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::args::Change;
use crate::desk::{Desk, Look};
use crate::failure::Failure;
use crate::paint::{Table, shown};
use crate::verbs::change::{Outcome, arguments, sentences};
use crate::{client, objects};

/// Revisions listed unless said.
const HISTORY: usize = 20;

/// How much of the history.
#[derive(clap::Args, Debug)]
pub struct HistoryArgs {
    /// So many of the latest.
    #[arg(long, short = 'n', value_name = "N", default_value_t = HISTORY)]
    limit: usize,
}

/// Between which revisions.
#[derive(clap::Args, Debug)]
pub struct DiffArgs {
    /// The earlier revision; the one before the last change unless said.
    #[arg(value_name = "FROM")]
    from: Option<u64>,
    /// The later one; the one in force unless said.
    #[arg(value_name = "TO")]
    to: Option<u64>,
}

/// To which revision.
#[derive(clap::Args, Debug)]
pub struct RollbackArgs {
    /// The revision whose settings are to hold again.
    #[arg(value_name = "REVISION")]
    number: u64,
    #[command(flatten)]
    change: Change,
}

/// Which change.
#[derive(clap::Args, Debug)]
pub struct ConfirmArgs {
    /// The revision; the one that waits for it unless said.
    #[arg(value_name = "REVISION")]
    number: Option<u64>,
}

/// Lists the revisions, latest first.
pub(crate) async fn history(desk: &Desk<'_>, args: &HistoryArgs) -> Result<(), Failure> {
    let revisions = latest(desk, args.limit).await?;
    desk.show(&Value::Array(revisions.clone()), |look| history_text(look, &revisions));
    Ok(())
}

async fn latest(desk: &Desk<'_>, limit: usize) -> Result<Vec<Value>, Failure> {
    let sort = json!([{ "property": "number", "isAscending": false }]);
    objects::pages(desk, "Revision", json!({}), sort, limit).await
}

fn history_text(look: &Look, revisions: &[Value]) -> String {
    if revisions.is_empty() {
        return "no revisions yet\n".to_owned();
    }
    let mut table = Table::new(&["REVISION", "WHEN", "WHO", "WHAT"]);
    for revision in revisions {
        let text = |name: &str| revision.get(name).and_then(Value::as_str).map(shown).unwrap_or_default();
        let number = number(revision).map_or_else(|| "?".to_owned(), |number| number.to_string());
        let comment = text("comment");
        let mut sentences =
            sentences(revision.get("differences")).into_iter().map(|sentence| shown(&sentence));
        let first = match comment.is_empty() {
            true => sentences.next().unwrap_or_default(),
            false => look.paint.bold(&comment),
        };
        let waits = revision.get("confirmBy").is_some_and(|by| !by.is_null());
        let first = match waits {
            true => format!("{} {first}", look.paint.yellow("(to be confirmed)")),
            false => first,
        };
        table.row(vec![number, look.when(revision.get("at")), text("author"), first]);
        for sentence in sentences {
            table.row(vec![String::new(), String::new(), String::new(), sentence]);
        }
    }
    look.table(&table)
}

fn number(revision: &Value) -> Option<u64> {
    let value = revision.get("number").or_else(|| revision.get("id"))?;
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// Says what differs.
pub(crate) async fn diff(desk: &Desk<'_>, args: &DiffArgs) -> Result<(), Failure> {
    let current = match args.to {
        Some(to) => to,
        None => latest(desk, 1).await?.first().and_then(number).unwrap_or_default(),
    };
    let from = args.from.unwrap_or(current.saturating_sub(1));
    let answer = desk.client.ask("Revision", "diff", json!({ "from": from, "to": current })).await?;
    let differences = sentences(answer.get("differences"));
    let as_json = json!({ "from": from, "to": current, "differences": differences });
    desk.show(&as_json, |look| {
        let mut out = look.paint.bold(&format!("revision {from} → {current}\n"));
        for difference in &differences {
            let _ = writeln!(out, "  {}", shown(difference));
        }
        if differences.is_empty() {
            out.push_str("  nothing differs\n");
        }
        out
    });
    Ok(())
}

/// Goes back.
pub(crate) async fn rollback(desk: &Desk<'_>, args: &RollbackArgs) -> Result<(), Failure> {
    let own = json!({ "number": args.number });
    let answer = desk.client.ask("Revision", "restore", arguments(&args.change, own)).await?;
    if let Some(failure) = client::refusals(&answer, &|_| format!("revision {}", args.number)) {
        return Err(failure);
    }
    let outcome = Outcome::of(desk, &args.change, &answer).await?;
    desk.show(&outcome.json(), |look| outcome.text(look));
    Ok(())
}

/// Keeps a change.
pub(crate) async fn confirm(desk: &Desk<'_>, args: &ConfirmArgs) -> Result<(), Failure> {
    let number = match args.number {
        Some(number) => number,
        None => waiting(desk).await?,
    };
    let answer = desk.client.ask("Revision", "confirm", json!({ "number": number })).await?;
    desk.show(&json!({ "revision": number, "answer": answer }), |look| {
        look.paint.green(&format!("revision {number} stays in force\n"))
    });
    Ok(())
}

async fn waiting(desk: &Desk<'_>) -> Result<u64, Failure> {
    let revisions = latest(desk, HISTORY).await?;
    let waits = |revision: &&Value| revision.get("confirmBy").is_some_and(|by| !by.is_null());
    let found = revisions.iter().find(waits).and_then(number);
    found.ok_or_else(|| Failure::failed("no change waits to be confirmed").hint("see `waypost history`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_says_who_changed_what_when_and_why() {
        let revisions = [
            json!({"number": 8, "at": "2026-11-24T14:00:00Z", "author": "ann", "comment": "port 587 is blocked",
                "differences": ["MtaRoute smarthost: port: 587 → 465"], "confirmBy": "2026-11-24T14:10:00Z"}),
            json!({"id": "7", "at": "2026-11-24T12:00:00Z", "author": "local root", "comment": null,
                "differences": ["MtaRoute x: made", "MtaOutboundStrategy: route: branch 3 moved above 2"]}),
        ];
        assert_eq!(
            history_text(&Look::plain(None), &revisions),
            "REVISION  WHEN       WHO         WHAT\n\
             8         5 min ago  ann         (to be confirmed) port 587 is blocked\n\
             \x20                                MtaRoute smarthost: port: 587 → 465\n\
             7         2 h ago    local root  MtaRoute x: made\n\
             \x20                                MtaOutboundStrategy: route: branch 3 moved above 2\n"
        );
    }
}
