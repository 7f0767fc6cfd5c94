//! `waypost get`: what does an object look like?

use serde_json::{Value, json};

use crate::desk::{Desk, Look};
use crate::failure::Failure;
use crate::schema::Type;
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
        let shown = for_people(desk, &kind, vec![object.clone()]).await?;
        desk.show(&object, |look| texts(look, &kind, &shown));
        return Ok(());
    }
    let all: Vec<Value> = objects::all(desk, &kind, json!({})).await?.into_iter().map(only).collect();
    let shown = for_people(desk, &kind, all.clone()).await?;
    desk.show(&Value::Array(all), |look| match shown.is_empty() {
        true => format!("there is no {}\n", kind.name),
        false => texts(look, &kind, &shown),
    });
    Ok(())
}

/// With names for ids, if people are to read it.
async fn for_people(desk: &Desk<'_>, kind: &Type, objects: Vec<Value>) -> Result<Vec<Value>, Failure> {
    if desk.json { Ok(objects) } else { objects::readable(desk, kind, objects).await }
}

fn texts(look: &Look, kind: &Type, objects: &[Value]) -> String {
    objects.iter().map(|object| render::object(look, kind, object)).collect::<Vec<_>>().join("\n")
}
