//! `waypost queue pause` and `resume`.

use serde_json::{Value, json};

use crate::client::refusals;
use crate::desk::{Desk, Look};
use crate::failure::Failure;
use crate::objects;
use crate::paint::{Table, shown};

/// What of it.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Only this virtual queue.
    #[arg(long, value_name = "NAME", conflicts_with = "next_hop")]
    queue: Option<String>,
    /// Only this next hop, as `waypost next-hops` or `waypost queue causes` shows it.
    #[arg(long, value_name = "NAME")]
    next_hop: Option<String>,
    /// Change nothing; only list what is paused.
    #[arg(long, conflicts_with_all = ["queue", "next_hop"])]
    list: bool,
}

impl Args {
    fn action(&self, verb: &str) -> Value {
        match (&self.queue, &self.next_hop) {
            (Some(name), _) => json!({ "@type": format!("{verb}VirtualQueue"), "name": name }),
            (None, Some(next_hop)) => json!({ "@type": format!("{verb}NextHop"), "nextHop": next_hop }),
            (None, None) => json!({ "@type": format!("{verb}MtaQueue") }),
        }
    }
}

/// Stops sending.
pub(super) async fn pause(desk: &Desk<'_>, args: &Args) -> Result<(), Failure> {
    act(desk, args, "Pause").await
}

/// Goes on.
pub(super) async fn resume(desk: &Desk<'_>, args: &Args) -> Result<(), Failure> {
    act(desk, args, "Resume").await
}

async fn act(desk: &Desk<'_>, args: &Args, verb: &str) -> Result<(), Failure> {
    if !args.list {
        let create = json!({ "create": { "action": args.action(verb) } });
        let answer = desk.client.ask("Action", "set", create).await?;
        if let Some(failure) = refusals(&answer, &|_| "the queue".to_owned()) {
            return Err(failure);
        }
    }
    let answer = desk.client.ask("Pause", "get", json!({ "ids": null })).await?;
    let pauses = objects::list(&answer)?;
    desk.show(&json!(pauses), |look| text(look, pauses));
    Ok(())
}

fn text(look: &Look, pauses: &[Value]) -> String {
    if pauses.is_empty() {
        return look.paint.green("nothing is paused\n");
    }
    let mut table = Table::new(&["PAUSED", "SINCE", "BY"]);
    for pause in pauses {
        let text = |name: &str| pause.get(name).and_then(Value::as_str);
        table.row(vec![
            look.paint.yellow(&text("what").map(shown).unwrap_or_default()),
            look.when(pause.get("at").or_else(|| pause.get("since"))),
            text("by").map(shown).unwrap_or_default(),
        ]);
    }
    look.table(&table)
}
