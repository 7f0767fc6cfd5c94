//! quoted-printable, which carries any bytes in seven bits and short lines (RFC 2045 section 6.7).

/// Characters of an encoded line at most, the soft line break included.
const LINE_CHARS_MAX: usize = 76;

/// Encodes. CRLF stays a line end; any other byte that is not printable ASCII is escaped.
pub fn encode(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + content.len() / 8);
    let mut rest = content;
    while !rest.is_empty() {
        let end = memchr::memmem::find(rest, b"\r\n");
        encode_line(&rest[..end.unwrap_or(rest.len())], &mut out);
        rest = end.map_or(&[][..], |end| &rest[end + 2..]);
        if end.is_some() {
            out.extend_from_slice(b"\r\n");
        }
    }
    out
}

fn encode_line(line: &[u8], out: &mut Vec<u8>) {
    let mut width = 0;
    for (at, byte) in line.iter().enumerate() {
        let last = at + 1 == line.len();
        let literal = matches!(byte, b'!'..=b'<' | b'>'..=b'~') || matches!(byte, b' ' | b'\t') && !last;
        let needed = if literal { 1 } else { 3 };
        if width + needed > LINE_CHARS_MAX - 1 {
            out.extend_from_slice(b"=\r\n");
            width = 0;
        }
        if literal {
            out.push(*byte);
        } else {
            out.extend_from_slice(format!("={byte:02X}").as_bytes());
        }
        width += needed;
    }
}

/// Decodes; what is no escape stays as it is. Line ends may be CRLF or LF.
pub fn decode(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        if rest.starts_with(b"=\r\n") {
            at += 3;
        } else if rest.starts_with(b"=\n") {
            at += 2;
        } else if let Some(byte) = escaped(rest) {
            out.push(byte);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    out
}

fn escaped(rest: &[u8]) -> Option<u8> {
    let [b'=', high, low, ..] = rest else { return None };
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(content: &str, expected: &str) {
        assert_eq!(String::from_utf8(encode(content.as_bytes())).unwrap(), expected);
    }

    #[test]
    fn encodes_what_is_not_printable() {
        check("a=b\r\n", "a=3Db\r\n");
        check("ends in a space \r\nb", "ends in a space=20\r\nb");
        check("\u{e9}\n", "=C3=A9=0A");
        check(&"x".repeat(80), &format!("{}=\r\n{}", "x".repeat(75), "x".repeat(5)));
    }

    proptest! {
        #[test]
        fn decodes_what_it_encoded(content in proptest::collection::vec(any::<u8>(), 0..400)) {
            let encoded = String::from_utf8(encode(&content)).unwrap();
            prop_assert!(encoded.lines().all(|line| line.len() <= LINE_CHARS_MAX));
            prop_assert_eq!(decode(&encoded), content);
        }
    }
}
