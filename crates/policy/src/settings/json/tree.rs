//! JSON as a tree that remembers where everything stands.

use super::reader::Fault;

/// Levels of lists and objects inside one another.
const DEPTH_MAX: usize = 32;
/// Bytes of a settings file.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// A JSON value.
#[derive(Clone, Debug)]
pub(super) struct Json {
    /// Its first byte.
    pub(super) at: usize,
    pub(super) node: Node,
}

/// What a JSON value is.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    Text(String),
    List(Vec<Json>),
    Object(Vec<Member>),
}

/// A member of an object.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) key: String,
    /// The key's first byte.
    pub(super) at: usize,
    pub(super) value: Json,
}

impl Json {
    /// Parses a whole text.
    pub(super) fn parse(text: &str) -> Result<Json, Fault> {
        if text.len() > BYTES_MAX {
            return Err(Fault::at(0, format!("the file is larger than {BYTES_MAX} bytes")));
        }
        let mut parser =
            Parser { text, at: text.len() - text.trim_start_matches('\u{feff}').len(), depth: 0 };
        let json = parser.value()?;
        parser.skip_white_space();
        match parser.peek() {
            None => Ok(json),
            Some(_) => Err(Fault::at(parser.at, "something follows the end of the JSON value")),
        }
    }

    /// The member of an object.
    pub(super) fn member(&self, key: &str) -> Option<&Json> {
        match &self.node {
            Node::Object(members) => {
                members.iter().find(|member| member.key == key).map(|member| &member.value)
            }
            Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) | Node::List(_) => None,
        }
    }

    /// The text of a member that is a text.
    pub(super) fn text_member(&self, key: &str) -> Option<&str> {
        match &self.member(key)?.node {
            Node::Text(text) => Some(text),
            Node::Null | Node::Bool(_) | Node::Number(_) | Node::List(_) | Node::Object(_) => None,
        }
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_white_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// Takes `byte`, after white space, if it comes next.
    fn eat(&mut self, byte: u8) -> bool {
        self.skip_white_space();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        if self.eat(byte) {
            return Ok(());
        }
        let found = self.text[self.at..].chars().next();
        let found = found.map_or("the end of the file".to_owned(), |c| format!("{c:?}"));
        Err(Fault::at(self.at, format!("{:?} is expected here, not {found}", char::from(byte))))
    }

    fn value(&mut self) -> Result<Json, Fault> {
        self.skip_white_space();
        let at = self.at;
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Fault::at(at, format!("this is nested more than {DEPTH_MAX} levels deep")));
        }
        let node = match self.peek() {
            Some(b'{') => self.object()?,
            Some(b'[') => self.list()?,
            Some(b'"') => Node::Text(self.string()?),
            _ => self.word()?,
        };
        self.depth -= 1;
        Ok(Json { at, node })
    }

    fn object(&mut self) -> Result<Node, Fault> {
        self.at += 1;
        let mut members: Vec<Member> = Vec::new();
        let mut keys = std::collections::BTreeSet::new();
        if self.eat(b'}') {
            return Ok(Node::Object(members));
        }
        loop {
            self.skip_white_space();
            let at = self.at;
            if self.peek() != Some(b'"') {
                return Err(Fault::at(at, "the name of a property in double quotes is expected here"));
            }
            let key = self.string()?;
            if !keys.insert(key.clone()) {
                return Err(Fault::at(at, format!("{key} is there twice")));
            }
            self.expect(b':')?;
            members.push(Member { key, at, value: self.value()? });
            if !self.eat(b',') {
                self.expect(b'}')?;
                return Ok(Node::Object(members));
            }
        }
    }

    fn list(&mut self) -> Result<Node, Fault> {
        self.at += 1;
        let mut items = Vec::new();
        if self.eat(b']') {
            return Ok(Node::List(items));
        }
        loop {
            items.push(self.value()?);
            if !self.eat(b',') {
                self.expect(b']')?;
                return Ok(Node::List(items));
            }
        }
    }

    fn string(&mut self) -> Result<String, Fault> {
        let start = self.at;
        let mut escaped = false;
        let end = self.text.as_bytes()[start + 1..].iter().position(|byte| {
            let closes = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            closes
        });
        let Some(end) = end else { return Err(Fault::at(start, "this text has no closing quote")) };
        self.at = start + end + 2;
        serde_json::from_str(&self.text[start..self.at]).map_err(|error| {
            let column = error.column().saturating_sub(1);
            let text = error.to_string();
            let reason = text.split(" at line ").next().unwrap_or_default().to_owned();
            Fault::at(start + column, format!("this text is malformed: {reason}"))
        })
    }

    fn word(&mut self) -> Result<Node, Fault> {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && !matches!(c, '+' | '-' | '.' | '_'));
        let word = &rest[..end.unwrap_or(rest.len())];
        let node = match word {
            "null" => Node::Null,
            "true" => Node::Bool(true),
            "false" => Node::Bool(false),
            "" if rest.is_empty() => {
                return Err(Fault::at(self.at, "the file ends where a value is expected"));
            }
            _ => match serde_json::from_str(word) {
                Ok(number) => Node::Number(number),
                Err(_) => {
                    let found: String = if word.is_empty() { rest } else { word }.chars().take(20).collect();
                    let fault = Fault::at(self.at, format!("a value is expected here, not {found}"));
                    return Err(if word.is_empty() {
                        fault
                    } else {
                        fault.hint("texts are in double quotes")
                    });
                }
            },
        };
        self.at += word.len();
        Ok(node)
    }
}
