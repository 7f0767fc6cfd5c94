//! How JSON writes the values of properties: what the schema says of a field whose Rust type says too little.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

macro_rules! shapes {
    ($($(#[doc = $doc:literal])+ $name:ident = $schema:tt;)*) => {
        $(
            $(#[doc = $doc])+
            pub(crate) struct $name;

            impl JsonSchema for $name {
                fn schema_name() -> Cow<'static, str> {
                    stringify!($name).into()
                }

                fn inline_schema() -> bool {
                    true
                }

                fn json_schema(_: &mut SchemaGenerator) -> Schema {
                    json_schema!($schema)
                }
            }
        )*
    };
}

shapes! {
    /// What an object is known by: given once, unique among those of its type.
    Name = {"type": "string", "minLength": 1, "x-kind": "text", "x-attributes": "RO K I"};
    /// The same, of 1 to 8 bytes.
    ShortName = {"type": "string", "minLength": 1, "maxLength": 8, "x-kind": "text", "x-attributes": "RO K I"};
    /// A domain that an object is known by.
    DomainKey = {"type": "string", "x-kind": "domain", "x-attributes": "RO K I"};
    /// An address that an object is known by.
    AddressKey = {"type": "string", "x-kind": "address", "x-attributes": "RO K I"};
    /// A text, not empty.
    Text = {"type": "string", "minLength": 1, "x-kind": "text"};
    /// A host name.
    Host = {"type": "string", "x-kind": "host"};
    /// A host name or an IP address.
    Place = {"type": "string", "x-kind": "place"};
    /// An IP address.
    Ip = {"type": "string", "x-kind": "ip"};
    /// A domain.
    DomainName = {"type": "string", "x-kind": "domain"};
    /// An address.
    Mailbox = {"type": "string", "x-kind": "address"};
    /// The path of a file.
    FilePath = {"type": "string", "x-kind": "path"};
    /// Milliseconds, more than 0.
    Millis = {"type": "integer", "minimum": 1, "x-kind": "duration"};
    /// A port.
    Port = {"type": "integer", "minimum": 1, "maximum": 65535};
    /// A whole number, 1 or more.
    Count = {"type": "integer", "minimum": 1};
    /// A whole number of 16 bits.
    Small = {"type": "integer", "minimum": 0, "maximum": 65535};
    /// Bytes, 1 or more.
    Bytes = {"type": "integer", "minimum": 1, "x-kind": "size"};
    /// Bytes, none included.
    AnyBytes = {"type": "integer", "minimum": 0, "x-kind": "size"};
    /// A secret's text.
    SecretText = {"type": "string", "minLength": 1, "x-kind": "lines", "x-attributes": "M"};
    /// A password, of which the hash is kept.
    Password = {"type": "string", "minLength": 1, "x-kind": "text", "x-attributes": "M hashed"};
    /// The id of another object; the field says of which type.
    Reference = {"type": "string", "x-kind": "reference"};
}

/// A duration as documents have it.
pub(crate) fn millis<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// The variant `Default`, which stands for values that the program knows.
pub(crate) fn as_default<T, S: Serializer>(_: &T, serializer: S) -> Result<S::Ok, S::Error> {
    let mut object = serializer.serialize_map(Some(1))?;
    object.serialize_entry("@type", "Default")?;
    object.end()
}

/// A set as documents have it: each member with `true`.
pub(crate) fn set<T: Serialize, S: Serializer>(set: &BTreeSet<T>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(set.iter().map(|member| (member, true)))
}
