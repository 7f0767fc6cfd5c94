//! `waypost queue show`: one message, its recipients, why it waits.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};

use serde_json::{Value, json};

use crate::desk::{Desk, Look, print};
use crate::failure::Failure;
use crate::objects;
use crate::paint::{shown, shown_lines};
use crate::render;

/// Which message.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The message's id, as `waypost queue list` shows it.
    #[arg(value_name = "MESSAGE")]
    id: String,
    /// Print the message itself.
    #[arg(long)]
    content: bool,
}

/// Shows it.
pub(super) async fn run(desk: &Desk<'_>, args: &Args) -> Result<(), Failure> {
    let answer = desk.client.ask("QueuedMessage", "get", json!({ "ids": [args.id] })).await?;
    let message = objects::list(&answer)?.first().cloned().ok_or_else(|| {
        Failure::failed(format!("no message {} waits", args.id))
            .hint(format!("what became of it: waypost trace {}", args.id))
    })?;
    if args.content {
        return content(desk, &answer, &message).await;
    }
    desk.show(&message, |look| text(look, &message));
    Ok(())
}

/// The message as it is; on a terminal without what could steer it.
async fn content(desk: &Desk<'_>, answer: &Value, message: &Value) -> Result<(), Failure> {
    let blob = message.get("blobId").and_then(Value::as_str).ok_or_else(|| Failure::strange("no blobId"))?;
    let account = answer.get("accountId").and_then(Value::as_str).unwrap_or("admin");
    let bytes = desk.client.bytes(&format!("/jmap/download/{account}/{blob}/message.eml")).await?;
    if std::io::stdout().is_terminal() {
        print(&(shown_lines(&String::from_utf8_lossy(&bytes)) + "\n"));
        return Ok(());
    }
    let written = std::io::stdout().write_all(&bytes);
    written.map_err(|error| Failure::failed(format!("cannot print the message: {error}")))
}

fn text(look: &Look, message: &Value) -> String {
    let paint = look.paint;
    let text = |name: &str| message.get(name).and_then(Value::as_str).map(shown).unwrap_or_default();
    let size = message.get("size").and_then(Value::as_u64).unwrap_or_default();
    let mut out = format!("{} {}\n", paint.bold("Message"), text("id"));
    let path = text("returnPath");
    let path = path.trim_start_matches('<').trim_end_matches('>');
    let _ = writeln!(
        out,
        "  from      <{path}>, {}, accepted {} from {}",
        render::size(size),
        look.when(message.get("createdAt")),
        text("receivedFromIp")
    );
    let flags = message.get("flags").and_then(Value::as_object);
    let flags: Vec<String> =
        flags.into_iter().flat_map(|flags| flags.keys()).map(|flag| shown(flag)).collect();
    if !flags.is_empty() {
        let _ = writeln!(out, "  flags     {}", flags.join(", "));
    }
    let recipients = message.get("recipients").and_then(Value::as_object);
    for (address, recipient) in recipients.into_iter().flatten() {
        recipient_text(look, &mut out, address, recipient);
    }
    out
}

fn recipient_text(look: &Look, out: &mut String, address: &str, recipient: &Value) {
    let text = |name: &str| recipient.get(name).and_then(Value::as_str).map(shown);
    let status = recipient.get("status").cloned().unwrap_or_default();
    let held = recipient.get("held").filter(|held| held.is_object());
    let state = status.get("@type").and_then(Value::as_str).unwrap_or("?");
    let state = match (state, held) {
        ("PermanentFailure", _) => look.paint.red("failed"),
        ("Completed", _) => look.paint.green("delivered"),
        (_, Some(_)) => look.paint.yellow("held"),
        ("TemporaryFailure", None) => look.paint.yellow("waits"),
        _ => "waits".to_owned(),
    };
    let _ = writeln!(out, "\n{} {state}", look.paint.bold(&shown(address)));
    let mut line = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            let _ = writeln!(out, "  {name:<9} {value}");
        }
    };
    line("why", text("why"));
    line(
        "held",
        held.map(|held| {
            let of = |name: &str| held.get(name).and_then(Value::as_str).map(shown).unwrap_or_default();
            format!("{} by {}: {}", look.when(held.get("at")), of("by"), of("reason"))
        }),
    );
    let tries = recipient.get("retryCount").and_then(Value::as_u64).unwrap_or_default();
    line(
        "tries",
        Some(format!(
            "{tries}, next {}, virtual queue {}",
            look.when(recipient.get("retryDue")),
            text("queueName").unwrap_or_default()
        )),
    );
    line(
        "route",
        text("route").map(|route| match text("override") {
            Some(by) => format!("{by} (chosen by hand; the settings say {route})"),
            None => route,
        }),
    );
    line("because", text("reason"));
    line("next hop", text("nextHop"));
    let of = |name: &str| status.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(shown);
    line("last", of("errorMessage").or_else(|| of("responseMessage")));
    line("host", of("responseHostname"));
    if recipient.get("inDoubt").is_some_and(|doubt| *doubt == json!(true)) {
        line(
            "in doubt",
            Some("the last attempt may have delivered it; another may be a second copy".to_owned()),
        );
    }
    line(
        "gives up",
        recipient.get("expires").and_then(|expires| match expires.get("expiresAttempts") {
            Some(attempts) => Some(format!("after {attempts} attempts")),
            None => expires.get("expiresAt").map(|at| look.when(Some(at))),
        }),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_why_it_waits() {
        let message = json!({"id": "b", "returnPath": "", "createdAt": "2026-11-24T14:00:00Z", "size": 900,
            "receivedFromIp": "192.0.2.1", "flags": {"dsn": true}, "recipients": {"c@c.example": {
                "retryCount": 2, "retryDue": "2026-11-24T14:25:00Z", "queueName": "remote", "route": "smarthost",
                "reason": "else", "why": "relay smarthost is down\x1b]0;x\x07", "inDoubt": true,
                "status": {"@type": "TemporaryFailure", "errorMessage": "timeout", "responseHostname": "mx.c.example"},
                "expires": {"@type": "Ttl", "expiresAt": "2026-11-27T14:05:00Z"}}}});
        assert_eq!(
            text(&Look::plain(None), &message),
            "Message b\n  from      <>, 900 B, accepted 5 min ago from 192.0.2.1\n  flags     dsn\n\n\
             c@c.example waits\n  why       relay smarthost is down\u{fffd}]0;x\u{fffd}\n  \
             tries     2, next in 20 min, virtual queue remote\n  route     smarthost\n  because   else\n  \
             last      timeout\n  host      mx.c.example\n  \
             in doubt  the last attempt may have delivered it; another may be a second copy\n  gives up  in 3 d\n"
        );
    }
}
