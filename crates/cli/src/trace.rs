//! `waypost trace`: what has become of a message? A line an event, for each recipient.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::desk::{Desk, Look};
use crate::failure::Failure;
use crate::paint::{Table, shown};
use crate::time::span;
use crate::{objects, render, time};

/// Messages found unless said.
const MESSAGES: usize = 20;

/// Which message.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A message's id, or a part of its sender's or a recipient's address.
    #[arg(value_name = "MESSAGE")]
    what: Option<String>,
    /// Only messages from this sender.
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
    /// Only messages to this recipient.
    #[arg(long, value_name = "ADDRESS")]
    to: Option<String>,
    /// Only messages with this outcome: `delivered`, `deferred`, `failed`.
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<String>,
    /// Only messages by this route.
    #[arg(long, value_name = "ROUTE")]
    route: Option<String>,
    /// Only messages accepted since then: `2026-11-24T14:00:00Z`, or `2h` for the last two hours.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// At most so many messages.
    #[arg(long, short = 'n', value_name = "N", default_value_t = MESSAGES)]
    limit: usize,
    /// Show what was said at each attempt.
    #[arg(long)]
    dialogue: bool,
}

impl Args {
    fn filter(&self, look: &Look) -> Result<Map<String, Value>, Failure> {
        let mut filter = Map::new();
        let texts = [
            ("text", &self.what),
            ("from", &self.from),
            ("to", &self.to),
            ("outcome", &self.outcome),
            ("route", &self.route),
        ];
        for (name, value) in texts {
            filter.extend(value.as_ref().map(|value| (name.to_owned(), Value::from(value.as_str()))));
        }
        if let Some(since) = &self.since {
            let at = time::past(since, look.now).map_err(Failure::usage)?;
            filter.insert("since".to_owned(), at.rfc3339().into());
        }
        Ok(filter)
    }
}

/// Finds it and tells.
pub(crate) async fn run(desk: &Desk<'_>, args: &Args) -> Result<(), Failure> {
    let mut found = Vec::new();
    if let Some(id) = args.what.as_deref().filter(|what| !what.contains('@')) {
        let answer = desk.client.ask("MessageHistory", "get", json!({ "ids": [id] })).await?;
        found.clone_from(objects::list(&answer)?);
    }
    if found.is_empty() {
        let filter = Value::Object(args.filter(&desk.look)?);
        found = objects::pages(desk, "MessageHistory", filter, Value::Null, args.limit).await?;
    }
    if found.is_empty() && !desk.json {
        return Err(Failure::failed("no such message is remembered")
            .hint("how long the history lasts: waypost get HistorySettings"));
    }
    desk.show(&json!(found), |look| match found.as_slice() {
        [one] => text(look, one, args.dialogue),
        several => list(look, several),
    });
    Ok(())
}

fn list(look: &Look, messages: &[Value]) -> String {
    let mut table = Table::new(&["MESSAGE", "ACCEPTED", "FROM", "TO", "STATE"]);
    for message in messages {
        let of = |value: &Value, name: &str| {
            value.get(name).and_then(Value::as_str).map(shown).unwrap_or_default()
        };
        let recipients = message.get("recipients").and_then(Value::as_array);
        for (i, recipient) in recipients.into_iter().flatten().enumerate() {
            let first = |text: String| if i == 0 { text } else { String::new() };
            table.row(vec![
                first(of(message, "id")),
                first(look.when(message.get("acceptedAt"))),
                first(format!("<{}>", of(message, "reversePath"))),
                of(recipient, "address"),
                painted(look, &of(recipient, "state")),
            ]);
        }
    }
    look.table(&table) + "\nMore of one: waypost trace MESSAGE\n"
}

fn painted(look: &Look, state: &str) -> String {
    match state {
        "delivered" => look.paint.green(state),
        "failed" | "bounced" => look.paint.red(state),
        "deferred" | "queued" | "held" | "pending" => look.paint.yellow(state),
        other => other.to_owned(),
    }
}

fn text(look: &Look, message: &Value, dialogue: bool) -> String {
    let of = |name: &str| message.get(name).and_then(Value::as_str).map(shown).unwrap_or_default();
    let size = message.get("size").and_then(Value::as_u64).unwrap_or_default();
    let mut out = format!("{} {}\n", look.paint.bold("Message"), of("id"));
    let _ = writeln!(
        out,
        "  from <{}>, {}, accepted {} ({})",
        of("reversePath"),
        render::size(size),
        of("acceptedAt"),
        look.when(message.get("acceptedAt"))
    );
    let recipients = message.get("recipients").and_then(Value::as_array);
    for recipient in recipients.into_iter().flatten() {
        let of = |name: &str| recipient.get(name).and_then(Value::as_str).map(shown).unwrap_or_default();
        let _ = writeln!(out, "\n{} {}", look.paint.bold(&of("address")), painted(look, &of("state")));
        for (happened, is_attempt) in timeline(recipient) {
            match is_attempt {
                true => attempt_text(look, &mut out, happened, dialogue),
                false => event_text(&mut out, happened),
            }
        }
    }
    out
}

