//! `waypost queue list`: which recipients have not ended yet, and why not?

use serde_json::{Map, Value, json};

use crate::args::Server;
use crate::desk::{Desk, Look, warn};
use crate::failure::{Failure, Kind};
use crate::objects;
use crate::paint::{Table, shown};

/// Messages listed on a terminal unless said.
const MESSAGES: usize = 1000;

/// Which of them.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Only those whose sender or recipient contains this.
    #[arg(value_name = "TEXT")]
    text: Option<String>,
    /// Only those for which this expression holds, in the language of routing:
    /// `rcpt_domain == 'example.org' && retry_num > 3`.
    #[arg(long = "where", value_name = "EXPRESSION")]
    condition: Option<String>,
    /// Only those that wait for this cause, as `waypost queue causes` shows it.
    #[arg(long, value_name = "CAUSE")]
    cause: Option<String>,
    /// Only those that are held.
    #[arg(long)]
    held: bool,
    /// At most so many messages; 1000 on a terminal unless said, else all.
    #[arg(long, short = 'n', value_name = "N")]
    limit: Option<usize>,
}

impl Args {
    fn filter(&self) -> Map<String, Value> {
        let mut filter = Map::new();
        for (name, value) in [("text", &self.text), ("expression", &self.condition), ("cause", &self.cause)] {
            filter.extend(value.as_ref().map(|value| (name.to_owned(), Value::from(value.as_str()))));
        }
        if self.held {
            filter.insert("held".to_owned(), true.into());
        }
        filter
    }
}

/// Lists them: by the server, or what is written down if none runs.
pub(super) async fn run(desk: &Desk<'_>, server: &Server, args: &Args) -> Result<(), Failure> {
    let most =
        args.limit.unwrap_or(if desk.json || desk.look.columns.is_none() { usize::MAX } else { MESSAGES });
    let filter = args.filter();
    let asked = objects::pages(desk, "QueuedMessage", Value::Object(filter.clone()), Value::Null, most).await;
    let (rows, cut) = match asked {
        Ok(messages) => {
            let cut = messages.len() == most;
            (messages.iter().flat_map(rows).collect(), cut)
        }
        Err(failure) if may_read(&failure, server) && filter.is_empty() => {
            (written_down(desk, server, failure)?, false)
        }
        Err(failure) if may_read(&failure, server) => {
            return Err(
                failure.hint("without a server only the whole queue can be listed: waypost queue list")
            );
        }
        Err(failure) => return Err(failure),
    };
    desk.show(&json!(rows), |look| text(look, &rows));
    if cut && !desk.json {
        warn(&format!("only the first {most} messages; --limit shows more"));
    }
    Ok(())
}

fn may_read(failure: &Failure, server: &Server) -> bool {
    let unknown =
        failure.answer.as_ref().is_some_and(|answer| answer.get("type") == Some(&json!("unknownMethod")));
    server.is_here() && (failure.kind == Kind::Unreachable || unknown)
}

fn written_down(desk: &Desk<'_>, server: &Server, failure: Failure) -> Result<Vec<Value>, Failure> {
    desk.house
        .queue(server.config.as_deref(), server.data.as_deref())
        .map_err(|why| Failure { details: vec![why], ..failure })
}

/// A row for each recipient of a message, of the same shape as what is written down.
fn rows(message: &Value) -> Vec<Value> {
    let recipients = message.get("recipients").and_then(Value::as_object);
    recipients.into_iter().flatten().map(|(address, recipient)| row(message, address, recipient)).collect()
}

fn row(message: &Value, address: &str, recipient: &Value) -> Value {
    let of = |name: &str| recipient.get(name).cloned().unwrap_or_default();
    let status = of("status");
    let expires = of("expires");
    let path = message.get("returnPath").and_then(Value::as_str).unwrap_or_default();
    json!({
        "message": message.get("id"),
        "reversePath": path.trim_start_matches('<').trim_end_matches('>'),
        "recipient": address,
        "acceptedAt": message.get("createdAt"),
        "size": message.get("size"),
        "state": state(&status, recipient),
        "attempts": recipient.get("retryCount"),
        "nextAttempt": recipient.get("retryDue"),
        "expires": expires.get("expiresAt").cloned().unwrap_or_else(|| match expires.get("expiresAttempts") {
            Some(attempts) => format!("after {attempts} attempts").into(),
            None => Value::Null,
        }),
        "virtualQueue": of("queueName"),
        "lastError": last_error(&status),
        "held": of("held"),
        "route": of("route"),
        "nextHop": of("nextHop"),
        "cause": of("cause"),
        "why": of("why"),
    })
}

