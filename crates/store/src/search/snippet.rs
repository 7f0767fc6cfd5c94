//! Where in a message was it found? Texts with marks for JMAP's SearchSnippet (RFC 8621 section 5).

use std::ops::Range;

use mail::digest::{Digest, fold, text_with};

use crate::messages::{Criterion, Filter};

/// Bytes of a snippet at most, marks included (RFC 8621 section 5).
const SNIPPET_BYTES_MAX: usize = 255;
/// Bytes before the first mark at most.
const LEAD_BYTES: usize = 60;
const MARK: &str = "<mark>";
const MARK_END: &str = "</mark>";

/// What is shown of a message; `None` where nothing was found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Snippet {
    /// Of its subject.
    pub subject: Option<String>,
    /// Of its text.
    pub preview: Option<String>,
}

/// Where the texts of a filter stand in a message. Texts that must not be there are not shown.
pub fn snippet(filter: &Filter, content: &[u8], digest: &Digest<'_>) -> Snippet {
    let (mut of_subject, mut of_body) = (Vec::new(), Vec::new());
    needles(filter, &mut of_subject, &mut of_body);
    if of_subject.is_empty() && of_body.is_empty() {
        return Snippet::default();
    }
    let text = text_with(content, digest);
    Snippet { subject: marked(&text.subject, &of_subject), preview: marked(&text.body, &of_body) }
}

fn needles(filter: &Filter, of_subject: &mut Vec<String>, of_body: &mut Vec<String>) {
    match filter {
        Filter::And(list) | Filter::Or(list) => {
            list.iter().for_each(|filter| needles(filter, of_subject, of_body))
        }
        Filter::Is(Criterion::Subject(text)) => of_subject.extend(word(text)),
        Filter::Is(Criterion::Body(text)) => of_body.extend(word(text)),
        Filter::Is(Criterion::Text(text)) => {
            of_subject.extend(word(text));
            of_body.extend(word(text));
        }
        Filter::Not(_) | Filter::Is(_) => {}
    }
}

fn word(text: &str) -> Option<String> {
    Some(fold(text)).filter(|text| !text.trim().is_empty())
}

/// The text around the first place, with all places marked; none if there is none.
pub fn marked(text: &str, needles: &[String]) -> Option<String> {
    let line = Line::of(text);
    let places = line.places(needles);
    let first = places.first()?;
    let mut start = line.boundary(first.start.saturating_sub(LEAD_BYTES));
    if start > 0 {
        // Begins with a whole word, if there is one before the place.
        start = line.shown[start..first.start].find(' ').map_or(start, |space| start + space + 1);
    }
    let mut out = String::new();
    let mut at = start;
    for place in places.iter().filter(|place| place.start >= start) {
        let mut inside = String::new();
        escape(&line.shown[at..place.start], SNIPPET_BYTES_MAX.saturating_sub(out.len()), &mut out);
        let room = SNIPPET_BYTES_MAX.saturating_sub(out.len() + MARK.len() + MARK_END.len());
        if !escape(&line.shown[place.clone()], room, &mut inside) && inside.is_empty() {
            return Some(out);
        }
        at = place.end;
        out = out + MARK + &inside + MARK_END;
    }
    escape(&line.shown[at..], SNIPPET_BYTES_MAX.saturating_sub(out.len()), &mut out);
    Some(out)
}

/// Appends as much as there is room for; whether that is all.
fn escape(text: &str, room: usize, out: &mut String) -> bool {
    let end = out.len().saturating_add(room);
    for c in text.chars() {
        let mut buffer = [0; 4];
        let escaped = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '"' => "&quot;",
            c => c.encode_utf8(&mut buffer),
        };
        if out.len() + escaped.len() > end {
            return false;
        }
        out.push_str(escaped);
    }
    true
}

/// A text on one line, beside its comparable form.
struct Line {
    shown: String,
    folded: String,
    /// For each byte of the comparable form the character of `shown` from which it comes: its begin and end.
    origin: Vec<Range<usize>>,
}

impl Line {
    fn of(text: &str) -> Line {
        let mut line = Line { shown: String::new(), folded: String::new(), origin: Vec::new() };
        for c in text.chars() {
            let is_space = c.is_whitespace() || c.is_control();
            if is_space && (line.shown.ends_with(' ') || line.shown.is_empty()) {
                continue;
            }
            let start = line.shown.len();
            line.shown.push(if is_space { ' ' } else { c });
            let end = line.shown.len();
            line.folded.push_str(&fold(&line.shown[start..]));
            line.origin.resize(line.folded.len(), start..end);
        }
        line
    }

    /// Where the texts stand in what is shown, in order, none within another.
    fn places(&self, needles: &[String]) -> Vec<Range<usize>> {
        let mut places = Vec::new();
        for needle in needles.iter().map(|needle| needle.trim()).filter(|needle| !needle.is_empty()) {
            for at in
                memchr::memmem::find_iter(self.folded.as_bytes(), needle.as_bytes()).take(SNIPPET_BYTES_MAX)
            {
                places.push(self.origin[at].start..self.origin[at + needle.len() - 1].end);
            }
        }
        places.sort_by_key(|place| (place.start, std::cmp::Reverse(place.end)));
        let mut last = 0;
        places.retain(|place| {
            let stands = place.start >= last;
            last = if stands { place.end } else { last };
            stands
        });
        places
    }

    fn boundary(&self, mut at: usize) -> usize {
        while !self.shown.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn show(text: &str, needles: &[&str]) -> Option<String> {
        let needles: Vec<String> = needles.iter().map(|needle| fold(needle)).collect();
        marked(text, &needles)
    }

    #[test]
    fn what_was_found_is_marked() {
        for (text, needles, expected) in [
            ("The Foo sat", &["foo"][..], Some("The <mark>Foo</mark> sat")),
            ("a <b> & foo", &["foo"], Some("a &lt;b&gt; &amp; <mark>foo</mark>")),
            ("foo\r\n  bar foo", &["foo bar", "FOO"], Some("<mark>foo bar</mark> <mark>foo</mark>")),
            ("Grüße", &["GRÜSSE"], None),
            ("Grüße", &["GRÜ"], Some("<mark>Grü</mark>ße")),
            ("İstanbul", &["stan"], Some("İ<mark>stan</mark>bul")),
            ("nothing", &["foo"], None),
        ] {
            assert_eq!(show(text, needles).as_deref(), expected, "{text}");
        }
        let long = format!("{}needle{}", "words before ".repeat(50), " words after".repeat(50));
        let found = show(&long, &["needle"]).unwrap();
        assert!(
            found.len() <= SNIPPET_BYTES_MAX && found.starts_with("before words ")
                || found.starts_with("words"),
            "{found}"
        );
        assert!(found.contains("<mark>needle</mark>"), "{found}");
    }

    proptest! {
        #[test]
        fn snippets_are_short_and_whole(text in "\\PC{0,400}", needle in "\\PC{1,5}") {
            if let Some(found) = show(&text, &[&needle]) {
                prop_assert!(found.len() <= SNIPPET_BYTES_MAX);
                prop_assert_eq!(found.matches(MARK).count(), found.matches(MARK_END).count());
                let bare = found.replace(MARK, "").replace(MARK_END, "");
                prop_assert!(!bare.contains('<') && !bare.contains('>'));
            }
        }
    }
}
