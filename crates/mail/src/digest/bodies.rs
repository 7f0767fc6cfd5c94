//! Which parts are shown, and which are offered to be saved? The algorithm of RFC 8621 section 4.1.4.

use super::part::{Part, Structure};

/// Parts by what a reader does with them: indices into all parts.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Bodies {
    /// What is shown of a message to who prefers text.
    pub text: Vec<usize>,
    /// What is shown to who prefers HTML.
    pub html: Vec<usize>,
    /// The rest.
    pub attachments: Vec<usize>,
}

impl Bodies {
    /// Sorts the parts of a message.
    pub fn of(parts: &[Part<'_>]) -> Bodies {
        let mut children = vec![Vec::new(); parts.len()];
        for (nth, part) in parts.iter().enumerate() {
            if let Some(parent) = part.parent.and_then(|parent| children.get_mut(parent)) {
                parent.push(nth);
            }
        }
        let mut sort = Sort { parts, children: &children, bodies: Bodies::default() };
        if !parts.is_empty() {
            sort.level(&[0], Level { multipart: "mixed", in_alternative: false, text: true, html: true });
        }
        sort.bodies
    }

    /// Whether there is something that a reader should offer to save.
    pub fn has_attachment(&self, parts: &[Part<'_>]) -> bool {
        let is_inline = |part: &Part<'_>| part.disposition.is_some_and(|(name, _)| name == "inline");
        self.attachments.iter().filter_map(|nth| parts.get(*nth)).any(|part| !is_inline(part))
    }
}

struct Sort<'p, 'a> {
    parts: &'p [Part<'a>],
    children: &'p [Vec<usize>],
    bodies: Bodies,
}

/// What holds for the parts of one multipart.
#[derive(Clone, Copy)]
struct Level<'a> {
    multipart: &'a str,
    in_alternative: bool,
    /// Whether more is wanted of this.
    text: bool,
    html: bool,
}

impl Sort<'_, '_> {
    /// Goes no deeper than messages are looked into.
    fn level(&mut self, members: &[usize], mut level: Level<'_>) {
        let (text_len, html_len) = (self.bodies.text.len(), self.bodies.html.len());
        for (place, &nth) in members.iter().enumerate() {
            let part = &self.parts[nth];
            if part.structure == Structure::Multipart {
                let (children, multipart) = (self.children, part.subtype);
                let in_alternative = level.in_alternative || multipart == "alternative";
                self.level(&children[nth], Level { multipart, in_alternative, ..level });
            } else if is_inline(part, place, level.multipart) {
                self.inline(nth, &mut level);
            } else {
                self.bodies.attachments.push(nth);
            }
        }
        if level.multipart == "alternative" && level.text && level.html {
            let Bodies { text, html, .. } = &mut self.bodies;
            if text.len() == text_len && html.len() != html_len {
                text.extend_from_slice(&html[html_len..]);
            } else if html.len() == html_len && text.len() != text_len {
                html.extend_from_slice(&text[text_len..]);
            }
        }
    }

    fn inline(&mut self, nth: usize, level: &mut Level<'_>) {
        let part = &self.parts[nth];
        if level.multipart == "alternative" {
            match () {
                () if part.is("text", "plain") => self.push(nth, level.text, false),
                () if part.is("text", "html") => self.push(nth, false, level.html),
                () => self.bodies.attachments.push(nth),
            }
            return;
        }
        if level.in_alternative {
            level.html &= !part.is("text", "plain");
            level.text &= !part.is("text", "html");
        }
        self.push(nth, level.text, level.html);
        if !(level.text && level.html) && is_inline_media(part) {
            self.bodies.attachments.push(nth);
        }
    }

    fn push(&mut self, nth: usize, text: bool, html: bool) {
        if text {
            self.bodies.text.push(nth);
        }
        if html {
            self.bodies.html.push(nth);
        }
    }
}

fn is_inline(part: &Part<'_>, place: usize, multipart: &str) -> bool {
    let is_shown = part.is("text", "plain") || part.is("text", "html") || is_inline_media(part);
    let is_alone = || multipart != "related" && (is_inline_media(part) || part.name().is_none());
    !part.is_attachment() && is_shown && part.structure == Structure::Leaf && (place == 0 || is_alone())
}

fn is_inline_media(part: &Part<'_>) -> bool {
    matches!(part.media, "image" | "audio" | "video")
}
