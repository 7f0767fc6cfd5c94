//! One connection to an LDAP server: bind, search, StartTLS, one question at a time.

use std::io;

use store::lookup::{Channel, Secure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::ber::{self, ENUMERATED, Element, INTEGER, OCTET_STRING, SEQUENCE, element, integer, sequence};
use super::filter::boolean;

/// Entries of an answer at most: one is wanted, two are too many.
const ENTRIES_MAX: usize = 2;
const BIND_REQUEST: u8 = 0x60;
const BIND_RESPONSE: u8 = 0x61;
const SEARCH_REQUEST: u8 = 0x63;
const SEARCH_ENTRY: u8 = 0x64;
const SEARCH_DONE: u8 = 0x65;
const SEARCH_REFERENCE: u8 = 0x73;
const EXTENDED_REQUEST: u8 = 0x77;
const EXTENDED_RESPONSE: u8 = 0x78;
/// RFC 4511 section 4.14.
const START_TLS: &[u8] = b"1.3.6.1.4.1.1466.20037";

/// Whether a bind was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Bound {
    Yes,
    /// Not with this password, or not this entry.
    No,
}

/// What a search found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    pub(super) dn: String,
    attributes: Vec<(String, Vec<String>)>,
}

impl Entry {
    /// The values of an attribute; options such as `;binary` are not asked for.
    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let of_name = self.attributes.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name));
        of_name.flat_map(|(_, values)| values).map(String::as_str)
    }
}

pub(super) struct Connection {
    stream: Box<dyn Channel>,
    read: Vec<u8>,
    last_id: u32,
}

impl Connection {
    pub(super) async fn open(host: &str, port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect((host, port)).await?;
        let _ = stream.set_nodelay(true);
        Ok(Connection { stream: Box::new(stream), read: Vec::new(), last_id: 0 })
    }

    /// The same over TLS. What was read in the clear is not believed (RFC 4513 section 3.1.4).
    pub(super) async fn secured(self, secure: &dyn Secure, host: &str, verify: bool) -> io::Result<Self> {
        if !self.read.is_empty() {
            return Err(io::Error::other("the server said more before TLS began"));
        }
        let stream = secure.secure(self.stream, host, verify).await?;
        Ok(Connection { stream, read: Vec::new(), last_id: self.last_id })
    }

    pub(super) async fn start_tls(&mut self) -> Result<(), String> {
        self.send(&element(EXTENDED_REQUEST, &element(0x80, START_TLS))).await?;
        match self.result(EXTENDED_RESPONSE).await? {
            (0, _) => Ok(()),
            (code, text) => Err(format!("the server does not begin TLS: {code} {text}")),
        }
    }

    pub(super) async fn bind(&mut self, dn: &str, password: &[u8]) -> Result<Bound, String> {
        let parts = [integer(INTEGER, 3), element(OCTET_STRING, dn.as_bytes()), element(0x80, password)];
        self.send(&sequence(BIND_REQUEST, &parts)).await?;
        match self.result(BIND_RESPONSE).await? {
            (0, _) => Ok(Bound::Yes),
            // noSuchObject, inappropriateAuthentication, invalidCredentials, insufficientAccessRights, unwillingToPerform:
            // the last two are said of accounts that are locked.
            (32 | 48 | 49 | 50 | 53, _) => Ok(Bound::No),
            (code, text) => Err(format!("the server does not answer a bind: {code} {text}")),
        }
    }

