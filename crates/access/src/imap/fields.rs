//! Which fields of a header a client wants: HEADER.FIELDS and HEADER.FIELDS.NOT (RFC 9051 section 6.4.5.1).

use std::borrow::Cow;

/// Which of the fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which {
    /// Those named.
    Named,
    /// Those not named.
    Others,
}

/// The fields of a header, as they are, with the empty line that ends it. Names are the same in every case.
pub fn select(header: &[u8], names: &[String], which: Which) -> Vec<u8> {
    let mut chosen = Vec::new();
    let mut keep = false;
    for line in header.split_inclusive(|byte| *byte == b'\n') {
        let bare = line.strip_suffix(b"\n").unwrap_or(line);
        if bare.strip_suffix(b"\r").unwrap_or(bare).is_empty() {
            break;
        }
        if !matches!(line.first(), Some(b' ' | b'\t')) {
            let end = line.iter().position(|byte| *byte == b':');
            let name = end.map_or(&[][..], |end| line[..end].trim_ascii_end());
            let named = names.iter().any(|wanted| wanted.as_bytes().eq_ignore_ascii_case(name));
            keep = end.is_some() && named == (which == Which::Named);
        }
        if keep {
            chosen.extend_from_slice(line);
        }
    }
    chosen.extend_from_slice(b"\r\n");
    chosen
}

/// The octets from `first` on, `length` at most; none if they lie behind the end (RFC 9051 section 6.4.5, `<partial>`).
pub fn partial(octets: Cow<'_, [u8]>, first: u32, length: u32) -> Cow<'_, [u8]> {
    let from = usize::try_from(first).unwrap_or(usize::MAX).min(octets.len());
    let to = from.saturating_add(usize::try_from(length).unwrap_or(usize::MAX)).min(octets.len());
    match octets {
        Cow::Borrowed(all) => Cow::Borrowed(&all[from..to]),
        Cow::Owned(all) => Cow::Owned(all[from..to].to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_form_and_order() {
        let header = b"From: a@example.org\r\nSUBJECT : long\r\n line\r\nno colon\r\nTo: b\r\nsubject: 2\r\n\r\nBody: x\r\n";
        let names = ["subject".to_string(), "to".to_string()];
        let named = select(header, &names, Which::Named);
        assert_eq!(named, b"SUBJECT : long\r\n line\r\nTo: b\r\nsubject: 2\r\n\r\n");
        assert_eq!(select(header, &names, Which::Others), b"From: a@example.org\r\n\r\n");
        assert_eq!(select(b"", &names, Which::Named), b"\r\n");
    }

    #[test]
    fn a_part_may_lie_behind_the_end() {
        let of = |first, length| partial(Cow::Borrowed(b"0123456789"), first, length).into_owned();
        assert_eq!((of(0, 4), of(8, 4), of(10, 1), of(u32::MAX, u32::MAX)), (b"0123".into(), b"89".into(), vec![], vec![]));
    }
}
