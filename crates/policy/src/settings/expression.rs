//! The JSON forms of an expression: an object with `match` and `else`, the older array, or a plain text.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, json};

use super::json::fields;
use crate::expr::{Branch, Expression};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ObjectForm {
    #[serde(default, rename = "match")]
    matches: Vec<BranchForm>,
    #[serde(default, rename = "else", deserialize_with = "fields::optional_formula")]
    otherwise: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BranchForm {
    #[serde(rename = "if", deserialize_with = "fields::formula")]
    condition: String,
    #[serde(deserialize_with = "fields::formula")]
    then: String,
}

/// An element of the older array: a branch, or at the end an `else`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ArrayForm {
    #[serde(default, rename = "if", deserialize_with = "fields::optional_formula")]
    condition: Option<String>,
    #[serde(default, deserialize_with = "fields::optional_formula")]
    then: Option<String>,
    #[serde(default, rename = "else", deserialize_with = "fields::optional_formula")]
    otherwise: Option<String>,
}

impl<'de> Deserialize<'de> for Expression {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(ExpressionVisitor)
    }
}

/// As documents have it; null if it says nothing.
impl Serialize for Expression {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if *self == Expression::default() {
            return serializer.serialize_unit();
        }
        let branch = |branch: &Branch| json!({ "if": branch.condition, "then": branch.then });
        let branches = self.matches.iter().enumerate().map(|(at, one)| (at.to_string(), branch(one)));
        json!({ "match": branches.collect::<Map<_, _>>(), "else": self.otherwise }).serialize(serializer)
    }
}

impl JsonSchema for Expression {
    fn schema_name() -> Cow<'static, str> {
        "Expression".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "x-kind": "expression" })
    }
}

struct ExpressionVisitor;

impl<'de> Visitor<'de> for ExpressionVisitor {
    type Value = Expression;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an expression: an object with match and else, a text, or a plain value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Expression, E> {
        let otherwise = Some(text.to_owned()).filter(|text| !text.trim().is_empty());
        Ok(Expression { matches: Vec::new(), otherwise })
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Expression, E> {
        Ok(Expression::always(if truth { "true" } else { "false" }))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Expression, E> {
        Ok(Expression::always(&number.to_string()))
    }

    fn visit_unit<E>(self) -> Result<Expression, E> {
        Ok(Expression::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Expression, A::Error> {
        let form = ObjectForm::deserialize(MapAccessDeserializer::new(map))?;
        let branch = |branch: BranchForm| Branch { condition: branch.condition, then: branch.then };
        Ok(Expression { matches: form.matches.into_iter().map(branch).collect(), otherwise: form.otherwise })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Expression, A::Error> {
        let mut expression = Expression::default();
        while let Some(element) = seq.next_element::<ArrayForm>()? {
            if expression.otherwise.is_some() {
                return Err(A::Error::custom("nothing may follow 'else'"));
            }
            match element {
                ArrayForm { condition: Some(condition), then: Some(then), otherwise: None } => {
                    expression.matches.push(Branch { condition, then });
                }
                ArrayForm { condition: None, then: None, otherwise: Some(otherwise) } => {
                    expression.otherwise = Some(otherwise);
                }
                _ => return Err(A::Error::custom("an element has either 'if' and 'then', or 'else'")),
            }
        }
        Ok(expression)
    }
}