/// Attempts and what else has happened, in order of time.
fn timeline(recipient: &Value) -> Vec<(&Value, bool)> {
    let of = |name: &str| recipient.get(name).and_then(Value::as_array).into_iter().flatten();
    let attempts = of("attempts").map(|attempt| (attempt, true));
    let mut all: Vec<(&Value, bool)> = attempts.chain(of("events").map(|event| (event, false))).collect();
    let at = |happened: &Value| happened.get("at").and_then(Value::as_str).and_then(time::Instant::parse);
    all.sort_by_key(|(happened, _)| at(happened));
    all
}

fn clock(at: Option<String>) -> String {
    let at = at.unwrap_or_default();
    time::Instant::parse(&at).map_or(at, time::Instant::clock)
}

fn event_text(out: &mut String, event: &Value) {
    let of = |name: &str| event.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(shown);
    let by = of("by").map(|by| format!(" by {by}")).unwrap_or_default();
    let why = of("reason").map(|reason| format!(": {reason}")).unwrap_or_default();
    let _ = writeln!(out, "  {}  {}{by}{why}", clock(of("at")), of("event").unwrap_or_default());
}

fn attempt_text(look: &Look, out: &mut String, attempt: &Value, dialogue: bool) {
    let of =
        |name: &str| attempt.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(shown);
    let clock = clock(of("at"));
    let took =
        attempt.get("durationMs").and_then(Value::as_i64).map(|millis| format!(", took {}", span(millis)));
    let place = match (of("host"), of("address")) {
        (Some(host), Some(address)) => format!(" at {host} [{address}]"),
        (Some(place), None) | (None, Some(place)) => format!(" at {place}"),
        (None, None) => of("nextHop").map(|hop| format!(" via {hop}")).unwrap_or_default(),
    };
    let route = of("route").map(|route| format!(" by the route {route}")).unwrap_or_default();
    let outcome = painted(look, &of("outcome").unwrap_or_default());
    let _ = writeln!(out, "  {clock}  {outcome}{place}{route}{}", took.unwrap_or_default());
    if let Some(reply) = of("reply") {
        let _ = writeln!(out, "            {reply}");
    }
    if let Some(reason) = of("reason") {
        let _ = writeln!(out, "            {}", look.paint.dim(&format!("because {reason}")));
    }
    if let Some(tls) = of("tls") {
        let _ = writeln!(out, "            {}", look.paint.dim(&tls));
    }
    if let Some(next) = attempt.get("nextAttempt").filter(|next| !next.is_null()) {
        let _ = writeln!(out, "            next attempt {}", look.when(Some(next)));
    }
    let lines = attempt.get("dialogue").and_then(Value::as_array);
    for line in lines.into_iter().flatten().filter(|_| dialogue) {
        let of = |name: &str| line.get(name).and_then(Value::as_str).map(shown).unwrap_or_default();
        let mark = match of("side").as_str() {
            "client" => ">",
            "server" => "<",
            _ => "·",
        };
        let _ = writeln!(out, "            {mark} {}", of("line"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_is_a_line_an_attempt() {
        let message = json!({"id": "b", "acceptedAt": "2026-11-24T14:00:00Z", "reversePath": "a@a.example", "size": 900,
            "recipients": [{"address": "c@c.example\x1b[2J", "state": "deferred", "attempts": [
                {"at": "2026-11-24T14:00:01Z", "outcome": "deferred", "route": "mx", "host": "mx.c.example",
                 "address": "192.0.2.1", "durationMs": 1200, "reply": "450 later", "nextAttempt": "2026-11-24T14:07:00Z",
                 "dialogue": [{"side": "client", "line": "RCPT TO:<c@c.example>"}, {"side": "server", "line": "450 later"}]}],
                "events": [{"event": "held", "at": "2026-11-24T14:01:00Z", "by": "ann", "reason": "wait"}]}]});
        assert_eq!(
            text(&Look::plain(None), &message, true),
            "Message b\n  from <a@a.example>, 900 B, accepted 2026-11-24T14:00:00Z (5 min ago)\n\n\
             c@c.example\u{fffd}[2J deferred\n  14:00:01  deferred at mx.c.example [192.0.2.1] by the route mx, took 1 s\n            \
             450 later\n            next attempt in 2 min\n            > RCPT TO:<c@c.example>\n            < 450 later\n  14:01:00  held by ann: wait\n"
        );
        let _ = text(&Look::plain(None), &json!({"recipients": [{"attempts": [null, 5]}]}), true);
    }
}
