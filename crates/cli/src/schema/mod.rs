//! Which types of objects are there, and what do they look like? As the server says it (`/api/schema`).

mod read;

use serde_json::Value;

use crate::failure::Failure;

/// Objects that are no settings: they have `get` and mostly `query`, but no schema.
const OTHERS: [&str; 14] = [
    "Administrator",
    "ApiToken",
    "AuditEntry",
    "MessageHistory",
    "NextHop",
    "Pause",
    "QueueCause",
    "QueueJob",
    "QueuedMessage",
    "Revision",
    "RouteTest",
    "Statistics",
    "DeliveryAttempt",
    "Health",
];

/// Whether a type's name, in lower case, is what somebody typed.
type Form<'f> = &'f dyn Fn(&str) -> bool;

/// All types.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schema {
    pub(crate) types: Vec<Type>,
}

/// A type of objects.
#[derive(Clone, Debug)]
pub(crate) struct Type {
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) singleton: bool,
    /// The property that people know an object by.
    pub(crate) label: Option<String>,
    /// At least one; without a name if objects carry no `@type`.
    pub(crate) variants: Vec<Variant>,
    /// Whether the server has described it; if not, nothing is known of its properties.
    pub(crate) described: bool,
}

/// One variant of a type or of an object within.
#[derive(Clone, Debug)]
pub(crate) struct Variant {
    pub(crate) name: Option<String>,
    pub(crate) help: String,
    pub(crate) properties: Vec<Property>,
}

/// One property.
#[derive(Clone, Debug)]
pub(crate) struct Property {
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) kind: Kind,
    pub(crate) required: bool,
    pub(crate) nullable: bool,
    pub(crate) default: Value,
    pub(crate) read_only: bool,
    pub(crate) server_set: bool,
    pub(crate) indexed: bool,
    pub(crate) secret: bool,
}

/// Which values a property takes.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// A text; what it must be, such as `host`.
    Text(String),
    Boolean,
    Integer(Bounds),
    /// Milliseconds.
    Duration,
    /// Bytes.
    Size(Bounds),
    /// One of these words, each with what it means.
    Choice(Vec<(String, String)>),
    /// The id of an object of this type.
    Reference(String),
    List(Box<Kind>),
    Set(Box<Kind>),
    Object(Vec<Variant>),
    Expression {
        context: String,
        yields: Option<String>,
    },
    /// Nothing is known.
    Other,
}

/// The least and the greatest number.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bounds {
    pub(crate) min: Option<u64>,
    pub(crate) max: Option<u64>,
}

impl Schema {
    /// The type that is meant: case does not matter, `x:` and `Mta` may be left out, a plural is understood.
    pub(crate) fn find(&self, wanted: &str) -> Result<Type, Failure> {
        let plain = wanted.strip_prefix("x:").unwrap_or(wanted).to_lowercase();
        let singular = plain.strip_suffix('s').unwrap_or(&plain);
        let settings = || self.types.iter().map(|kind| kind.name.as_str());
        let known = || settings().chain(OTHERS);
        let is_part = |name: &str| name.contains(singular) && !singular.is_empty();
        let forms: [(Form<'_>, Vec<&str>); 5] = [
            (&|name| name == plain, known().collect()),
            (&|name| name == singular, known().collect()),
            (
                &|name| name.strip_prefix("mta").is_some_and(|rest| rest == plain || rest == singular),
                known().collect(),
            ),
            (&is_part, settings().collect()),
            (&is_part, OTHERS.to_vec()),
        ];
        for (form, among) in forms {
            let mut found: Vec<&str> = among.into_iter().filter(|name| form(&name.to_lowercase())).collect();
            found.dedup();
            match found.as_slice() {
                [] => {}
                [name] => return Ok(self.named(name)),
                several => {
                    let text = format!("`{wanted}` may be any of {}", several.join(", "));
                    return Err(Failure::usage(text));
                }
            }
        }
        let failure = Failure::usage(format!("there is no type of objects named `{wanted}`"));
        Err(failure.hint("`waypost describe` lists them all"))
    }

    /// The type of exactly this name.
    pub(crate) fn exact(&self, name: &str) -> Option<&Type> {
        let name = name.strip_prefix("x:").unwrap_or(name);
        self.types.iter().find(|kind| kind.name.eq_ignore_ascii_case(name))
    }

    fn named(&self, name: &str) -> Type {
        self.exact(name).cloned().unwrap_or_else(|| Type {
            name: name.to_owned(),
            help: String::new(),
            singleton: false,
            label: matches!(name, "Administrator" | "Pause" | "NextHop").then(|| "name".to_owned()),
            variants: Vec::new(),
            described: false,
        })
    }
}

impl Type {
    /// The variant of this name; case does not matter.
    pub(crate) fn variant(&self, name: &str) -> Option<&Variant> {
        let named =
            |variant: &&Variant| variant.name.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(name));
        self.variants.iter().find(named)
    }

