//! What properties does a type of objects have? One declaration, the settings structs, tells all who ask.

mod json;
mod read;
#[cfg(test)]
mod tests;
mod types;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

use crate::expr::Context;
use crate::settings::ObjectType;

/// What the objects of a type look like.
#[derive(Clone, PartialEq, Debug)]
pub struct TypeSchema {
    /// Which type.
    pub kind: ObjectType,
    /// What it is for, in a sentence.
    pub help: String,
    /// The property that people know an object by.
    pub label: Option<&'static str>,
    /// Its variants; the only one has no name if objects carry no `@type`.
    pub shape: Shape,
}

/// The variants of an object, by `@type`; or the only one, without a name.
#[derive(Clone, PartialEq, Debug)]
pub struct Shape {
    /// At least one.
    pub variants: Vec<Variant>,
}

/// One variant.
#[derive(Clone, PartialEq, Debug)]
pub struct Variant {
    /// As `@type` has it; none if objects carry no `@type`.
    pub name: Option<String>,
    /// What it is for, in a sentence.
    pub help: String,
    /// Its properties, in the order in which people should see them.
    pub properties: Vec<Property>,
}

/// One property.
#[derive(Clone, PartialEq, Debug)]
pub struct Property {
    /// As documents have it.
    pub name: String,
    /// What it means, in a sentence or two.
    pub help: String,
    /// Which values it takes.
    pub kind: Kind,
    /// Whether null is a value: it is not set.
    pub nullable: bool,
    /// Whether it must be given on create.
    pub required: bool,
    /// What holds if it is not given; normalised.
    pub default: Value,
    /// What may be done with it.
    pub attributes: Attributes,
}

/// What may be done with a property.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Attributes {
    /// May be given on create, and not changed afterwards (RO).
    pub immutable: bool,
    /// Set by the server alone (SS).
    pub server_set: bool,
    /// Part of the object's unique key (K).
    pub key: bool,
    /// Usable in filters and sorting (I).
    pub indexed: bool,
    /// Never shown (M).
    pub masked: bool,
    /// Kept as the hash of what is given.
    pub hashed: bool,
}

/// Which values a property takes.
#[derive(Clone, PartialEq, Debug)]
pub enum Kind {
    /// A text, not empty.
    Text(TextKind),
    /// True or false.
    Boolean,
    /// A whole number.
    Integer(Bounds),
    /// Milliseconds, more than 0.
    Duration,
    /// Bytes.
    Size(Bounds),
    /// One of these words.
    Choice(Vec<Choice>),
    /// The id of an object of this type.
    Reference(ObjectType),
    /// A list, in its order.
    List(Box<Kind>),
    /// A set.
    Set(Box<Kind>),
    /// An object within.
    Object(Shape),
    /// A property of the expression language.
    Expression(ExpressionKind),
}

/// What a text must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TextKind {
    /// Any text; bytes at most.
    Plain(Option<usize>),
    /// A text of several lines.
    Lines,
    /// A host name, in lower case.
    Host,
    /// A host name or an IP address.
    Place,
    /// An IP address.
    Ip,
    /// A mail domain.
    Domain,
    /// A mail address.
    Address,
    /// The path of a file.
    Path,
    /// A web address.
    Url,
}

/// The least and the greatest number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// The least.
    pub min: u64,
    /// The greatest, if that is not simply what fits.
    pub max: Option<u64>,
}

/// One word of a choice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Choice {
    /// The word.
    pub name: String,
    /// What it means.
    pub help: String,
}

/// Where an expression is evaluated, and what it yields.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExpressionKind {
    /// Which variables it knows.
    pub context: Context,
    /// The type of objects whose name it yields.
    pub yields: Option<ObjectType>,
}

/// The schema of a type.
pub fn schema(kind: ObjectType) -> &'static TypeSchema {
    static SCHEMAS: LazyLock<BTreeMap<ObjectType, TypeSchema>> =
        LazyLock::new(|| ObjectType::all().map(|kind| (kind, types::schema(kind))).collect());
    SCHEMAS.get(&kind).expect("there is a schema of every type")
}

impl TypeSchema {
    /// The variant of an object; none if its `@type` is missing or unknown.
    pub fn variant(&self, document: &super::Document) -> Option<&Variant> {
        self.shape.variant(document)
    }

    /// The properties that make an object's unique key.
    pub fn key(&self) -> impl Iterator<Item = &Property> {
        let first = self.shape.variants.first();
        first.into_iter().flat_map(|variant| &variant.properties).filter(|property| property.attributes.key)
    }
}

impl Shape {
    /// The variant of an object; none if its `@type` is missing or unknown.
    pub fn variant(&self, document: &super::Document) -> Option<&Variant> {
        match self.variants.as_slice() {
            [only] if only.name.is_none() => Some(only),
            several => {
                let name = document.get(super::TYPE)?.as_str()?;
                several.iter().find(|variant| variant.name.as_deref() == Some(name))
            }
        }
    }
}

impl Variant {
    /// The property of this name.
    pub fn property(&self, name: &str) -> Option<&Property> {
        self.properties.iter().find(|property| property.name == name)
    }
}
