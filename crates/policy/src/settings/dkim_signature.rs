//! `DkimSignature`: with which key is the mail of a domain signed (RFC 6376)?

use std::time::Duration;

use mail::canonical::Canonicalization;
use mail::dkim::{Canonicalizations, SignedFields};
use schemars::JsonSchema;
use serde::Serializer;
use serde::de::{Deserialize, Deserializer, Error};

use super::json::fields;
use super::secret::SecretKeyOptional;
use super::shape;

/// One signature. A domain may have several: each gives one, in the order of their names.
#[derive(Clone, PartialEq, Debug, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DkimSignature {
    /// What the signature is called; unique. Signatures of a domain are made in the order of their names.
    #[serde(deserialize_with = "fields::text")]
    #[schemars(with = "shape::Name")]
    pub name: String,
    /// A note for people; nothing depends on it.
    #[serde(default, deserialize_with = "fields::optional_text")]
    #[schemars(with = "Option<shape::Text>")]
    pub description: Option<String>,
    /// Whose signature it is (`d=`).
    #[serde(deserialize_with = "fields::domain")]
    #[schemars(with = "shape::DomainName")]
    pub domain: mail::Domain,
    /// The name of the key below `_domainkey` (`s=`).
    #[serde(deserialize_with = "selector")]
    #[schemars(with = "shape::Text")]
    pub selector: mail::Domain,
    /// The private key in PEM form: PKCS#8 with Ed25519 or RSA, or PKCS#1.
    pub key: SecretKeyOptional,
    /// Header fields that are signed where they are present.
    #[serde(default = "SignedFields::default_present", deserialize_with = "field_names")]
    #[schemars(with = "Vec<shape::Text>")]
    pub headers: Vec<String>,
    /// Header fields that are signed once more than they are present, so that none can be added.
    #[serde(default = "SignedFields::default_sealed", deserialize_with = "field_names")]
    #[schemars(with = "Vec<shape::Text>")]
    pub oversign: Vec<String>,
    /// How header and body are made insensitive to harmless changes: `relaxed` or `simple`, twice.
    #[serde(default, deserialize_with = "canonicalizations")]
    #[serde(serialize_with = "canonicalization")]
    #[schemars(with = "shape::Text")]
    pub canonicalization: Canonicalizations,
    /// How long the signature holds (`x=`); without end unless said.
    #[serde(default, deserialize_with = "optional_millis")]
    #[schemars(with = "Option<shape::Millis>")]
    pub expire: Option<Duration>,
    /// Whether it is made.
    #[serde(default = "yes")]
    pub enable: bool,
}

fn canonicalization<S: Serializer>(both: &Canonicalizations, serializer: S) -> Result<S::Ok, S::Error> {
    let word = |one: Canonicalization| one.name();
    serializer.serialize_str(&format!("{}/{}", word(both.header), word(both.body)))
}

fn yes() -> bool {
    true
}

/// Unlike the name of a host, it may be a number (RFC 6376 section 3.1).
fn selector<'de, D: Deserializer<'de>>(json: D) -> Result<mail::Domain, D::Error> {
    let text = fields::text(json)?;
    mail::Domain::parse(&text).map_err(|error| D::Error::custom(format!("'{text}': {error}")))
}

fn optional_millis<'de, D: Deserializer<'de>>(json: D) -> Result<Option<Duration>, D::Error> {
    match Option::<u64>::deserialize(json)? {
        Some(0) => Err(D::Error::custom("must be a whole number of milliseconds above 0")),
        found => Ok(found.map(Duration::from_millis)),
    }
}

fn field_names<'de, D: Deserializer<'de>>(json: D) -> Result<Vec<String>, D::Error> {
    let names = Vec::<String>::deserialize(json)?;
    match names.iter().find(|name| !mail::header::is_field_name(name)) {
        Some(bad) => Err(D::Error::custom(format!("'{bad}' is not the name of a header field"))),
        None => Ok(names),
    }
}

/// `relaxed/simple`; one word alone is the header's, as in the tag `c=` (RFC 6376 section 3.5).
fn canonicalizations<'de, D: Deserializer<'de>>(json: D) -> Result<Canonicalizations, D::Error> {
    let text = fields::text(json)?;
    let (header, body) = text.split_once('/').unwrap_or((&text, "simple"));
    match (Canonicalization::named(header), Canonicalization::named(body)) {
        (Some(header), Some(body)) => Ok(Canonicalizations { header, body }),
        _ => Err(D::Error::custom(format!("'{text}' is not two of relaxed and simple with / between them"))),
    }
}
