//! Builds a message of what somebody has written: fields, texts, files. All of it is seven bits and short lines, but for
//! messages within it, which must not be encoded (RFC 2046 section 5.2.1).

mod body;
mod field;
mod parameter;
#[cfg(test)]
mod tests;

use bytes::Bytes;

pub use field::{Field, FieldError, FieldValue, Group, Named};

/// A part of a message, or the message.
#[derive(Clone, PartialEq, Debug)]
pub struct Entity {
    /// Fields, in order, without those that the following say.
    pub fields: Vec<Field>,
    /// Such as `text/plain`, in lower case.
    pub media_type: String,
    /// Of Content-Type, without charset and boundary.
    pub parameters: Vec<(String, String)>,
    /// Content-Disposition, with the name of the file.
    pub disposition: Option<(String, Option<String>)>,
    /// Content-ID, without its brackets.
    pub id: Option<String>,
    /// Content-Language.
    pub languages: Vec<String>,
    /// Content-Location.
    pub location: Option<String>,
    /// What is in it.
    pub body: Body,
}

/// What is in a part.
#[derive(Clone, PartialEq, Debug)]
pub enum Body {
    /// Text, its lines ended by LF or CRLF.
    Text(String),
    /// Bytes; with the charset that they are said to have.
    File(Bytes, Option<String>),
    /// A whole message.
    Message(Bytes),
    /// Parts.
    Parts(Vec<Entity>),
}

impl Entity {
    /// A part with nothing said but its type.
    pub fn new(media_type: &str, body: Body) -> Entity {
        Entity {
            fields: Vec::new(),
            media_type: media_type.to_owned(),
            parameters: Vec::new(),
            disposition: None,
            id: None,
            languages: Vec::new(),
            location: None,
            body,
        }
    }
}

/// The message, with CRLF line ends. `unique` goes into its boundaries: text that nobody can have put into a part.
///
/// # Errors
///
/// If a field cannot be written as it is wanted.
pub fn compose(message: &Entity, unique: &str) -> Result<Vec<u8>, FieldError> {
    let mut out = Vec::with_capacity(4096);
    for field in &message.fields {
        field.append_to(&mut out)?;
    }
    out.extend_from_slice(b"MIME-Version: 1.0\r\n");
    let mut writer = body::Writer { out, unique, boundaries: 0 };
    writer.described(message)?;
    Ok(writer.out)
}
