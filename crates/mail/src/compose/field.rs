//! Writes a header field from what it means, folded and in ASCII (RFC 5322 section 2.2, RFC 2047).

use thiserror::Error;

use crate::encoded_word;
use crate::header::is_field_name;

/// Characters of a line before it is folded (RFC 5322 section 2.1.1).
const LINE_CHARS_MAX: usize = 76;
/// Characters of a line at most (RFC 5322 section 2.1.1).
const LINE_CHARS_HARD_MAX: usize = 998;

/// A field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What it says.
    pub value: FieldValue,
}

/// What a field says, in the forms of RFC 8621 section 4.1.2.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FieldValue {
    /// As it is to stand there, folds and all.
    Raw(String),
    /// Text.
    Text(String),
    /// Addresses, in groups or outside.
    Addresses(Vec<Group>),
    /// Message identifiers, without their brackets.
    MessageIds(Vec<String>),
    /// URLs, without their brackets.
    Urls(Vec<String>),
}

/// Addresses under one name, or under none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// The name.
    pub name: Option<String>,
    /// They.
    pub members: Vec<Named>,
}

/// An address with the name of whom it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Named {
    /// The name.
    pub name: Option<String>,
    /// The address.
    pub address: String,
}

/// Why a field cannot be written.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum FieldError {
    /// The name is none.
    #[error("{0:?} cannot be the name of a field")]
    Name(String),
    /// What is in it would end it, or begin another one.
    #[error("{0} has control characters, or a line that is too long")]
    Value(String),
    /// An address is none.
    #[error("{0}: {1:?} is no address")]
    Address(String, String),
}

impl Field {
    /// Appends the field, CRLF at its end. Nothing in it can begin another field.
    pub(super) fn append_to(&self, out: &mut Vec<u8>) -> Result<(), FieldError> {
        let name = &self.name;
        if !is_field_name(name) || name.len() > LINE_CHARS_MAX {
            return Err(FieldError::Name(name.clone()));
        }
        match &self.value {
            FieldValue::Raw(text) => raw(name, text, out),
            FieldValue::Text(text) => {
                let text = encoded_word::text(&one_line(text), name.len() + 2);
                written(name, &text, out)
            }
            FieldValue::Addresses(groups) => written(name, &folded(name, &addresses(name, groups)?), out),
            FieldValue::MessageIds(ids) => {
                let all = bracketed(name, ids, |c| c.is_ascii_graphic() && !"<>".contains(c))?;
                written(name, &folded(name, &all), out)
            }
            FieldValue::Urls(urls) => {
                let mut all = bracketed(name, urls, |c| c.is_ascii_graphic() && !"<>".contains(c))?;
                let last = all.len().saturating_sub(1);
                all.iter_mut().take(last).for_each(|url| url.push(','));
                written(name, &folded(name, &all), out)
            }
        }
    }
}

/// A field of plain text.
pub(super) fn plain(name: &str, value: &str, out: &mut Vec<u8>) -> Result<(), FieldError> {
    let words: Vec<String> = value.split(' ').map(str::to_owned).collect();
    if !value.chars().all(|c| matches!(c, ' '..='~')) {
        return Err(FieldError::Value(name.to_owned()));
    }
    written(name, &folded(name, &words), out)
}

/// What is wanted as it is: every line after the first must begin with white space and have something else too.
fn raw(name: &str, text: &str, out: &mut Vec<u8>) -> Result<(), FieldError> {
    let wrong = || FieldError::Value(name.to_owned());
    let text = text.strip_suffix("\r\n").unwrap_or(text);
    for (nth, line) in text.split("\r\n").enumerate() {
        let is_fold = nth == 0 || line.starts_with([' ', '\t']) && !line.trim().is_empty();
        let is_plain = !line.chars().any(|c| c.is_control() && c != '\t');
        if !is_fold || !is_plain || line.len() + name.len() + 2 > LINE_CHARS_HARD_MAX {
            return Err(wrong());
        }
    }
    let space = if text.starts_with([' ', '\t']) || text.is_empty() { "" } else { " " };
    out.extend_from_slice(format!("{name}:{space}{text}\r\n").as_bytes());
    Ok(())
}

