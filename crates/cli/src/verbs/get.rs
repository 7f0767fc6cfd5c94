//! `waypost get`: what does an object look like?

use serde_json::{Value, json};

use crate::desk::Desk;
use crate::failure::Failure;
use crate::{objects, render};

/// Which object.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The type, such as `MtaRoute` or just `route`; `waypost describe` lists them.
    #[arg(value_name = "TYPE")]
    kind: String,
    /// Its name or its id; all objects of the type if it is left out.
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Only these properties, with commas between.
    #[arg(long, value_name = "PROPERTIES", value_delimiter = ',')]
    fields: Vec<String>,
}

/// Shows it.
pub(crate) async fn run(desk: &Desk<'_>, args: &Args) -> Result<(), Failure> {
    let kind = desk.schema().await?.find(&args.kind)?;
    let only = |mut object: Value| {
        if let Some(members) = object.as_object_mut().filter(|_| !args.fields.is_empty()) {
            members.retain(|name, _| name == "id" || name == "@type" || args.fields.contains(name));
        }
        object
    };
    if args.name.is_some() || kind.singleton {
        let object = objects::find(desk, &kind, args.name.as_deref().unwrap_or(objects::SINGLETON)).await?;
        let object = only(object);
        desk.show(&object, |look| render::object(look, &kind, &object));
        return Ok(());
    }
    let all: Vec<Value> = objects::all(desk, &kind, json!({})).await?.into_iter().map(only).collect();
    desk.show(&Value::Array(all.clone()), |look| {
        let texts: Vec<String> = all.iter().map(|object| render::object(look, &kind, object)).collect();
        if texts.is_empty() { format!("there is no {}\n", kind.name) } else { texts.join("\n") }
    });
    Ok(())
}
