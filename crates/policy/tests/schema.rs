//! Does the schema say the same as the pages of the settings, and as the check?
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "test code, which reads the documents")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use policy::check::{Environment, check};
use policy::expr::{Expression, Variable};
use policy::registry::schema::{Kind, schema};
use policy::registry::{Registry, Secrets, expression_kind};
use policy::settings::{ObjectType, Settings};
use serde_json::json;

/// The properties that the tables of a page name: the first cells of tables of properties.
fn on_the_page(page: &str) -> BTreeSet<String> {
    let (mut names, mut is_table) = (BTreeSet::new(), false);
    for line in page.lines() {
        let Some(first) = line.strip_prefix("| ").and_then(|row| row.split(" | ").next()) else {
            is_table &= line.starts_with('|');
            continue;
        };
        match first {
            "property" => is_table = true,
            names_of if is_table => names.extend(
                names_of
                    .split(", ")
                    .map(|name| name.trim_matches('`').to_owned())
                    .filter(|name| name != "@type"),
            ),
            _ => {}
        }
    }
    names
}

fn in_the_schema(kind: ObjectType) -> BTreeSet<String> {
    let variants = schema(kind).shape.variants.iter();
    variants.flat_map(|variant| &variant.properties).map(|property| property.name.clone()).collect()
}

#[test]
fn pages_and_schema_name_the_same_properties() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/settings");
    for kind in ObjectType::all() {
        let page = fs::read_to_string(folder.join(format!("{kind}.md")));
        let page = page.unwrap_or_else(|error| panic!("there is no page of {kind}: {error}"));
        assert_eq!(on_the_page(&page), in_the_schema(kind), "{kind}");
    }
}

/// What the schema says of where an expression is evaluated is what the check takes it for.
#[test]
fn expressions_know_the_variables_of_the_context_that_the_schema_names() {
    for kind in ObjectType::all() {
        for property in schema(kind).shape.variants.iter().flat_map(|variant| &variant.properties) {
            let Kind::Expression(expression) = &property.kind else { continue };
            let text = |variable: &Variable| Expression::always(&format!("{} == 'x'", variable.name()));
            for variable in Variable::ALL {
                let known = schema_knows(kind, &property.name, &text(variable));
                assert_eq!(
                    known,
                    variable.is_in(expression.context),
                    "{kind} {} {variable:?}",
                    property.name
                );
                assert_eq!(known, check_knows(kind, &property.name, variable), "{kind} {}", property.name);
            }
        }
    }
}

fn schema_knows(kind: ObjectType, property: &str, expression: &Expression) -> bool {
    let found = expression_kind(kind, property).unwrap();
    let findings = Registry::fresh().check_expression((kind, property), expression, found).unwrap();
    !findings.iter().any(|finding| finding.message.contains("is not known in"))
}

/// The check of the whole, with an expression that uses the variable.
fn check_knows(kind: ObjectType, property: &str, variable: &Variable) -> bool {
    let text = format!("{} == 'x'", variable.name());
    let value = json!({ "match": [{ "if": text, "then": "'default'" }], "else": "'default'" });
    let written = match kind {
        _ if kind.is_singleton() => json!({ property: value }),
        ObjectType::QueueQuota => json!({ property: value, "messages": 1 }),
        _ => json!({ property: value, "description": "x", "rate": { "count": 1, "period": 1000 } }),
    };
    let mut document = Registry::fresh().to_document(Secrets::Shown);
    document[kind.name()] = match kind.is_singleton() {
        true => written,
        false => json!([written]),
    };
    let settings = Settings::from_json(&document.to_string()).unwrap();
    let checked = check(&settings, &Environment::default());
    !checked.findings.iter().any(|finding| {
        finding.object.starts_with(kind.name())
            && finding.property.starts_with(&format!("{property}.match"))
            && finding.message.contains("is not known in")
    })
}
