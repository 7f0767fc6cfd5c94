//! `waypost next-hops`: which next hops and hosts are down, since when, why, and when are they tried again?

use std::process::ExitCode;

use mail::{Clock, Timestamp};
use mta::health::{DOWN_SPACE, Row};
use serde::Serialize;

use super::mailbox::Place;
use crate::clock::SystemClock;
use cli::paint::{Paint, Table, shown};

/// Rows read from the store at a time.
const PAGE: usize = 1000;

/// Reads what the server has written down, also while it runs.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    /// Print JSON, one object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    what: &'a str,
    down_since: String,
    next_trial: String,
    why: &'a str,
}

/// Lists.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let now = SystemClock.now();
    let rows = rows(&args.place, now)?;
    if args.json {
        for row in &rows {
            let line = Line {
                what: &row.what,
                down_since: row.since.rfc3339(),
                next_trial: row.trial.rfc3339(),
                why: &row.why,
            };
            super::print(&(serde_json::to_string(&line)? + "\n"));
        }
    } else {
        super::print(&text(&rows, now));
    }
    Ok(ExitCode::SUCCESS)
}

fn rows(place: &Place, now: Timestamp) -> anyhow::Result<Vec<Row>> {
    let store = place.open()?;
    let mut rows = Vec::new();
    let mut after = None;
    loop {
        let page = store.scan(DOWN_SPACE, after.as_deref(), PAGE, now)?;
        let Some((last, _)) = page.last() else { return Ok(rows) };
        after = Some(last.clone());
        rows.extend(page.iter().filter_map(|(key, value)| Row::from_bytes(key, value)));
    }
}

fn text(rows: &[Row], now: Timestamp) -> String {
    if rows.is_empty() {
        return "nothing is down\n".to_owned();
    }
    let mut table = Table::new(&["DOWN", "SINCE", "NEXT TRIAL", "WHY"]);
    for row in rows {
        table.row(vec![
            shown(&row.what),
            format!("{} ago", time(now.since(row.since).as_secs())),
            match row.trial.since(now).as_secs() {
                0 => "with the next message".to_owned(),
                seconds => format!("in {}", time(seconds)),
            },
            shown(&row.why),
        ]);
    }
    table.print(Paint::for_stdout())
}

fn time(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_since_when_and_until_when() {
        let at = |seconds: u64| Timestamp::from_millis(seconds * 1000);
        let row = |trial| Row {
            what: "relay via primary".to_owned(),
            since: at(100),
            trial: at(trial),
            why: "connection refused".to_owned(),
        };
        let told = text(&[row(430), row(390)], at(400));
        assert!(told.contains("5 min ago") && told.contains("in 30 s"), "{told}");
        assert!(told.contains("with the next message") && told.contains("connection refused"), "{told}");
        assert_eq!(text(&[], at(0)), "nothing is down\n");
    }
}
