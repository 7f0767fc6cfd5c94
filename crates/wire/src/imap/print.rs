//! Writes the small words of IMAP: atoms, strings, flags, names (RFC 9051 section 9).

use mail::{Flags, SystemFlag};

use super::cursor::Names;
use super::names::to_utf7;

/// A quoted string at most; longer ones are literals.
const QUOTED_BYTES_MAX: usize = 1000;

/// A number.
pub fn number(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    let mut left = number;
    loop {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// A string: quoted if it can be, else a literal. UTF-8 is quoted only for those who read it so.
pub fn string(out: &mut Vec<u8>, text: &[u8], names: Names) {
    let fits = |byte: &u8| match names {
        Names::Utf7 => (0x20..0x7F).contains(byte),
        Names::Utf8 => *byte >= 0x20 && *byte != 0x7F,
    };
    let utf8 = names == Names::Utf7 || std::str::from_utf8(text).is_ok();
    if text.len() <= QUOTED_BYTES_MAX && utf8 && text.iter().all(fits) {
        out.push(b'"');
        for byte in text {
            if matches!(byte, b'"' | b'\\') {
                out.push(b'\\');
            }
            out.push(*byte);
        }
        out.push(b'"');
    } else {
        literal(out, text);
    }
}

/// A string, or NIL.
pub fn nstring(out: &mut Vec<u8>, text: Option<&[u8]>, names: Names) {
    match text {
        Some(text) => string(out, text, names),
        None => out.extend_from_slice(b"NIL"),
    }
}

/// A literal. Bytes of a NUL make it a literal of any bytes (RFC 9051 section 4.3.1).
pub fn literal(out: &mut Vec<u8>, bytes: &[u8]) {
    if memchr::memchr(0, bytes).is_some() {
        out.push(b'~');
    }
    out.push(b'{');
    number(out, bytes.len() as u64);
    out.extend_from_slice(b"}\r\n");
    out.extend_from_slice(bytes);
}

/// The name of a mailbox, as an astring.
pub fn mailbox(out: &mut Vec<u8>, name: &str, names: Names) {
    match names {
        Names::Utf7 => astring(out, &to_utf7(name), names),
        Names::Utf8 => astring(out, name, names),
    }
}

/// A word, or a string where it is none.
pub fn astring(out: &mut Vec<u8>, text: &str, names: Names) {
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"(){%*\"\\".contains(&byte);
    // NIL as a word would be no string.
    if !text.is_empty() && text.bytes().all(plain) && !text.eq_ignore_ascii_case("NIL") {
        out.extend_from_slice(text.as_bytes());
    } else {
        string(out, text.as_bytes(), names);
    }
}

/// Flags in parentheses.
pub fn flags(out: &mut Vec<u8>, flags: &Flags) {
    out.push(b'(');
    let system =
        SystemFlag::ALL.into_iter().filter(|flag| flags.has(*flag)).map(|flag| -> &str { flag.imap() });
    let keywords = flags.keywords.iter().map(|keyword| known_case(keyword));
    for (index, flag) in system.chain(keywords).enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(flag.as_bytes());
    }
    out.push(b')');
}

/// Keywords are kept in lower case; some are known in another (RFC 5788), and not all clients know that it is the same.
fn known_case(keyword: &str) -> &str {
    const KNOWN: [&str; 8] = [
        "$Forwarded",
        "$MDNSent",
        "$SubmitPending",
        "$Submitted",
        "$Junk",
        "$NotJunk",
        "$Phishing",
        "$Important",
    ];
    KNOWN.into_iter().find(|known| known.eq_ignore_ascii_case(keyword)).unwrap_or(keyword)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::cursor::Cursor;
    use super::*;

    #[track_caller]
    fn printed(print: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        print(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn words_and_strings() {
        assert_eq!(printed(|out| string(out, b"a \"b\" \\", Names::Utf7)), r#""a \"b\" \\""#);
        assert_eq!(printed(|out| string(out, "é".as_bytes(), Names::Utf7)), "{2}\r\né");
        assert_eq!(printed(|out| string(out, "é".as_bytes(), Names::Utf8)), "\"é\"");
        assert_eq!(printed(|out| string(out, b"a\0", Names::Utf8)), "~{2}\r\na\0");
        assert_eq!(printed(|out| mailbox(out, "Entwürfe", Names::Utf7)), "Entw&APw-rfe");
        assert_eq!(printed(|out| mailbox(out, "Entwürfe", Names::Utf8)), "\"Entwürfe\"");
        assert_eq!(printed(|out| mailbox(out, "nil", Names::Utf8)), "\"nil\"");
        assert_eq!(printed(|out| mailbox(out, "", Names::Utf8)), "\"\"");
        let keywords = Flags { system: 3, keywords: ["$forwarded".to_owned(), "x".to_owned()].into() };
        assert_eq!(printed(|out| flags(out, &keywords)), "(\\Seen \\Answered $Forwarded x)");
    }

    proptest! {
        #[test]
        fn a_number_is_as_rust_has_it(value: u64) {
            prop_assert_eq!(printed(|out| number(out, value)), value.to_string());
        }

        #[test]
        fn what_is_printed_is_read_again(text in "[^\\x00]{0,30}", utf8: bool) {
            let names = if utf8 { Names::Utf8 } else { Names::Utf7 };
            let mut out = Vec::new();
            astring(&mut out, &text, names);
            prop_assert_eq!(Cursor::new(&out, names).astring(), Ok(text));
        }

        #[test]
        fn a_name_is_read_again(name in "[^\\p{C}]{1,30}", utf8: bool) {
            prop_assume!(!name.to_ascii_uppercase().starts_with("INBOX"));
            let name = mail::mailbox::composed(&name).into_owned();
            let names = if utf8 { Names::Utf8 } else { Names::Utf7 };
            let mut out = Vec::new();
            mailbox(&mut out, &name, names);
            prop_assert_eq!(Cursor::new(&out, names).mailbox(), Ok(name));
        }
    }
}
