//! What does a page say to who reads it? Text of HTML without its tags.

use mail_parser::decoders::html::add_html_token;

/// Elements whose text nobody sees.
const HIDDEN: [&str; 5] = ["style", "script", "head", "template", "title"];
/// Elements that stand within a line.
const INLINE: [&str; 16] = [
    "a", "abbr", "b", "bdo", "code", "em", "font", "i", "img", "s", "small", "span", "strong", "sub", "sup",
    "u",
];
/// Bytes of a character reference such as `&amp;`.
const ENTITY_BYTES_MAX: usize = 34;

/// The text.
pub fn text_of_html(html: &str) -> String {
    let mut out = String::with_capacity(html.len() / 2);
    let mut hidden: Option<String> = None;
    let mut rest = html;
    while let Some(at) = memchr::memchr2(b'<', b'&', rest.as_bytes()) {
        let (text, from) = rest.split_at(at);
        if hidden.is_none() {
            out.push_str(text);
        }
        if from.starts_with('&') {
            let len = entity_len(from);
            if hidden.is_none() {
                add_html_token(&mut out, &from.as_bytes()[..len], false);
            }
            rest = &from[len..];
        } else if hidden.as_ref().is_some_and(|name| name != "head" && !from.starts_with("</")) {
            // In a script `<` is no tag.
            rest = &from[1..];
        } else if let Some(tag) = tag(from) {
            rest = &from[tag.len..];
            match &hidden {
                Some(name) if tag.closes && *name == tag.name => hidden = None,
                // A head that nobody closes ends where the body begins.
                Some(name) if name == "head" && tag.name == "body" => hidden = None,
                Some(_) => {}
                None if !tag.closes && HIDDEN.contains(&&tag.name[..]) => hidden = Some(tag.name),
                None if tag.name.is_empty() || INLINE.contains(&&tag.name[..]) => {}
                None => out.push('\n'),
            }
        } else {
            if hidden.is_none() {
                out.push('<');
            }
            rest = &from[1..];
        }
    }
    if hidden.is_none() {
        out.push_str(rest);
    }
    out
}

struct Tag {
    /// In lower case; empty for a comment.
    name: String,
    closes: bool,
    len: usize,
}

fn tag(text: &str) -> Option<Tag> {
    if let Some(comment) = text.strip_prefix("<!--") {
        let len = memchr::memmem::find(comment.as_bytes(), b"-->").map_or(text.len(), |end| end + 7);
        return Some(Tag { name: String::new(), closes: false, len });
    }
    let closes = text.starts_with("</");
    let inner = &text[if closes { 2 } else { 1 }..];
    if !inner.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '!' | '?')) {
        return None;
    }
    let len = memchr::memchr(b'>', text.as_bytes()).map_or(text.len(), |end| end + 1);
    let name: String = inner
        .chars()
        .take(20)
        .take_while(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    Some(Tag { name, closes, len })
}

fn entity_len(text: &str) -> usize {
    let bytes = &text.as_bytes()[..text.len().min(ENTITY_BYTES_MAX)];
    let end = bytes.iter().skip(1).position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'#');
    match end {
        Some(end) if bytes[end + 1] == b';' => end + 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_go_and_text_stays() {
        for (html, expected) in [
            ("<p>a &amp; b</p>", "\na & b\n"),
            ("<b>bo</b>ld", "bold"),
            ("a<br/>b", "a\nb"),
            ("<style>x{}</style>a<script>if (a<b) {}</script>b", "ab"),
            ("<!-- c > d -->a", "a"),
            ("1 < 2 &unknown; &#252;&#xfc; & &", "1 < 2 &unknown; üü & &"),
            ("<head><title>t</title></head>a", "a"),
            ("<a href='x'>link</a>", "link"),
            ("open <tag", "open \n"),
            ("ü<ü>&ü;", "ü<ü>&ü;"),
        ] {
            assert_eq!(text_of_html(html), expected, "{html}");
        }
        let _ = text_of_html(&"<!--".repeat(500_000));
        let _ = text_of_html(&"<".repeat(1_000_000));
        let _ = text_of_html(&"<a".repeat(500_000));
    }
}
