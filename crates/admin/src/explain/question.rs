//! About which message is asked?

use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use mail::Timestamp;
use policy::{Trouble, TroubleKind};
use serde_json::Value;

use super::RECIPIENTS_MAX;

/// Bytes of the header fields that are given, at most.
const HEADER_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a message of which nothing else is said.
const SIZE: u64 = 1000;

/// A message that does not exist.
#[derive(Clone, Debug)]
pub struct Question {
    /// The reverse-path; empty for the null one.
    pub from: String,
    /// The recipients.
    pub to: Vec<String>,
    /// Who has authenticated.
    pub authenticated_as: Option<String>,
    /// The client's address.
    pub client_ip: IpAddr,
    /// The listener that it comes to; the first one unless said.
    pub listener: Option<String>,
    /// Its size in bytes.
    pub size: u64,
    /// Its header, as it would be sent.
    pub header: Bytes,
    /// Temporary failures so far.
    pub retry_num: u32,
    /// What the last attempt ran into.
    pub last: Option<Trouble>,
    /// When; now unless said.
    pub at: Option<Timestamp>,
}

/// Every kind of trouble, by which a last error is named.
const KINDS: [TroubleKind; 9] = [
    TroubleKind::Dns,
    TroubleKind::UnexpectedReply,
    TroubleKind::Connection,
    TroubleKind::Tls,
    TroubleKind::Dane,
    TroubleKind::MtaSts,
    TroubleKind::Rate,
    TroubleKind::Concurrency,
    TroubleKind::Io,
];

impl Question {
    /// About a message of which nothing else is said.
    pub fn new(from: impl Into<String>, to: Vec<String>) -> Self {
        Question {
            from: bare(&from.into()).to_owned(),
            to,
            authenticated_as: None,
            client_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            listener: None,
            size: SIZE,
            header: Bytes::new(),
            retry_num: 0,
            last: None,
            at: None,
        }
    }

    /// Reads the arguments of a method call; what is wrong with them otherwise.
    pub fn from_arguments(arguments: &Value) -> Result<Self, String> {
        let to = texts(arguments, "to")?;
        if to.is_empty() || to.len() > RECIPIENTS_MAX {
            return Err(format!("`to` is 1 to {RECIPIENTS_MAX} addresses"));
        }
        let mut question = Question::new(text(arguments, "from")?.unwrap_or_default(), to);
        question.authenticated_as = text(arguments, "authenticatedAs")?;
        question.listener = text(arguments, "listener")?;
        if let Some(ip) = text(arguments, "clientIp")? {
            question.client_ip = ip.parse().map_err(|_| format!("`clientIp` {ip} is not an IP address"))?;
        }
        if let Some(size) = number(arguments, "size")? {
            question.size = size;
        }
        if let Some(retries) = number(arguments, "retryNum")? {
            question.retry_num = u32::try_from(retries).map_err(|_| "`retryNum` is too large".to_owned())?;
        }
        question.header = header(&texts(arguments, "header")?)?;
        question.last = text(arguments, "lastError")?.map(|kind| last_error(&kind)).transpose()?.map(trouble);
        if let Some(at) = text(arguments, "at")? {
            let time = Timestamp::parse_rfc3339(&at);
            question.at =
                Some(time.ok_or_else(|| format!("`at` {at} is not a time such as 2026-08-21T10:00:00Z"))?);
        }
        Ok(question)
    }
}

/// The kind of trouble of this name.
pub fn last_error(text: &str) -> Result<TroubleKind, String> {
    let names: Vec<&str> = KINDS.iter().map(|kind| kind.name()).collect();
    let found = KINDS.into_iter().find(|kind| kind.name() == text);
    found.ok_or_else(|| format!("it is one of {}", names.join(", ")))
}

/// Trouble that did not happen.
pub fn trouble(kind: TroubleKind) -> Trouble {
    Trouble { kind, ..Trouble::ours("as the question says") }
}

/// Header fields, one a line, as they would be sent.
pub fn header(fields: &[String]) -> Result<Bytes, String> {
    for field in fields {
        let name = field.split_once(':').map(|(name, _)| name.trim_end());
        let is_field = name.is_some_and(mail::header::is_field_name) && !field.contains(['\r', '\n']);
        if !is_field {
            return Err(format!("`{field}` is not a name, a colon and a value on one line"));
        }
    }
    let header: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
    match header.len() > HEADER_BYTES_MAX {
        true => Err(format!("`header` has more than {HEADER_BYTES_MAX} bytes")),
        false => Ok(Bytes::from(header)),
    }
}

fn bare(text: &str) -> &str {
    text.trim().trim_start_matches('<').trim_end_matches('>')
}

fn text(arguments: &Value, name: &str) -> Result<Option<String>, String> {
    match arguments.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("`{name}` is a text")),
    }
}

fn number(arguments: &Value, name: &str) -> Result<Option<u64>, String> {
    match arguments.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            value.as_u64().map(Some).ok_or_else(|| format!("`{name}` is a whole number, 0 or more"))
        }
    }
}

/// A list of texts, as an array, as an object with the keys 0, 1, …, or a single one.
fn texts(arguments: &Value, name: &str) -> Result<Vec<String>, String> {
    let items: Vec<&Value> = match arguments.get(name) {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(items)) => items.iter().collect(),
        Some(Value::Object(items)) => items.values().collect(),
        Some(single) => vec![single],
    };
    let text = |item: &&Value| item.as_str().map(str::to_owned);
    items.iter().map(text).collect::<Option<_>>().ok_or_else(|| format!("`{name}` is a list of texts"))
}