fn state(status: &Value, recipient: &Value) -> &'static str {
    let is_held = recipient.get("held").is_some_and(|held| !held.is_null() && *held != json!(false));
    match status.get("@type").and_then(Value::as_str) {
        Some("Completed") => "delivered, sender to be told",
        Some("PermanentFailure") => "failed, sender to be told",
        _ if is_held => "held",
        _ => "pending",
    }
}

fn last_error(status: &Value) -> Value {
    let text = |name: &str| status.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let said = text("errorMessage").or_else(|| text("responseMessage"));
    match (said, status.get("@type").and_then(Value::as_str)) {
        (_, Some("Scheduled" | "Completed")) | (None, _) => Value::Null,
        (Some(said), _) => match text("responseHostname").filter(|host| !said.contains(host)) {
            Some(host) => format!("{host}: {said}").into(),
            None => said.into(),
        },
    }
}

fn text(look: &Look, rows: &[Value]) -> String {
    if rows.is_empty() {
        return "the queue is empty\n".to_owned();
    }
    let mut table = Table::new(&["MESSAGE", "FROM", "TO", "STATE", "TRIES", "NEXT", "WHY"]);
    for row in rows {
        let text = |name: &str| row.get(name).and_then(Value::as_str).map(shown);
        let state = text("state").unwrap_or_default();
        let is_held = state == "held";
        let why = text("why").or_else(|| text("lastError")).unwrap_or_default();
        table.row(vec![
            text("message").unwrap_or_default(),
            format!("<{}>", text("reversePath").unwrap_or_default()),
            text("recipient").unwrap_or_default(),
            if is_held { look.paint.yellow(&state) } else { state },
            row.get("attempts").and_then(Value::as_u64).unwrap_or_default().to_string(),
            if is_held { "-".to_owned() } else { next(look, row.get("nextAttempt")) },
            why,
        ]);
    }
    look.table(&table)
}

/// What is due already is tried now, not some time ago.
fn next(look: &Look, value: Option<&Value>) -> String {
    let told = look.when(value);
    if told.ends_with(" ago") { "now".to_owned() } else { told }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_a_row_for_each_recipient() {
        let message = json!({"id": "b", "returnPath": "<ann@a.example>", "createdAt": "2026-11-24T14:00:00Z", "size": 900,
            "recipients": {
                "c@c.example": {"retryCount": 2, "retryDue": "2026-11-24T14:25:00Z", "queueName": "remote",
                    "expires": {"@type": "Attempts", "expiresAttempts": 5}, "why": "relay smarthost is down",
                    "status": {"@type": "TemporaryFailure", "errorMessage": "timeout", "responseHostname": "mx.c.example"}},
                "d@d.example": {"retryCount": 0, "retryDue": "2026-11-24T14:00:00Z", "held": {"by": "ann"},
                    "status": {"@type": "Scheduled"}}}});
        let rows = rows(&message);
        assert_eq!(rows[0]["lastError"], "mx.c.example: timeout");
        assert_eq!((&rows[0]["state"], &rows[1]["state"]), (&json!("pending"), &json!("held")));
        assert_eq!(rows[0]["expires"], "after 5 attempts");
        assert_eq!(
            text(&Look::plain(None), &rows),
            "MESSAGE  FROM             TO           STATE    TRIES  NEXT       WHY\n\
             b        <ann@a.example>  c@c.example  pending  2      in 20 min  relay smarthost is down\n\
             b        <ann@a.example>  d@d.example  held     0      -\n"
        );
        assert_eq!(text(&Look::plain(None), &[]), "the queue is empty\n");
    }

    #[test]
    fn strange_messages_are_no_rows() {
        for strange in [json!(null), json!({"recipients": []}), json!({"recipients": {"a": null}})] {
            let _ = text(&Look::plain(Some(20)), &rows(&strange));
        }
    }
}
