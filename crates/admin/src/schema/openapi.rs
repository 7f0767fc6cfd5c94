//! The API as an OpenAPI 3.1 document: its paths, every method with its arguments, every settings object.

use policy::settings::ObjectType;
use serde_json::{Map, Value, json};

use super::json_schema::of_type;
use super::methods;

/// The whole document.
pub(super) fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Waypost management API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "JMAP (RFC 8620) methods over one path. docs/api.md says more.",
        },
        "security": [{ "token": [] }, { "password": [] }, { "session": [] }],
        "paths": paths(),
        "components": { "securitySchemes": security(), "schemas": schemas() },
    })
}

fn security() -> Value {
    json!({
        "token": { "type": "http", "scheme": "bearer", "description": "an ApiToken: wpt_…" },
        "password": { "type": "http", "scheme": "basic" },
        "session": {
            "type": "apiKey", "in": "cookie", "name": "waypost",
            "description": "of a browser; needs the header X-Waypost: ui",
        },
    })
}

fn paths() -> Value {
    let parameters = ["account", "blob", "name"]
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }));
    let answer = |what: &str, schema: &str| json!({ "description": what, "content": { "application/json": { "schema": reference(schema) } } });
    let plain =
        |what: &str| json!({ "get": { "summary": what, "responses": { "200": { "description": what } } } });
    json!({
        "/jmap": {
            "post": {
                "summary": "calls methods",
                "requestBody": {
                    "required": true, "content": { "application/json": { "schema": reference("Request") } },
                },
                "responses": {
                    "200": answer("the answers, in order", "Response"),
                    "400": { "description": "no request", "content": {
                        "application/problem+json": { "schema": reference("Problem") } } },
                    "401": { "description": "nobody is known to ask" },
                    "413": { "description": "the request is too large", "content": {
                        "application/problem+json": { "schema": reference("Problem") } } },
                    "503": { "description": "too much at once" },
                },
            },
        },
        "/jmap/session": plain("the session object (RFC 8620 section 2)"),
        "/jmap/download/{account}/{blob}/{name}": {
            "get": {
                "summary": "the content of a queued message",
                "parameters": parameters,
                "responses": { "200": { "description": "as a file" }, "404": { "description": "there is none" } },
            },
        },
        "/api/schema": plain("leads to the schema of all settings objects"),
        "/api/openapi.json": plain("this document"),
        "/auth/login": posts("a name and a password for a session"),
        "/auth/logout": posts("ends a session"),
        "/auth/setup": posts("the first password, with a token that is used up"),
        "/auth/me": plain("who asks"),
        "/metrics": plain("figures for Prometheus"),
        "/healthz/live": plain("the process lives"),
        "/healthz/ready": plain("it can take mail"),
    })
}

