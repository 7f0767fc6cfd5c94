//! Undoes base64 and quoted-printable, forgiving what can be forgiven (RFC 2045 sections 6.7 and 6.8).

/// How a body is encoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Transfer {
    Identity,
    Base64,
    QuotedPrintable,
    /// Nobody knows; taken as it is.
    Unknown,
}

impl Transfer {
    pub(super) fn named(name: &[u8]) -> Transfer {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        match () {
            () if is("base64") => Transfer::Base64,
            () if is("quoted-printable") => Transfer::QuotedPrintable,
            () if name.is_empty() || is("7bit") || is("8bit") || is("binary") => Transfer::Identity,
            () => Transfer::Unknown,
        }
    }
}

/// Hands the decoded bytes on, one by one.
pub(super) fn each(transfer: Transfer, body: &[u8], mut push: impl FnMut(u8)) {
    match transfer {
        Transfer::Identity | Transfer::Unknown => body.iter().for_each(|byte| push(*byte)),
        Transfer::Base64 => each_of_base64(body, push),
        Transfer::QuotedPrintable => each_of_quoted_printable(body, push),
    }
}

/// How many bytes there are when decoded.
pub(super) fn decoded_len(transfer: Transfer, body: &[u8]) -> u64 {
    if matches!(transfer, Transfer::Identity | Transfer::Unknown) {
        return body.len() as u64;
    }
    let mut len = 0;
    each(transfer, body, |_| len += 1);
    len
}

/// All decoded bytes.
pub(super) fn base64(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() / 4 * 3);
    each_of_base64(body, |byte| out.push(byte));
    out
}

const SKIPPED: u8 = 0xff;
const VALUES: [u8; 256] = values();

const fn values() -> [u8; 256] {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut values, mut at) = ([SKIPPED; 256], 0);
    while at < 64 {
        values[alphabet[at] as usize] = at as u8;
        at += 1;
    }
    values
}

/// Bytes outside the alphabet are passed over. Padding ends a quantum; what follows begins another.
fn each_of_base64(body: &[u8], mut push: impl FnMut(u8)) {
    let (mut bits, mut count) = (0u32, 0);
    for &byte in body {
        let value = VALUES[usize::from(byte)];
        if value != SKIPPED {
            bits = bits << 6 | u32::from(value);
            count += 1;
            if count == 4 {
                push((bits >> 16) as u8);
                push((bits >> 8) as u8);
                push(bits as u8);
                (bits, count) = (0, 0);
            }
        } else if byte == b'=' {
            flush(bits, count, &mut push);
            (bits, count) = (0, 0);
        }
    }
    flush(bits, count, &mut push);
}

fn flush(bits: u32, count: u32, push: &mut impl FnMut(u8)) {
    match count {
        2 => push((bits >> 4) as u8),
        3 => {
            push((bits >> 10) as u8);
            push((bits >> 2) as u8);
        }
        _ => {}
    }
}

/// The value of two hexadecimal digits.
pub(super) fn hex(digits: &[u8]) -> Option<u8> {
    let [high, low] = digits else { return None };
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(value(*high)? << 4 | value(*low)?)
}

fn each_of_quoted_printable(body: &[u8], mut push: impl FnMut(u8)) {
    let mut lines = body.split_inclusive(|byte| *byte == b'\n');
    lines.by_ref().for_each(|line| {
        let (text, end) = split_line_end(line);
        // RFC 2045 section 6.7 rule 3: white space at the end of a line was added on the way.
        let mut rest = trim_end(text);
        while let Some((&byte, after)) = rest.split_first() {
            if byte != b'=' {
                push(byte);
                rest = after;
            } else if after.is_empty() && !end.is_empty() {
                return;
            } else if let Some(value) = after.get(..2).and_then(hex) {
                push(value);
                rest = &after[2..];
            } else {
                push(byte);
                rest = after;
            }
        }
        end.iter().for_each(|byte| push(*byte));
    });
}

fn split_line_end(line: &[u8]) -> (&[u8], &[u8]) {
    let len = match line {
        [.., b'\r', b'\n'] => line.len() - 2,
        [.., b'\n'] => line.len() - 1,
        _ => line.len(),
    };
    line.split_at(len)
}

fn trim_end(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|byte| !matches!(byte, b' ' | b'\t')).map_or(0, |last| last + 1);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_encoded_is_decoded() {
        use Transfer::{Base64, Identity, QuotedPrintable, Unknown};
        for (transfer, body, expected) in [
            (Base64, &b"aGVsbG8="[..], &b"hello"[..]),
            (Base64, b"aGVs\r\nbG8", b"hello"),
            (Base64, b"aGVsbG8=aGVsbG8=", b"hellohello"),
            (Base64, b"!aG*Vs bG8", b"hello"),
            (Base64, b"====", b""),
            (QuotedPrintable, b"a=3D=\r\nb  \r\nc=", b"a=b\r\nc="),
            (QuotedPrintable, b"=C3=bc=zz", b"\xc3\xbc=zz"),
            (QuotedPrintable, b"soft=  \r\nbreak=\nend", b"softbreakend"),
            (Identity, b"a=3D", b"a=3D"),
            (Unknown, b"a=3D", b"a=3D"),
        ] {
            let mut out = Vec::new();
            each(transfer, body, |byte| out.push(byte));
            assert_eq!(out, expected, "{}", String::from_utf8_lossy(body));
            assert_eq!(decoded_len(transfer, body), expected.len() as u64);
        }
    }
}
