//! `waypost queue causes`: why does mail wait? A sentence for each cause.

use serde_json::{Value, json};

use crate::desk::{Desk, Look};
use crate::failure::Failure;
use crate::objects;
use crate::paint::{Table, shown};
use crate::render::number;

/// Causes listed unless said.
const CAUSES: usize = 50;

/// How many.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// At most so many, the largest first.
    #[arg(long, short = 'n', value_name = "N", default_value_t = CAUSES)]
    limit: usize,
}

/// Lists them.
pub(super) async fn run(desk: &Desk<'_>, args: &Args) -> Result<(), Failure> {
    let causes = causes(desk, args.limit).await?;
    desk.show(&json!(causes), |look| text(look, &causes));
    Ok(())
}

/// The causes, those that most wait for first.
pub(crate) async fn causes(desk: &Desk<'_>, most: usize) -> Result<Vec<Value>, Failure> {
    let mut causes = objects::pages(desk, "QueueCause", json!({}), Value::Null, most).await?;
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.get("recipients").and_then(Value::as_u64)));
    Ok(causes)
}

fn text(look: &Look, causes: &[Value]) -> String {
    if causes.is_empty() {
        return "nothing waits\n".to_owned();
    }
    let mut table = Table::new(&["CAUSE", "RECIPIENTS", "SINCE", "NEXT TRIAL", "WHY"]);
    for cause in causes {
        let text = |name: &str| cause.get(name).and_then(Value::as_str).map(shown).unwrap_or_default();
        let recipients = cause.get("recipients").and_then(Value::as_u64).unwrap_or_default();
        table.row(vec![
            text("id"),
            format!("{:>10}", number(recipients)),
            look.when(cause.get("since")),
            look.when(cause.get("nextTrial")),
            text("sentence"),
        ]);
    }
    look.table(&table) + "\nWhat waits for one: waypost queue list --cause CAUSE\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_sentences_with_numbers() {
        let cause = json!({"id": "k3", "sentence": "relay smarthost is down since 14:05", "recipients": 1204,
            "since": "2026-11-24T14:00:00Z", "nextTrial": "2026-11-24T14:06:00Z"});
        let told = text(&Look::plain(None), &[cause]);
        assert!(told.contains("k3     "), "{told}");
        assert!(told.contains("1,204  5 min ago  in 60 s     relay smarthost is down since 14:05"), "{told}");
    }
}