    /// The variant of an object.
    pub(crate) fn variant_of(&self, object: &Value) -> Option<&Variant> {
        match object.get("@type").and_then(Value::as_str) {
            Some(name) => self.variant(name),
            None => self.variants.first().filter(|only| only.name.is_none()),
        }
    }

    /// Whether objects carry an `@type`.
    pub(crate) fn has_variants(&self) -> bool {
        self.variants.iter().any(|variant| variant.name.is_some())
    }

    /// The property of this name, of whichever variant.
    pub(crate) fn property(&self, name: &str) -> Option<&Property> {
        property(&self.variants, name)
    }

    /// Which values stand at a path such as `retry/intervals/0/duration`.
    pub(crate) fn kind_at(&self, path: &[&str]) -> Kind {
        kind_at(&self.variants, path)
    }

    /// What people call an object: its label, or its id.
    pub(crate) fn name_of(&self, object: &Value) -> String {
        let text = |name: &str| object.get(name).and_then(Value::as_str);
        let label = self.label.as_deref().and_then(text);
        label.or_else(|| text("id")).unwrap_or("?").to_owned()
    }
}

fn property<'a>(variants: &'a [Variant], name: &str) -> Option<&'a Property> {
    variants.iter().flat_map(|variant| &variant.properties).find(|property| property.name == name)
}

fn kind_at(variants: &[Variant], path: &[&str]) -> Kind {
    match path {
        [] => Kind::Object(variants.to_vec()),
        ["@type"] => Kind::Text("@type".to_owned()),
        [name, rest @ ..] => {
            property(variants, name).map_or(Kind::Other, |property| within(&property.kind, rest))
        }
    }
}

