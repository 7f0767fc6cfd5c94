//! What a message typed by a person or a script needs before it may travel: line ends, Date, Message-ID.

use mail::Timestamp;
use wire::smtp::line_ends::LineEndMender;

use cli::paint::shown;

/// The same text with CRLF at the end of each line, also of the last.
pub(crate) fn crlf(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len() + raw.len() / 32 + 2);
    LineEndMender::default().append(raw, &mut out);
    if !out.is_empty() && !out.ends_with(b"\n") {
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Ends a text at the first line that is a single dot, as sendmail does without `-i`.
pub(crate) fn cut_at_dot(raw: &mut Vec<u8>) {
    let mut start = 0;
    while start < raw.len() {
        let end = raw[start..].iter().position(|&b| b == b'\n').map_or(raw.len(), |at| start + at + 1);
        if matches!(&raw[start..end], b"." | b".\n" | b".\r\n") {
            raw.truncate(start);
            return;
        }
        start = end;
    }
}

/// With the fields Date and Message-ID, if they were missing. A text without a header gets one.
pub(crate) fn completed(content: &[u8], now: Timestamp, message_id: &str) -> Vec<u8> {
    let fields = fields(content);
    let has = |name: &str| fields.iter().any(|field| field.name.eq_ignore_ascii_case(name));
    let mut out = Vec::with_capacity(content.len() + 128);
    if !has("Date") {
        out.extend_from_slice(format!("Date: {}\r\n", now.rfc5322()).as_bytes());
    }
    if !has("Message-ID") {
        out.extend_from_slice(format!("Message-ID: {message_id}\r\n").as_bytes());
    }
    if fields.is_empty() && !content.starts_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(content);
    out
}

/// Without its Bcc and Resent-Bcc fields (RFC 5322 sections 3.6.3 and 3.6.6).
pub(crate) fn without_bcc(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len());
    let mut after = 0;
    for field in fields(content) {
        if !["Bcc", "Resent-Bcc"].iter().any(|name| field.name.eq_ignore_ascii_case(name)) {
            out.extend_from_slice(&content[field.start..field.end]);
        }
        after = field.end;
    }
    out.extend_from_slice(&content[after..]);
    out
}

/// The addresses in To, Cc and Bcc.
pub(crate) fn header_recipients(content: &[u8]) -> Vec<String> {
    let wanted =
        |field: &&Field| ["To", "Cc", "Bcc"].iter().any(|name| field.name.eq_ignore_ascii_case(name));
    let bodies = fields(content);
    let bodies = bodies
        .iter()
        .filter(wanted)
        .map(|field| String::from_utf8_lossy(&content[field.body..field.end]).into_owned());
    bodies.flat_map(|body| addresses(&body)).collect()
}

/// The body of the first field of this name, unfolded, fit to be shown; empty if there is none.
pub(crate) fn field(content: &[u8], name: &str) -> String {
    let found = fields(content).into_iter().find(|field| field.name.eq_ignore_ascii_case(name));
    let Some(field) = found else { return String::new() };
    let body = String::from_utf8_lossy(&content[field.body..field.end]);
    shown(&body.split_whitespace().collect::<Vec<_>>().join(" "))
}

struct Field {
    name: String,
    start: usize,
    /// Behind the colon.
    body: usize,
    end: usize,
}

/// The fields of the header; none if the text does not begin with one.
fn fields(content: &[u8]) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    let mut start = 0;
    for line in content.split_inclusive(|&b| b == b'\n') {
        let end = start + line.len();
        let folded = matches!(line.first(), Some(b' ' | b'\t'));
        match (fields.last_mut(), field_name(line)) {
            (Some(field), _) if folded => field.end = end,
            (_, Some((name, colon))) => fields.push(Field { name, start, body: start + colon + 1, end }),
            _ => break,
        }
        start = end;
    }
    fields
}

/// The name and where the colon stands; white space may stand between them (RFC 5322 section 4.5).
fn field_name(line: &[u8]) -> Option<(String, usize)> {
    let colon = line.iter().position(|&b| b == b':')?;
    let name = line[..colon].trim_ascii_end();
    let plain = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    plain.then(|| (String::from_utf8_lossy(name).into_owned(), colon))
}