fn written(name: &str, value: &str, out: &mut Vec<u8>) -> Result<(), FieldError> {
    if value.split("\r\n").any(|line| line.len() > LINE_CHARS_HARD_MAX || line.contains(['\r', '\n', '\0'])) {
        return Err(FieldError::Value(name.to_owned()));
    }
    out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    Ok(())
}

/// The words on lines that are not too long.
fn folded(name: &str, words: &[String]) -> String {
    let mut out = String::new();
    let mut width = name.len() + 2;
    for word in words {
        let first = word.split("\r\n").next().unwrap_or_default();
        if !out.is_empty() && width + 1 + first.len() > LINE_CHARS_MAX {
            out.push_str("\r\n");
            width = 0;
        }
        if !out.is_empty() {
            out.push(' ');
            width += 1;
        }
        out.push_str(word);
        width = match word.rsplit_once("\r\n") {
            Some((_, last)) => last.len(),
            None => width + word.len(),
        };
    }
    out
}

fn bracketed(
    name: &str,
    items: &[String],
    permitted: impl Fn(char) -> bool,
) -> Result<Vec<String>, FieldError> {
    let each = |item: &String| match !item.is_empty() && item.chars().all(&permitted) {
        true => Ok(format!("<{item}>")),
        false => Err(FieldError::Value(name.to_owned())),
    };
    items.iter().map(each).collect()
}

/// The words of a list of addresses: no address is broken.
fn addresses(name: &str, groups: &[Group]) -> Result<Vec<String>, FieldError> {
    let mut words: Vec<String> = Vec::new();
    for (nth, group) in groups.iter().enumerate() {
        let comma = if nth + 1 < groups.len() { "," } else { "" };
        if let Some(named) = &group.name {
            words.push(format!("{}:", encoded_word::exact_phrase(&one_line(named))));
        }
        let members = group.members.iter().enumerate().map(|(at, named)| {
            let is_last = at + 1 == group.members.len();
            let end = match (&group.name, is_last) {
                (Some(_), true) => String::new(),
                (None, true) => comma.to_owned(),
                (_, false) => ",".to_owned(),
            };
            address(name, named).map(|address| address + &end)
        });
        words.extend(members.collect::<Result<Vec<_>, _>>()?);
        if group.name.is_some() {
            match words.last_mut() {
                Some(last) => last.push_str(&format!(";{comma}")),
                None => words.push(format!(";{comma}")),
            }
        }
    }
    Ok(words)
}

fn address(field: &str, named: &Named) -> Result<String, FieldError> {
    let address = named.address.trim();
    let wrong = || FieldError::Address(field.to_owned(), named.address.clone());
    let plain = |c: char| !c.is_control() && !"<>".contains(c);
    if address.is_empty() || address.len() > 512 || !address.chars().all(plain) || !is_one(address) {
        return Err(wrong());
    }
    match named.name.as_deref().map(str::trim).filter(|name| !name.is_empty()) {
        Some(name) => Ok(format!("{} <{address}>", encoded_word::exact_phrase(&one_line(name)))),
        None => Ok(address.to_owned()),
    }
}

/// Whether a text cannot be taken for two addresses: what separates them stands in quotes only.
fn is_one(address: &str) -> bool {
    let (mut quoted, mut escaped) = (false, false);
    for c in address.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' | ';' | ':' | '(' | ')' | ' ' | '\\' if !quoted && !address.contains('[') => return false,
            ',' | ';' | '(' | ')' | ' ' if !quoted => return false,
            _ => {}
        }
    }
    !quoted
}

/// Without what would end the line.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