    /// All entries below `base` that the filter takes.
    pub(super) async fn search(
        &mut self,
        base: &str,
        filter: &[u8],
        attributes: &[&str],
    ) -> Result<Vec<Entry>, String> {
        let attributes: Vec<_> =
            attributes.iter().map(|name| element(OCTET_STRING, name.as_bytes())).collect();
        let parts = [
            element(OCTET_STRING, base.as_bytes()),
            // wholeSubtree, neverDerefAliases
            integer(ENUMERATED, 2),
            integer(ENUMERATED, 0),
            integer(INTEGER, u32::try_from(ENTRIES_MAX).unwrap_or(2)),
            integer(INTEGER, 0),
            boolean(false),
            filter.to_vec(),
            sequence(SEQUENCE, &attributes),
        ];
        self.send(&sequence(SEARCH_REQUEST, &parts)).await?;
        let mut entries = Vec::new();
        loop {
            let (tag, content) = self.receive().await?;
            match tag {
                SEARCH_ENTRY if entries.len() < ENTRIES_MAX => entries.push(entry(&content)?),
                SEARCH_ENTRY => return Err("the server says more than was asked for".to_owned()),
                SEARCH_REFERENCE => {}
                SEARCH_DONE => {
                    return match result(&content)? {
                        // sizeLimitExceeded: there are as many as matter.
                        (0 | 4, _) => Ok(entries),
                        (code, text) => Err(format!("the search failed: {code} {text}")),
                    };
                }
                other => return Err(format!("a search is answered by {other:#x}")),
            }
        }
    }

    async fn send(&mut self, operation: &[u8]) -> Result<(), String> {
        self.last_id = self.last_id.wrapping_add(1).max(1) & 0x7fff_ffff;
        let message = sequence(SEQUENCE, &[integer(INTEGER, self.last_id), operation.to_vec()]);
        self.stream.write_all(&message).await.map_err(|error| error.to_string())?;
        self.stream.flush().await.map_err(|error| error.to_string())
    }

    async fn result(&mut self, expected: u8) -> Result<(u32, String), String> {
        let (tag, content) = self.receive().await?;
        if tag == expected { result(&content) } else { Err(format!("a question is answered by {tag:#x}")) }
    }

    /// The next operation that answers our last question.
    async fn receive(&mut self) -> Result<(u8, Vec<u8>), String> {
        let malformed = || "the server says what is no LDAP message".to_owned();
        loop {
            if let Some(length) = ber::whole(&self.read).map_err(|()| malformed())?
                && length <= self.read.len()
            {
                let message: Vec<u8> = self.read.drain(..length).collect();
                let mut parts = ber::take(&mut message.as_slice()).ok_or_else(malformed)?.parts();
                let id = parts.next().and_then(Element::number).ok_or_else(malformed)?;
                let operation = parts.next().ok_or_else(malformed)?;
                if id == self.last_id {
                    return Ok((operation.tag, operation.content.to_vec()));
                }
                // RFC 4511 section 4.4: what was not asked for is the notice that the server goes away.
                return Err("the server ends the connection".to_owned());
            }
            match self.stream.read_buf(&mut self.read).await {
                Ok(0) => return Err("the server has closed the connection".to_owned()),
                Ok(_) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }
}

/// Result code and what the server says to it (RFC 4511 section 4.1.9).
fn result(content: &[u8]) -> Result<(u32, String), String> {
    let mut parts = Element { tag: SEQUENCE, content }.parts();
    let code = parts.next().and_then(Element::number).ok_or("the server gives no result")?;
    let text = parts.nth(1).and_then(Element::text).unwrap_or_default();
    Ok((code, text.chars().filter(|c| !c.is_control()).take(200).collect()))
}

fn entry(content: &[u8]) -> Result<Entry, String> {
    let mut parts = Element { tag: SEQUENCE, content }.parts();
    let dn = parts.next().and_then(Element::text).ok_or("the server gives an entry without a name")?;
    let mut attributes = Vec::new();
    for attribute in parts.next().into_iter().flat_map(Element::parts) {
        let mut parts = attribute.parts();
        let name = parts.next().and_then(Element::text).unwrap_or_default();
        let values = parts.next().into_iter().flat_map(Element::parts).filter_map(Element::text);
        attributes.push((name.to_owned(), values.map(str::to_owned).collect()));
    }
    Ok(Entry { dn: dn.to_owned(), attributes })
}
