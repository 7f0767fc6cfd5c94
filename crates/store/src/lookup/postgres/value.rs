//! Values on their way to and from PostgreSQL.

use std::error::Error;

use bytes::BytesMut;
use policy::expr::{Argument, LookupValue};
use tokio_postgres::types::{Format, FromSql, IsNull, Kind, ToSql, Type, to_sql_checked};

/// A value for a parameter, in its textual form: the server makes of it what the statement wants there, as of a quoted
/// literal, and says so if it cannot.
#[derive(Debug)]
pub(super) struct Parameter(String);

impl Parameter {
    pub(super) fn new(argument: &Argument) -> Self {
        Parameter(match argument {
            Argument::Text(text) => text.clone(),
            Argument::Integer(number) => number.to_string(),
        })
    }
}

impl ToSql for Parameter {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

/// A value of a row; none if it is NULL.
pub(super) struct Column(pub(super) Option<LookupValue>);

/// Whether values of a type can be read.
pub(super) fn is_readable(kind: &Type) -> bool {
    match kind.kind() {
        Kind::Domain(inner) => is_readable(inner),
        Kind::Enum(_) => true,
        _ => is_number(kind) || is_text(kind),
    }
}

fn is_number(kind: &Type) -> bool {
    [Type::BOOL, Type::INT2, Type::INT4, Type::INT8, Type::OID, Type::FLOAT4, Type::FLOAT8].contains(kind)
}

fn is_text(kind: &Type) -> bool {
    let plain = [Type::TEXT, Type::VARCHAR, Type::BPCHAR, Type::NAME, Type::UNKNOWN, Type::JSON, Type::XML];
    plain.contains(kind) || kind.name() == "citext"
}

impl<'a> FromSql<'a> for Column {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        if let Kind::Domain(inner) = kind.kind() {
            return Column::from_sql(inner, raw);
        }
        let value = match *kind {
            Type::BOOL => LookupValue::Integer(bool::from_sql(kind, raw)?.into()),
            Type::INT2 => LookupValue::Integer(i16::from_sql(kind, raw)?.into()),
            Type::INT4 => LookupValue::Integer(i32::from_sql(kind, raw)?.into()),
            Type::INT8 => LookupValue::Integer(i64::from_sql(kind, raw)?),
            Type::OID => LookupValue::Integer(u32::from_sql(kind, raw)?.into()),
            Type::FLOAT4 => LookupValue::Float(f32::from_sql(kind, raw)?.into()),
            Type::FLOAT8 => LookupValue::Float(f64::from_sql(kind, raw)?),
            _ => LookupValue::Text(std::str::from_utf8(raw)?.to_owned()),
        };
        Ok(Column(Some(value)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Column(None))
    }

    fn accepts(kind: &Type) -> bool {
        is_readable(kind)
    }
}
