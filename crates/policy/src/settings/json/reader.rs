//! Reads objects from a JSON tree: serde's side of it, with the place of every fault.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, VariantAccess, Visitor};

use super::tree::{Json, Member, Node};
use crate::expr::suggest::closest;

/// What is wrong, and where.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Fault {
    /// The byte in the text, once known.
    pub(super) at: Option<usize>,
    /// The property, from the outside in.
    pub(super) path: String,
    pub(super) message: String,
    pub(super) hint: Option<String>,
    /// The property that is missing in the object that stands here, if that is it.
    pub(super) missing: Option<String>,
}

impl Fault {
    pub(super) fn at(at: usize, message: impl Into<String>) -> Self {
        Fault { at: Some(at), path: String::new(), message: message.into(), hint: None, missing: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, seen from the object that it is in.
    fn within(mut self, key: &str, at: usize) -> Self {
        self.at = self.at.or(Some(at));
        self.path = match self.path.is_empty() {
            true => key.to_owned(),
            false => format!("{key}.{}", self.path),
        };
        self
    }

    fn unknown(what: &str, name: &str, expected: &[&str]) -> Self {
        let fault: Fault = de::Error::custom(format!("there is no {what} {name}"));
        match closest(name, expected.iter().copied()) {
            Some(near) => fault.hint(format!("did you mean {near}?")),
            None if expected.is_empty() => fault,
            None => fault.hint(format!("there are {}", expected.join(", "))),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Fault { at: None, path: String::new(), message: message.to_string(), hint: None, missing: None }
    }

    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let expected = match expected.to_string().as_str() {
            "u64" | "usize" | "u32" | "u16" => "a whole number, 0 or more".to_owned(),
            "a boolean" => "true or false".to_owned(),
            "a string" => "a text".to_owned(),
            "a sequence" => "a list".to_owned(),
            other if other.starts_with("struct ") || other.starts_with("enum ") => "an object".to_owned(),
            other => other.to_owned(),
        };
        let found = match found {
            // It may be a secret in the wrong place.
            de::Unexpected::Str(_) if expected == "an object" => "a text".to_owned(),
            de::Unexpected::Str(text) => format!("the text {text:?}"),
            de::Unexpected::Unit => "null".to_owned(),
            de::Unexpected::Map => "an object".to_owned(),
            de::Unexpected::Seq => "a list".to_owned(),
            other => other.to_string().replace('`', "").replace("boolean ", "").replace("integer ", ""),
        };
        Self::custom(format!("must be {expected}, not {found}"))
    }

    fn invalid_value(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Fault::unknown("property", field, expected)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Fault::unknown("value", variant, expected)
    }

    fn missing_field(field: &'static str) -> Self {
        Fault { missing: Some(field.to_owned()), ..Self::custom(format!("the property {field} is missing")) }
    }
}

/// Reads one JSON value.
#[derive(Clone, Copy)]
pub(super) struct Reader<'j>(pub(super) &'j Json);

/// The property that says of which variant or type an object is.
pub(super) const TYPE: &str = "@type";

impl<'j> Reader<'j> {
    fn members(members: &'j [Member]) -> Members<'j> {
        Members { rest: members, value: None }
    }

    fn visit_items<'de, V: Visitor<'de>>(
        items: Vec<(String, &'j Json)>,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_seq(Items { rest: items.into_iter() })
    }
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.0.node {
            Node::Null => visitor.visit_unit(),
            Node::Bool(truth) => visitor.visit_bool(*truth),
            Node::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(number), _) => visitor.visit_u64(number),
                (None, Some(number)) => visitor.visit_i64(number),
                (None, None) => visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN)),
            },
            Node::Text(text) => visitor.visit_str(text),
            Node::List(_) => self.deserialize_seq(visitor),
            Node::Object(members) => visitor.visit_map(Reader::members(members)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0.node {
            Node::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    /// A list is written as an array or as an object with the keys 0, 1, …; a set also as member → true.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.0.node {
            Node::List(items) => {
                let numbered = items.iter().enumerate().map(|(place, item)| (place.to_string(), item));
                Reader::visit_items(numbered.collect(), visitor)
            }
            Node::Object(members)
                if members.iter().all(|member| matches!(member.value.node, Node::Bool(_))) =>
            {
                let is_in = |member: &&Member| matches!(member.value.node, Node::Bool(true));
                visitor.visit_seq(Keys { rest: members.iter().filter(is_in).collect::<Vec<_>>().into_iter() })
            }
            Node::Object(members) => {
                let mut numbered = Vec::new();
                for member in members {
                    let number: u64 = member.key.parse().map_err(|_| {
                        Fault::at(member.at, format!("the keys of a list are 0, 1, …, not {}", member.key))
                    })?;
                    numbered.push((number, member));
                }
                numbered.sort_by_key(|(number, _)| *number);
                let items = numbered.into_iter().map(|(_, member)| (member.key.clone(), &member.value));
                Reader::visit_items(items.collect(), visitor)
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.0.node {
            Node::Text(text) => visitor.visit_enum(Variant { name: text, at: self.0.at, members: &[] }),
            Node::Object(members) => match self.0.member(TYPE) {
                Some(Json { node: Node::Text(name), at }) => {
                    visitor.visit_enum(Variant { name, at: *at, members })
                }
                Some(other) => Err(Fault::at(other.at, format!("{TYPE} must be a text"))),
                None => {
                    let fault = Fault::at(self.0.at, format!("the property {TYPE} is missing"));
                    Err(Fault { missing: Some(TYPE.to_owned()), ..fault }
                        .hint(format!("one of {}", variants.join(", "))))
                }
            },
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct tuple tuple_struct map struct identifier ignored_any
    }
}

/// The members of an object, but for its type.
struct Members<'j> {
    rest: &'j [Member],
    value: Option<&'j Member>,
}

impl<'de> de::MapAccess<'de> for Members<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        while let [member, rest @ ..] = self.rest {
            self.rest = rest;
            if member.key != TYPE {
                self.value = Some(member);
                let key = seed.deserialize(member.key.as_str().into_deserializer());
                return key
                    .map(Some)
                    .map_err(|fault: Fault| Fault { at: fault.at.or(Some(member.at)), ..fault });
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let member = self.value.take().expect("a value is asked for after its key");
        let value = seed.deserialize(Reader(&member.value));
        value.map_err(|fault| fault.within(&member.key, member.value.at))
    }
}

/// The elements of a list, with their keys.
struct Items<'j> {
    rest: std::vec::IntoIter<(String, &'j Json)>,
}

impl<'de> de::SeqAccess<'de> for Items<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some((key, json)) = self.rest.next() else { return Ok(None) };
        seed.deserialize(Reader(json)).map(Some).map_err(|fault| fault.within(&key, json.at))
    }
}

/// The members of a set.
struct Keys<'j> {
    rest: std::vec::IntoIter<&'j Member>,
}

impl<'de> de::SeqAccess<'de> for Keys<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some(member) = self.rest.next() else { return Ok(None) };
        let item = seed.deserialize(member.key.as_str().into_deserializer());
        item.map(Some).map_err(|fault: Fault| fault.within(&member.key, member.at))
    }
}

/// A variant, by the name of its type, and its members.
struct Variant<'j> {
    name: &'j str,
    at: usize,
    members: &'j [Member],
}

impl<'de, 'j> EnumAccess<'de> for Variant<'j> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        let variant = seed.deserialize(self.name.into_deserializer());
        match variant {
            Ok(variant) => Ok((variant, self)),
            Err(fault) => Err(Fault { at: Some(self.at), ..fault }),
        }
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.members.iter().find(|member| member.key != TYPE) {
            None => Ok(()),
            Some(extra) => Err(Fault::at(extra.at, format!("{} has no property {}", self.name, extra.key))),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        seed.deserialize(de::value::MapAccessDeserializer::new(Reader::members(self.members)))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Fault> {
        Err(de::Error::custom("a variant is an object"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_map(Reader::members(self.members))
    }
}
