//! Which fields of a header a client wants: HEADER.FIELDS and HEADER.FIELDS.NOT (RFC 9051 section 6.4.5.1).

/// Which of the fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Which {
    /// Those named.
    Named,
    /// Those not named.
    Others,
}

/// The fields of a header, as they are, with the empty line that ends it. Names are the same in every case.
pub(super) fn select(header: &[u8], names: &[String], which: Which) -> Vec<u8> {
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
}