fn within(kind: &Kind, path: &[&str]) -> Kind {
    match (kind, path) {
        (kind, []) => kind.clone(),
        (Kind::List(item), [_, rest @ ..]) => within(item, rest),
        (Kind::Set(_), [_]) => Kind::Boolean,
        (Kind::Object(variants), path) => kind_at(variants, path),
        (Kind::Expression { .. }, ["else"] | ["match", _, "if" | "then"]) => {
            Kind::Text("expression".to_owned())
        }
        _ => Kind::Other,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    /// A part of the real schema.
    pub(crate) fn sample() -> Schema {
        let name = json!({"name": "name", "help": "What expressions return.", "kind": "text", "required": true,
            "readOnly": true, "key": true, "indexed": true, "nullable": false, "default": null});
        let port = json!({"name": "port", "help": "The port.", "kind": "integer", "min": 1, "max": 65535, "default": 25});
        let secret = json!({"name": "authSecret", "help": "The password.", "kind": "object", "secret": true,
            "default": {"@type": "None"}, "variants": [
                {"name": "None", "help": "None.", "properties": []},
                {"name": "Value", "help": "As it is.", "properties": [
                    {"name": "secret", "help": "It.", "kind": "text", "secret": true, "required": true}]}]});
        let address = json!({"name": "address", "help": "Where.", "kind": "place", "required": true});
        let hosts =
            json!({"name": "maxMxHosts", "help": "How many.", "kind": "integer", "min": 1, "default": 5});
        let route = json!({"object": "MtaRoute", "singleton": false, "label": "name", "help": "Where mail goes next.", "variants": [
                {"name": "Mx", "help": "By DNS.", "properties": [name, hosts]},
                {"name": "Relay", "help": "A fixed host.", "properties": [name, address, port, secret]},
                {"name": "Local", "help": "The local store.", "properties": [name]}]});
        let queue = json!({"object": "MtaVirtualQueue", "singleton": false, "label": "name", "help": "Shares.", "variants": [
                {"name": null, "help": "", "properties": [name,
                    {"name": "threadsPerNode", "help": "", "kind": "integer", "min": 1, "default": 25}]}]});
        let schedule = json!({"object": "MtaDeliverySchedule", "singleton": false, "label": "name", "help": "When.", "variants": [
                {"name": null, "help": "", "properties": [name,
                    {"name": "queueId", "help": "", "kind": "reference", "to": "MtaVirtualQueue", "required": true},
                    {"name": "retry", "help": "", "kind": "object", "default": {"@type": "Default"}, "variants": [
                        {"name": "Custom", "help": "", "properties": [{"name": "intervals", "help": "", "kind": "list",
                            "item": {"kind": "object", "variants": [{"name": null, "properties": [
                                {"name": "duration", "kind": "duration", "unit": "ms"}]}]}}]}]}]}]});
        let throttle = json!({"object": "MtaOutboundThrottle", "singleton": false, "label": "description", "help": "Pace.", "variants": [
                {"name": null, "help": "", "properties": [
                    {"name": "description", "help": "", "kind": "text", "required": true},
                    {"name": "enable", "help": "", "kind": "boolean", "default": true},
                    {"name": "key", "help": "", "kind": "set", "item": {"kind": "choice", "members": [
                        {"name": "mx", "help": ""}, {"name": "rcptDomain", "help": ""}]}, "default": {}}]}]});
        let strategy = json!({"object": "MtaOutboundStrategy", "singleton": true, "help": "Which way.", "variants": [
                {"name": null, "help": "", "properties": [
                    {"name": "route", "help": "Where.", "kind": "expression", "context": "recipient", "yields": "MtaRoute",
                     "default": {"match": {}, "else": "'mx'"}}]}]});
        Schema::of(&json!({ "types": [route, queue, schedule, throttle, strategy] })).unwrap()
    }

    #[test]
    fn type_names_are_found_as_people_type_them() {
        let schema = sample();
        let check =
            |wanted: &str, name: &str| assert_eq!(schema.find(wanted).unwrap().name, name, "{wanted}");
        check("MtaRoute", "MtaRoute");
        check("x:mtaroute", "MtaRoute");
        check("route", "MtaRoute");
        check("Routes", "MtaRoute");
        check("schedule", "MtaDeliverySchedule");
        check("administrator", "Administrator");
        assert!(schema.find("Mta").unwrap_err().text.contains("MtaRoute, MtaVirtualQueue"));
        assert!(schema.find("frobnicator").unwrap_err().hint.unwrap().contains("describe"));
        assert!(schema.find("").is_err());
    }

    #[test]
    fn kinds_are_known_by_path() {
        let schema = sample();
        let kind = |name: &str, path: &[&str]| schema.exact(name).unwrap().kind_at(path);
        assert!(matches!(
            kind("MtaDeliverySchedule", &["retry", "intervals", "0", "duration"]),
            Kind::Duration
        ));
        assert!(matches!(kind("MtaRoute", &["port"]), Kind::Integer(_)));
        assert!(matches!(kind("MtaOutboundThrottle", &["key", "mx"]), Kind::Boolean));
        assert!(matches!(kind("MtaOutboundStrategy", &["route", "else"]), Kind::Text(_)));
        assert!(matches!(kind("MtaRoute", &["no", "such"]), Kind::Other));
    }

    #[test]
    fn a_schema_that_makes_no_sense_is_none() {
        for document in [json!(null), json!({}), json!([]), json!({"types": 5}), json!([{"object": 5}])] {
            assert!(Schema::of(&document).is_err(), "{document}");
        }
    }
}