fn posts(what: &str) -> Value {
    json!({ "post": { "summary": what, "responses": { "200": { "description": what } } } })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn schemas() -> Map<String, Value> {
    let mut schemas = Map::new();
    for kind in ObjectType::all() {
        schemas.insert(kind.name().to_owned(), of_type(policy::registry::schema(kind)));
    }
    let calls: Vec<_> = methods()
        .map(|(method, object, verb, role)| {
            json!({
                "type": "array", "x-least-role": role.name(), "minItems": 3, "maxItems": 3,
                "prefixItems": [{ "const": method }, arguments(object, verb), { "type": "string" }],
            })
        })
        .collect();
    let mut put = |name: &str, schema: Value| schemas.insert(name.to_owned(), schema);
    put("Call", json!({ "oneOf": calls }));
    put("Request", request());
    put("Response", response());
    put("Problem", problem());
    put("SetError", set_error());
    put("Expression", expression());
    put("Change", change());
    schemas
}

/// The arguments of a method.
fn arguments(object: &str, verb: &str) -> Value {
    let kind = ObjectType::named(object).filter(|kind| kind.name() == object);
    match (kind, verb) {
        (_, "get") => json!({ "type": "object", "properties": {
            "accountId": { "type": ["string", "null"] },
            "ids": { "type": ["array", "null"], "items": { "type": "string" } },
            "properties": { "type": ["array", "null"], "items": { "type": "string" } },
        } }),
        (_, "query") => json!({ "type": "object", "properties": {
            "accountId": { "type": ["string", "null"] },
            "filter": { "type": ["object", "null"] }, "sort": { "type": ["array", "null"] },
            "position": { "type": "integer" }, "anchor": { "type": ["string", "null"] },
            "anchorOffset": { "type": "integer" }, "limit": { "type": ["integer", "null"], "minimum": 0 },
            "calculateTotal": { "type": "boolean" },
        } }),
        (Some(kind), "set") => {
            let mut schema = json!({ "type": "object", "properties": {
                "accountId": { "type": ["string", "null"] },
                "create": { "type": ["object", "null"], "additionalProperties": reference(kind.name()) },
                "update": { "type": ["object", "null"], "additionalProperties": { "type": "object" } },
                "destroy": { "type": ["array", "null"], "items": { "type": "string" } },
            } });
            add_ours(&mut schema);
            schema
        }
        (None, "set") => json!({ "type": "object", "properties": {
            "create": { "type": ["object", "null"] }, "update": { "type": ["object", "null"] },
            "destroy": { "type": ["array", "null"], "items": { "type": "string" } },
        } }),
        _ => whole(object, verb),
    }
}

/// The arguments of methods that are neither get, query nor set.
fn whole(object: &str, verb: &str) -> Value {
    let number = json!({ "type": ["integer", "string"] });
    let properties = match (object, verb) {
        ("Settings", "apply") => json!({ "changes": { "type": "array", "items": reference("Change") } }),
        ("Settings", "import" | "check") => json!({ "document": { "type": ["object", "array", "string"] } }),
        ("Settings", "describe") => json!({ "object": { "type": ["string", "null"] } }),
        ("Revision", "diff") => json!({ "from": number, "to": number }),
        ("Revision", "restore" | "confirm") => json!({ "number": number }),
        _ => json!({}),
    };
    let mut schema = json!({ "type": "object", "properties": properties });
    if matches!(verb, "apply" | "import" | "restore") {
        add_ours(&mut schema);
    }
    schema
}

/// What every change of settings takes.
fn add_ours(schema: &mut Value) {
    let properties = &mut schema["properties"];
    properties["comment"] = json!({ "type": ["string", "null"], "maxLength": 1000 });
    properties["confirmWithin"] = json!({ "type": ["integer", "null"], "minimum": 1000, "x-unit": "ms" });
    properties["dryRun"] = json!({ "type": "boolean" });
    properties["ifInState"] = json!({ "type": ["string", "null"] });
}

fn change() -> Value {
    let names: Vec<_> = ObjectType::all().map(ObjectType::name).collect();
    json!({ "type": "object", "required": ["object"], "additionalProperties": false, "properties": {
        "object": { "enum": names }, "create": { "type": "object" }, "update": { "type": "object" },
        "destroy": { "type": "array", "items": { "type": "string" } },
    } })
}

fn request() -> Value {
    json!({ "type": "object", "required": ["using", "methodCalls"], "properties": {
        "using": { "type": "array", "items": { "type": "string" },
                   "examples": [["urn:ietf:params:jmap:core", "urn:stalwart:jmap"]] },
        "methodCalls": { "type": "array", "items": reference("Call"), "maxItems": 64 },
        "createdIds": { "type": "object", "additionalProperties": { "type": "string" } },
    } })
}

fn response() -> Value {
    json!({ "type": "object", "required": ["methodResponses", "sessionState"], "properties": {
        "methodResponses": { "type": "array", "items": { "type": "array", "minItems": 3, "maxItems": 3 } },
        "sessionState": { "type": "string" },
        "createdIds": { "type": "object", "additionalProperties": { "type": "string" } },
    } })
}

fn problem() -> Value {
    let kinds = ["notJSON", "notRequest", "unknownCapability", "limit"]
        .map(|kind| format!("urn:ietf:params:jmap:error:{kind}"));
    json!({ "type": "object", "required": ["type", "status"], "properties": {
        "type": { "enum": kinds },
        "status": { "type": "integer" }, "detail": { "type": "string" }, "limit": { "type": "string" },
    } })
}

fn set_error() -> Value {
    json!({ "type": "object", "required": ["type"], "properties": {
        "type": { "type": "string" }, "description": { "type": "string" },
        "properties": { "type": "array", "items": { "type": "string" } },
        "existingId": { "type": "string" }, "objectId": { "type": "object" },
        "linkedObjects": { "type": "array" }, "validationErrors": { "type": "array" },
    } })
}

fn expression() -> Value {
    json!({ "type": "object", "required": ["else"], "properties": {
        "match": { "type": "object", "additionalProperties": {
            "type": "object", "required": ["if", "then"],
            "properties": { "if": { "type": "string" }, "then": { "type": "string" } },
        } },
        "else": { "type": "string" },
    } })
}
