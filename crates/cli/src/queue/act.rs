//! What is done to recipients in the queue: a preview, a question, a job.

use serde_json::{Map, Value, json};

use super::{job, select};
use crate::desk::{Desk, Look};
use crate::failure::Failure;
use crate::paint::{Table, shown};
use crate::render::counted;
use crate::time;

/// Whether somebody is asked.
#[derive(clap::Args, Clone, Copy, Debug)]
struct Sure {
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
    /// Only say what would be hit.
    #[arg(long)]
    dry_run: bool,
    /// Do not wait until it is done.
    #[arg(long)]
    no_wait: bool,
}

/// What is tried again.
#[derive(clap::Args, Debug)]
pub(super) struct RetryArgs {
    #[command(flatten)]
    which: select::Args,
    #[command(flatten)]
    sure: Sure,
}

/// What is tried again later.
#[derive(clap::Args, Debug)]
pub(super) struct RescheduleArgs {
    #[command(flatten)]
    which: select::Args,
    /// When: `2026-11-24T14:30:00Z`, or `10m` for in ten minutes.
    #[arg(long, value_name = "TIME")]
    at: String,
    #[command(flatten)]
    sure: Sure,
}

/// What is held.
#[derive(clap::Args, Debug)]
pub(super) struct HoldArgs {
    #[command(flatten)]
    which: select::Args,
    /// Why; shown with the messages.
    #[arg(long, short = 'm', value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    sure: Sure,
}

/// What is released.
#[derive(clap::Args, Debug)]
pub(super) struct ReleaseArgs {
    #[command(flatten)]
    which: select::Args,
    #[command(flatten)]
    sure: Sure,
}

/// What goes another way.
#[derive(clap::Args, Debug)]
pub(super) struct RerouteArgs {
    #[command(flatten)]
    which: select::Args,
    /// The name of the route; `settings` goes back to what the settings say.
    #[arg(long, value_name = "ROUTE")]
    to: String,
    #[command(flatten)]
    sure: Sure,
}

/// What is given up.
#[derive(clap::Args, Debug)]
pub(super) struct CancelArgs {
    #[command(flatten)]
    which: select::Args,
    /// Do not tell the sender.
    #[arg(long)]
    silent: bool,
    /// Why; the sender reads it.
    #[arg(long, short = 'm', value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    sure: Sure,
}

pub(super) async fn retry(desk: &Desk<'_>, args: &RetryArgs) -> Result<(), Failure> {
    act(desk, &args.which, args.sure, "retry", args.which.members(None)?, "try again now").await
}

pub(super) async fn reschedule(desk: &Desk<'_>, args: &RescheduleArgs) -> Result<(), Failure> {
    let at = time::point(&args.at, desk.look.now).map_err(Failure::usage)?;
    let mut members = args.which.members(None)?;
    members.insert("at".to_owned(), at.rfc3339().into());
    let what = format!("try again {} ({})", at.from(desk.look.now), at.rfc3339());
    act(desk, &args.which, args.sure, "reschedule", members, &what).await
}

pub(super) async fn hold(desk: &Desk<'_>, args: &HoldArgs) -> Result<(), Failure> {
    let mut members = args.which.members(Some(false))?;
    members.extend(args.reason.as_ref().map(|reason| ("reason".to_owned(), reason.as_str().into())));
    act(desk, &args.which, args.sure, "hold", members, "hold").await
}

pub(super) async fn release(desk: &Desk<'_>, args: &ReleaseArgs) -> Result<(), Failure> {
    act(desk, &args.which, args.sure, "release", args.which.members(Some(true))?, "release").await
}

pub(super) async fn reroute(desk: &Desk<'_>, args: &RerouteArgs) -> Result<(), Failure> {
    let mut members = args.which.members(None)?;
    let to = if args.to == "settings" { Value::Null } else { args.to.as_str().into() };
    members.insert("route".to_owned(), to);
    let what = format!("send by the route {}", shown(&args.to));
    act(desk, &args.which, args.sure, "reroute", members, &what).await
}

pub(super) async fn cancel(desk: &Desk<'_>, args: &CancelArgs) -> Result<(), Failure> {
    let mut members = args.which.members(None)?;
    members.insert("notify".to_owned(), (!args.silent).into());
    members.extend(args.reason.as_ref().map(|reason| ("reason".to_owned(), reason.as_str().into())));
    let what =
        if args.silent { "give up without a word to the sender" } else { "give up and tell the sender" };
    act(desk, &args.which, args.sure, "cancel", members, what).await
}

