//! `waypost delete`: takes objects away.

use serde_json::json;

use super::change::{Outcome, arguments};
use crate::args::Change;
use crate::client::refusals;
use crate::desk::Desk;
use crate::failure::Failure;
use crate::objects;
use crate::paint::shown;

/// Which objects.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The type, such as `MtaRoute` or just `route`.
    #[arg(value_name = "TYPE")]
    kind: String,
    /// Names or ids.
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    #[command(flatten)]
    change: Change,
}

/// Takes them away, all or none.
pub(crate) async fn run(desk: &Desk<'_>, args: &Args) -> Result<(), Failure> {
    let kind = desk.schema().await?.find(&args.kind)?;
    let mut ids = Vec::new();
    let mut names = Vec::new();
    for name in &args.names {
        let found = objects::find(desk, &kind, name).await?;
        ids.push(objects::id(&found)?.to_owned());
        names.push(kind.name_of(&found));
    }
    let answer =
        desk.client.ask(&kind.name, "set", arguments(&args.change, json!({ "destroy": ids }))).await?;
    let named = |id: &str| {
        let at = ids.iter().position(|own| own == id);
        format!("{} {}", kind.name, at.and_then(|at| names.get(at)).map_or(id, String::as_str))
    };
    if let Some(failure) = refusals(&answer, &named) {
        return Err(failure);
    }
    let outcome = Outcome::of(desk, &args.change, &answer).await?;
    let mut as_json = outcome.json();
    as_json["object"] = kind.name.as_str().into();
    as_json["destroyed"] = json!(ids);
    desk.show(&as_json, |look| {
        let done = if args.change.dry_run { "" } else { " deleted" };
        let names = shown(&names.join(", "));
        format!("{} {}{done}\n{}", kind.name, look.paint.bold(&names), outcome.text(look))
    });
    Ok(())
}