/// The addresses of an address list: quoted strings, comments and groups are seen, not more
/// (RFC 5322 section 3.4).
fn addresses(body: &str) -> Vec<String> {
    let mut mailboxes = vec![String::new()];
    let (mut quoted, mut escaped, mut comments) = (false, false, 0_usize);
    for c in body.chars() {
        let plain = !quoted && comments == 0;
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' if comments == 0 => quoted = !quoted,
            '(' if !quoted => comments += 1,
            ')' if !quoted && comments > 0 => {
                comments -= 1;
                continue;
            }
            ',' | ';' if plain => {
                mailboxes.push(String::new());
                continue;
            }
            // What stood before was the name of a group.
            ':' if plain && !mailboxes.last().is_some_and(|mailbox| mailbox.contains('<')) => {
                mailboxes.pop();
                mailboxes.push(String::new());
                continue;
            }
            _ => {}
        }
        if comments == 0
            && let Some(mailbox) = mailboxes.last_mut()
        {
            mailbox.push(c);
        }
    }
    mailboxes.iter().filter_map(|mailbox| bare(mailbox)).collect()
}

/// The address of one mailbox, without its display name.
fn bare(mailbox: &str) -> Option<String> {
    let inner = match mailbox.rsplit_once('<') {
        Some((_, rest)) => rest.split('>').next().unwrap_or(rest),
        None => mailbox,
    };
    let inner = inner.trim();
    (!inner.is_empty()).then(|| inner.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_ends_with_crlf() {
        for (raw, expected) in [
            ("a\nb\n", "a\r\nb\r\n"),
            ("a\r\nb", "a\r\nb\r\n"),
            ("a\rb\r\r\n", "a\r\nb\r\n\r\n"),
            ("\n\n", "\r\n\r\n"),
            ("", ""),
        ] {
            assert_eq!(String::from_utf8_lossy(&crlf(raw.as_bytes())), expected, "{raw:?}");
        }
    }

    #[test]
    fn a_single_dot_ends_the_message() {
        for (raw, expected) in
            [("a\n.\nb\n", "a\n"), ("a\n..\n", "a\n..\n"), (".\n", ""), ("a\n.", "a\n"), ("a.\n", "a.\n")]
        {
            let mut text = raw.as_bytes().to_vec();
            cut_at_dot(&mut text);
            assert_eq!(String::from_utf8_lossy(&text), expected, "{raw:?}");
        }
    }

    #[test]
    fn what_is_missing_is_added_and_nothing_else() {
        let now = Timestamp::from_millis(1_795_509_910_000);
        let completed = |text: &str| {
            String::from_utf8(completed(&crlf(text.as_bytes()), now, "<1@host.example>")).unwrap()
        };
        let added = "Date: Tue, 24 Nov 2026 08:45:10 +0000\r\nMessage-ID: <1@host.example>\r\n";
        assert_eq!(completed("Subject: x\n\ny\n"), format!("{added}Subject: x\r\n\r\ny\r\n"));
        assert_eq!(completed("hello\n"), format!("{added}\r\nhello\r\n"));
        assert_eq!(completed("\nhello\n"), format!("{added}\r\nhello\r\n"));
        let whole = "date: x\nMESSAGE-ID: y\n\nz\n";
        assert_eq!(completed(whole), "date: x\r\nMESSAGE-ID: y\r\n\r\nz\r\n");
    }

    #[test]
    fn recipients_are_found_in_the_header_alone() {
        let text = "To: Ann <ann@a.example>, \"B, C\" <bc@b.example>\nCc: friends: d@d.example,\n e@e.example;\n\
            bcc: f@f.example (the, boss)\nSubject: x\n\nTo: no@no.example\n";
        let found = header_recipients(&crlf(text.as_bytes()));
        assert_eq!(found, ["ann@a.example", "bc@b.example", "d@d.example", "e@e.example", "f@f.example"]);
    }

    #[test]
    fn bcc_does_not_travel() {
        let text = b"To: a@a.example\r\nBcc: b@b.example,\r\n c@c.example\r\nSubject: x\r\n\r\nBcc: body\r\n";
        let kept = String::from_utf8(without_bcc(text)).unwrap();
        assert_eq!(kept, "To: a@a.example\r\nSubject: x\r\n\r\nBcc: body\r\n");
        let old =
            b"To : a@a.example\r\nbcc \t: b@b.example\r\nResent-Bcc: c@c.example\r\nSubject: x\r\n\r\ny\r\n";
        assert_eq!(header_recipients(old), ["a@a.example", "b@b.example"]);
        assert_eq!(without_bcc(old), b"To : a@a.example\r\nSubject: x\r\n\r\ny\r\n");
    }
}
