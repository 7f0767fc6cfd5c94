//! How does a signature see the bytes? The canonical forms of header fields and bodies (RFC 6376 section 3.4).

/// Bytes of canonical body that are gathered before they are handed on.
const PIECE_BYTES: usize = 4 * 1024;

/// How insensitive to harmless changes on the way a signature is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Canonicalization {
    /// Not at all, but for empty lines at the end of the body.
    Simple,
    /// To changed white space, and to folding and case of field names.
    #[default]
    Relaxed,
}

impl Canonicalization {
    /// As the tag `c=` writes it.
    pub fn name(self) -> &'static str {
        match self {
            Canonicalization::Simple => "simple",
            Canonicalization::Relaxed => "relaxed",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Canonicalization::Simple, Canonicalization::Relaxed].into_iter().find(|known| known.name() == name)
    }

    /// Appends a header field, its folds and its line end as received, in canonical form with one CRLF at its end.
    pub fn append_field(self, field: &[u8], out: &mut Vec<u8>) {
        let field = field.strip_suffix(b"\r\n").unwrap_or(field);
        match self {
            Canonicalization::Simple => out.extend_from_slice(field),
            Canonicalization::Relaxed => {
                let colon = field.iter().position(|byte| *byte == b':').unwrap_or(field.len());
                out.extend(field[..colon].trim_ascii_end().iter().map(u8::to_ascii_lowercase));
                out.push(b':');
                append_unfolded(field.get(colon + 1..).unwrap_or_default(), out);
            }
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// Without line ends, runs of white space as one space, none at either end (RFC 6376 section 3.4.2).
fn append_unfolded(value: &[u8], out: &mut Vec<u8>) {
    let mut words =
        value.split(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).filter(|word| !word.is_empty());
    out.extend(words.next().unwrap_or_default());
    for word in words {
        out.push(b' ');
        out.extend_from_slice(word);
    }
}

/// Makes a body canonical while it streams by, in bounded memory.
#[derive(Debug)]
pub struct BodyCanonicalizer {
    how: Canonicalization,
    /// CRLFs that are held back: at the end of the body they do not count.
    line_ends: u64,
    /// A CR whose LF has not come yet.
    cr: bool,
    /// White space within a line that something may follow.
    space: bool,
    /// Whether anything was handed on.
    begun: bool,
    gathered: Vec<u8>,
}

impl BodyCanonicalizer {
    /// At the beginning of a body.
    pub fn new(how: Canonicalization) -> Self {
        BodyCanonicalizer {
            how,
            line_ends: 0,
            cr: false,
            space: false,
            begun: false,
            gathered: Vec::with_capacity(PIECE_BYTES),
        }
    }

    /// Takes a piece of the body and hands on what is certain of its canonical form.
    pub fn push(&mut self, mut bytes: &[u8], sink: &mut dyn FnMut(&[u8])) {
        while let Some(&byte) = bytes.first() {
            if self.cr {
                self.cr = false;
                if byte == b'\n' {
                    self.line_ends += 1;
                    self.space = false;
                    bytes = &bytes[1..];
                    continue;
                }
                self.text(b"\r", sink);
            }
            let is_space = |byte: u8| self.how == Canonicalization::Relaxed && matches!(byte, b' ' | b'\t');
            match byte {
                b'\r' => {
                    self.cr = true;
                    bytes = &bytes[1..];
                }
                byte if is_space(byte) => {
                    self.space = true;
                    bytes = &bytes[1..];
                }
                _ => {
                    let ends = |byte: &u8| *byte == b'\r' || is_space(*byte);
                    let (text, rest) = bytes.split_at(bytes.iter().position(ends).unwrap_or(bytes.len()));
                    self.text(text, sink);
                    bytes = rest;
                }
            }
        }
    }

    /// The body is over.
    pub fn finish(mut self, sink: &mut dyn FnMut(&[u8])) {
        if self.cr {
            self.text(b"\r", sink);
        }
        // RFC 6376 section 3.4.3: the simple form of no body is a CRLF. Section 3.4.4: the relaxed one is nothing.
        if self.begun || self.how == Canonicalization::Simple {
            self.gather(b"\r\n", sink);
        }
        sink(&self.gathered);
    }

    /// Text that is no white space: what was held back before it counts now.
    fn text(&mut self, text: &[u8], sink: &mut dyn FnMut(&[u8])) {
        self.begun = true;
        for _ in 0..std::mem::take(&mut self.line_ends) {
            self.gather(b"\r\n", sink);
        }
        if std::mem::take(&mut self.space) {
            self.gather(b" ", sink);
        }
        self.gather(text, sink);
    }

    fn gather(&mut self, bytes: &[u8], sink: &mut dyn FnMut(&[u8])) {
        if self.gathered.len() + bytes.len() > PIECE_BYTES {
            sink(&self.gathered);
            self.gathered.clear();
        }
        match bytes.len() {
            0..=PIECE_BYTES => self.gathered.extend_from_slice(bytes),
            _ => sink(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn body(how: Canonicalization, pieces: &[&[u8]]) -> String {
        let mut out = Vec::new();
        let mut canonicalizer = BodyCanonicalizer::new(how);
        for piece in pieces {
            canonicalizer.push(piece, &mut |bytes| out.extend_from_slice(bytes));
        }
        canonicalizer.finish(&mut |bytes| out.extend_from_slice(bytes));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_canonical_body() {
        // RFC 6376 sections 3.4.3 to 3.4.5.
        let check = |given: &str, simple: &str, relaxed: &str| {
            assert_eq!(body(Canonicalization::Simple, &[given.as_bytes()]), simple, "simple {given:?}");
            assert_eq!(body(Canonicalization::Relaxed, &[given.as_bytes()]), relaxed, "relaxed {given:?}");
        };
        check("", "\r\n", "");
        check("\r\n", "\r\n", "");
        check("\r\n\r\n\r\n", "\r\n", "");
        check(" \t \r\n\r\n", " \t \r\n", "");
        check(" C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n", " C\r\nD E\r\n");
        check("no end", "no end\r\n", "no end\r\n");
        check("a\r\n\r\nb\r\n", "a\r\n\r\nb\r\n", "a\r\n\r\nb\r\n");
        check("a\rb\nc \r", "a\rb\nc \r\r\n", "a\rb\nc \r\r\n");
        check("a \r\n \r\nb", "a \r\n \r\nb\r\n", "a\r\n\r\nb\r\n");
        check("\t\tx", "\t\tx\r\n", " x\r\n");
        check("a\r\r\n", "a\r\r\n", "a\r\r\n");
    }

    #[test]
    fn the_canonical_field() {
        let check = |given: &str, relaxed: &str| {
            let (mut simple, mut out) = (Vec::new(), Vec::new());
            Canonicalization::Simple.append_field(given.as_bytes(), &mut simple);
            Canonicalization::Relaxed.append_field(given.as_bytes(), &mut out);
            assert_eq!(String::from_utf8(simple).unwrap(), given);
            assert_eq!(String::from_utf8(out).unwrap(), relaxed, "{given:?}");
        };
        // RFC 6376 section 3.4.5.
        check("A: X\r\n", "a:X\r\n");
        check("B : Y\t\r\n\tZ  \r\n", "b:Y Z\r\n");
        check("Subject:\r\n", "subject:\r\n");
        check("Subject: \r\n folded: more\r\n", "subject:folded: more\r\n");
    }

    #[test]
    fn many_empty_lines_take_no_memory() {
        let mut canonicalizer = BodyCanonicalizer::new(Canonicalization::Relaxed);
        let mut count = 0;
        for _ in 0..1000 {
            canonicalizer.push(&b"\r\n".repeat(1000), &mut |_| panic!("nothing is certain yet"));
        }
        canonicalizer.push(b"x", &mut |bytes| {
            assert!(bytes.len() <= PIECE_BYTES);
            count += bytes.len();
        });
        canonicalizer.finish(&mut |bytes| count += bytes.len());
        assert_eq!(count, 2_000_003);
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(text in "[ab \t\r\n]{0,60}", cuts in prop::collection::vec(0usize..60, 0..6)) {
            for how in [Canonicalization::Simple, Canonicalization::Relaxed] {
                let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (text.len() + 1)).collect();
                cuts.extend([0, text.len()]);
                cuts.sort_unstable();
                let pieces: Vec<_> = cuts.windows(2).map(|cut| &text.as_bytes()[cut[0]..cut[1]]).collect();
                prop_assert_eq!(body(how, &pieces), body(how, &[text.as_bytes()]));
            }
        }

        #[test]
        fn what_is_canonical_stays_as_it_is(text in "[ab \t\r\n]{0,60}") {
            for how in [Canonicalization::Simple, Canonicalization::Relaxed] {
                let once = body(how, &[text.as_bytes()]);
                prop_assert_eq!(body(how, &[once.as_bytes()]), once);
            }
        }
    }
}