/// What a job would hit.
struct Preview {
    messages: u64,
    recipients: u64,
    sample: Vec<Value>,
    answer: Value,
}

async fn act(
    desk: &Desk<'_>,
    which: &select::Args,
    sure: Sure,
    action: &str,
    mut members: Map<String, Value>,
    what: &str,
) -> Result<(), Failure> {
    members.insert("action".to_owned(), action.into());
    let asks = !sure.yes && !sure.dry_run && !which.is_by_name();
    if asks && !desk.has_person() {
        return Err(Failure::usage("nobody is here to be asked whether this is right")
            .hint("look at what would be hit with --dry-run, then say --yes"));
    }
    if asks || sure.dry_run {
        let preview = preview(desk, &members).await?;
        if sure.dry_run {
            desk.show(&preview.answer, |look| preview_text(look, &preview) + &sum(&preview, what) + "\n");
            return Ok(());
        }
        eprint!("{}", preview_text(&desk.look, &preview));
        if preview.messages == 0 && preview.recipients == 0 {
            return Ok(());
        }
        let question = format!("{}?", sum(&preview, what));
        if !desk.agreed(&question) {
            return Err(Failure::failed("nothing was done"));
        }
    }
    let id = job::start(desk, members).await?;
    if sure.no_wait {
        desk.show(&json!({ "job": id }), |_| format!("job {} runs; see `waypost queue jobs`\n", shown(&id)));
        return Ok(());
    }
    job::follow(desk, &id).await
}

async fn preview(desk: &Desk<'_>, members: &Map<String, Value>) -> Result<Preview, Failure> {
    let mut members = members.clone();
    members.insert("dryRun".to_owned(), true.into());
    let answer = job::create(desk, members).await?;
    let number = |name: &str| answer.get(name).and_then(Value::as_u64);
    let messages = number("count").or_else(|| number("messages")).unwrap_or_default();
    Ok(Preview {
        messages,
        recipients: number("recipients").unwrap_or(messages),
        sample: answer.get("sample").and_then(Value::as_array).cloned().unwrap_or_default(),
        answer,
    })
}

fn preview_text(look: &Look, preview: &Preview) -> String {
    if preview.messages == 0 && preview.recipients == 0 {
        return "nothing in the queue is meant\n".to_owned();
    }
    let mut table = Table::new(&["MESSAGE", "FROM", "TO", "WHY IT WAITS"]);
    for one in &preview.sample {
        let text = |names: &[&str]| {
            names.iter().find_map(|name| one.get(*name)?.as_str()).map(shown).unwrap_or_default()
        };
        let to = match one.get("recipients") {
            Some(Value::Array(list)) => {
                list.iter().filter_map(Value::as_str).map(shown).collect::<Vec<_>>().join(", ")
            }
            Some(Value::Object(map)) => {
                map.keys().map(|address| shown(address)).collect::<Vec<_>>().join(", ")
            }
            _ => text(&["recipient", "address", "to"]),
        };
        table.row(vec![
            text(&["id", "message"]),
            text(&["returnPath", "reversePath", "from"]),
            to,
            text(&["why", "lastError", "cause"]),
        ]);
    }
    let mut out = if table.is_empty() { String::new() } else { look.table(&table) };
    let shown_messages = preview.sample.len() as u64;
    if preview.messages > shown_messages && shown_messages > 0 {
        out.push_str(
            &look.paint.dim(&format!("… and more: {} in all", counted(preview.messages, "message"))),
        );
        out.push('\n');
    }
    out
}

/// How many, and what is to become of them.
fn sum(preview: &Preview, what: &str) -> String {
    let recipients = counted(preview.recipients, "recipient");
    format!("{recipients} of {}: {what}", counted(preview.messages, "message"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_says_how_many_and_shows_some() {
        let preview = Preview {
            messages: 1204,
            recipients: 1300,
            sample: vec![
                json!({"id": "b", "returnPath": "a@b\x1b[2J", "recipients": {"c@d": {}}, "why": "relay down"}),
            ],
            answer: Value::Null,
        };
        assert_eq!(
            preview_text(&Look::plain(None), &preview) + &sum(&preview, "hold"),
            "MESSAGE  FROM     TO   WHY IT WAITS\nb        a@b\u{fffd}[2J  c@d  relay down\n\
             … and more: 1,204 messages in all\n1,300 recipients of 1,204 messages: hold"
        );
    }
}
