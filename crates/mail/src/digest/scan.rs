//! Where is each part of a message? Follows MIME's structure from begin to end, once (RFC 2046 section 5.1.1).

use std::ops::Range;

use memchr::{memchr, memchr_iter};

use super::entity::{Entity, Kind};
use super::limits::{DEPTH_MAX, PARTS_MAX, STEPS_MAX};

/// A part, and where it lies.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) parent: Option<usize>,
    pub(super) children: usize,
    pub(super) kind: Kind,
    pub(super) entity: Entity,
    pub(super) header: Range<usize>,
    pub(super) body: Range<usize>,
}

/// The parts of a message, each before those in it; the first is the message itself.
pub(super) fn scan(content: &[u8]) -> Vec<Node> {
    let mut scan = Scan { content, nodes: Vec::new(), open: Vec::new(), steps: 0, at: 0 };
    scan.run();
    scan.finish();
    scan.nodes
}

/// A part whose end is not yet known.
struct Open {
    node: usize,
    /// Of a multipart whose parts are being read.
    boundary: Option<Vec<u8>>,
    in_digest: bool,
}

struct Scan<'a> {
    content: &'a [u8],
    nodes: Vec<Node>,
    open: Vec<Open>,
    steps: u64,
    at: usize,
}

/// A line that separates parts.
struct Delimiter {
    /// Which of the open parts it belongs to.
    nth: usize,
    closes: bool,
    line: Range<usize>,
}

impl Scan<'_> {
    fn run(&mut self) {
        loop {
            if !self.entity() {
                // Directly in a message: its own header comes next.
                continue;
            }
            loop {
                let Some(delimiter) = self.next_delimiter() else { return };
                self.close_to(delimiter.nth + 1, before_line_end(self.content, delimiter.line.start));
                self.at = delimiter.line.end;
                if delimiter.closes {
                    self.open[delimiter.nth].boundary = None;
                } else if self.nodes.len() + 1 >= PARTS_MAX {
                    self.opaque_rest();
                    return;
                } else {
                    break;
                }
            }
        }
    }

    /// Reads the header that begins here. Whether its body is to be passed over next.
    fn entity(&mut self) -> bool {
        let start = self.at;
        let in_digest = self.open.last().is_some_and(|open| open.in_digest);
        let header_end = self.header_end(start);
        let mut entity = Entity::read(&self.content[start..header_end], in_digest);
        let mut kind = entity.kind();
        if kind != Kind::Leaf && (self.open.len() >= DEPTH_MAX || self.nodes.len() + 1 >= PARTS_MAX) {
            entity.degrade();
            kind = Kind::Leaf;
        }
        let boundary = if kind == Kind::Multipart { entity.boundary().map(<[u8]>::to_vec) } else { None };
        let in_digest = kind == Kind::Multipart && entity.subtype == "digest";
        self.at = header_end;
        self.push(kind, entity, start..header_end);
        self.open.push(Open { node: self.nodes.len() - 1, boundary, in_digest });
        kind != Kind::Message
    }

    fn push(&mut self, kind: Kind, entity: Entity, header: Range<usize>) {
        let parent = self.open.last().map(|open| open.node);
        if let Some(parent) = parent {
            self.nodes[parent].children += 1;
        }
        let body = header.end..header.end;
        self.nodes.push(Node { parent, children: 0, kind, entity, header, body });
    }

    /// After the empty line; before a delimiter that comes earlier.
    fn header_end(&mut self, start: usize) -> usize {
        let mut at = start;
        while at < self.content.len() {
            let end = line_end(self.content, at);
            let line = &self.content[at..end];
            if matches!(line, b"\r\n" | b"\n") {
                return end;
            }
            if line.starts_with(b"--") && self.delimiter(at..end).is_some() {
                return at;
            }
            at = end;
        }
        at
    }

    fn next_delimiter(&mut self) -> Option<Delimiter> {
        if self.open.iter().all(|open| open.boundary.is_none()) {
            return None;
        }
        let mut at = self.at;
        while at < self.content.len() {
            if self.content[at..].starts_with(b"--") {
                let line = at..line_end(self.content, at);
                if let Some(found) = self.delimiter(line) {
                    return Some(found);
                }
            }
            at += memchr::memmem::find(&self.content[at..], b"\n--")? + 1;
        }
        None
    }

    /// Whose delimiter this line is, if anybody's. The innermost comes first.
    fn delimiter(&mut self, line: Range<usize>) -> Option<Delimiter> {
        let text = self.content[line.clone()].strip_prefix(b"--")?.trim_ascii_end();
        for (nth, open) in self.open.iter().enumerate().rev() {
            let Some(boundary) = &open.boundary else { continue };
            self.steps += 1 + boundary.len() as u64 / 64;
            if self.steps > STEPS_MAX {
                return None;
            }
            match text.strip_prefix(&boundary[..]) {
                Some(b"") => return Some(Delimiter { nth, closes: false, line }),
                Some(b"--") => return Some(Delimiter { nth, closes: true, line }),
                Some(_) | None => {}
            }
        }
        None
    }

    /// Ends the open parts from this one on.
    fn close_to(&mut self, nth: usize, end: usize) {
        // A part that begins right before the delimiter begins after the line end before it; what it lies in goes
        // as far.
        let mut end = end;
        for open in self.open.drain(nth..).rev() {
            let body = &mut self.nodes[open.node].body;
            end = end.max(body.start);
            body.end = end;
        }
    }

    /// All that follows is one part without structure.
    fn opaque_rest(&mut self) {
        let at = self.at;
        self.push(Kind::Leaf, Entity::opaque(), at..at);
        self.open.push(Open { node: self.nodes.len() - 1, boundary: None, in_digest: false });
    }

    fn finish(&mut self) {
        self.close_to(0, self.content.len());
        for node in &mut self.nodes {
            // A multipart without parts cannot be said in BODYSTRUCTURE.
            if node.kind != Kind::Leaf && node.children == 0 {
                node.kind = Kind::Leaf;
                node.entity.degrade();
            }
        }
    }
}

fn line_end(content: &[u8], at: usize) -> usize {
    memchr(b'\n', &content[at..]).map_or(content.len(), |lf| at + lf + 1)
}

/// The line end before a delimiter belongs to the delimiter.
fn before_line_end(content: &[u8], at: usize) -> usize {
    match &content[..at] {
        [.., b'\r', b'\n'] => at - 2,
        [.., b'\n'] => at - 1,
        _ => at,
    }
}

/// Lines of a text.
pub(super) fn line_count(text: &[u8]) -> u64 {
    memchr_iter(b'\n', text).count() as u64 + u64::from(text.last().is_some_and(|last| *last != b'\n'))
}
