//! `/api/schema` and `/api/openapi.json`: what can be asked, for programs. Made once, from what the methods themselves use.

mod json_schema;
mod openapi;

use std::io::Write;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use policy::settings::ObjectType;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::access::permissions;

/// Letters of a document's hash in its name.
const HASH_LETTERS: usize = 16;

/// A document that never changes while the program runs.
struct Document {
    hash: String,
    plain: Bytes,
    packed: Bytes,
}

static SCHEMA: LazyLock<Document> = LazyLock::new(|| Document::new(&schema_document()));
static OPENAPI: LazyLock<Document> = LazyLock::new(|| Document::new(&openapi::document()));

/// To the schema under a name that changes with it.
pub(crate) async fn redirect() -> Response {
    let place = Redirect::temporary(&format!("/api/schema/{}.json", SCHEMA.hash));
    ([(header::CACHE_CONTROL, "no-cache")], place).into_response()
}

/// The schema of all objects.
pub(crate) async fn schema(Path(file): Path<String>, headers: HeaderMap) -> Response {
    if file != format!("{}.json", SCHEMA.hash) {
        return (StatusCode::NOT_FOUND, "there is no such schema; /api/schema leads to it\n").into_response();
    }
    SCHEMA.answer(&headers, "public, max-age=31536000, immutable")
}

/// The API as OpenAPI.
pub(crate) async fn openapi(headers: HeaderMap) -> Response {
    OPENAPI.answer(&headers, "no-cache")
}

/// Every method: its name, and the least role that may call it.
pub(crate) fn methods() -> impl Iterator<Item = (String, &'static str, &'static str, crate::caller::Role)> {
    let all = permissions::all().filter(|(object, verb, _)| {
        // There is one, so there is nothing to look for.
        let singleton =
            ObjectType::named(object).is_some_and(|kind| kind.is_singleton() && kind.name() == *object);
        !(singleton && *verb == "query")
    });
    all.map(|(object, verb, role)| {
        let prefix = if object == "Core" { "" } else { "x:" };
        (format!("{prefix}{object}/{verb}"), object, verb, role)
    })
}

fn schema_document() -> Value {
    let objects: Vec<_> = ObjectType::all().map(|kind| policy::registry::schema(kind).json()).collect();
    let methods: Vec<_> =
        methods().map(|(method, .., role)| json!({ "method": method, "role": role.name() })).collect();
    json!({ "version": env!("CARGO_PKG_VERSION"), "objects": objects, "methods": methods })
}

impl Document {
    fn new(value: &Value) -> Self {
        let plain = value.to_string();
        let digest = Sha256::digest(plain.as_bytes());
        let hash: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        let packed = packer.write_all(plain.as_bytes()).and_then(|()| packer.finish());
        let packed = packed.expect("memory takes all that is written").into();
        Document { hash: hash[..HASH_LETTERS].to_owned(), plain: plain.into(), packed }
    }

    fn answer(&self, headers: &HeaderMap, keep: &'static str) -> Response {
        let tag = format!("\"{}\"", self.hash);
        let says = |name: header::HeaderName, what: &str| {
            headers
                .get_all(name)
                .iter()
                .filter_map(|value| value.to_str().ok())
                .any(|value| value.contains(what))
        };
        let head = [
            (header::ETAG, tag.clone()),
            (header::CACHE_CONTROL, keep.to_owned()),
            (header::VARY, "accept-encoding".to_owned()),
            (header::CONTENT_TYPE, "application/json".to_owned()),
        ];
        if says(header::IF_NONE_MATCH, &tag) {
            return (StatusCode::NOT_MODIFIED, head).into_response();
        }
        match says(header::ACCEPT_ENCODING, "gzip") {
            true => (head, [(header::CONTENT_ENCODING, "gzip")], self.packed.clone()).into_response(),
            false => (head, self.plain.clone()).into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_document_is_packed_for_who_can_unpack_it_and_sent_once() {
        let ask = |name: header::HeaderName, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            SCHEMA.answer(&headers, "no-cache")
        };
        let packed = ask(header::ACCEPT_ENCODING, "br, gzip");
        assert_eq!(packed.headers()[header::CONTENT_ENCODING], "gzip");
        let tag = packed.headers()[header::ETAG].to_str().unwrap().to_owned();
        let again = ask(header::IF_NONE_MATCH, &tag);
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        let plain = SCHEMA.answer(&HeaderMap::new(), "no-cache");
        assert!(!plain.headers().contains_key(header::CONTENT_ENCODING));
        assert!(SCHEMA.packed.len() * 4 < SCHEMA.plain.len());
    }

    #[test]
    fn every_method_of_the_table_is_in_the_openapi_document() {
        let document: Value = serde_json::from_slice(&OPENAPI.plain).unwrap();
        let calls = &document["components"]["schemas"]["Call"]["oneOf"];
        let names: Vec<_> = calls
            .as_array()
            .unwrap()
            .iter()
            .map(|call| call["prefixItems"][0]["const"].as_str().unwrap())
            .collect();
        for (method, ..) in methods() {
            assert!(names.contains(&method.as_str()), "{method} is not described");
        }
        assert_eq!(names.len(), methods().count());
    }

    #[test]
    fn every_reference_of_the_openapi_document_leads_somewhere() {
        fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
            match value {
                Value::Array(items) => items.iter().for_each(|item| references(item, found)),
                Value::Object(members) => {
                    found.extend(members.get("$ref").and_then(Value::as_str));
                    members.values().for_each(|member| references(member, found));
                }
                _ => {}
            }
        }
        let document: Value = serde_json::from_slice(&OPENAPI.plain).unwrap();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(!found.is_empty());
        for reference in found {
            let path = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(path).is_some(), "{reference}");
        }
    }
}
