//! What is a POP3 client told that we can? RFC 2449 section 6.

/// The way in at this moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Offer<'a> {
    /// Whether STLS may be said.
    pub stls: bool,
    /// Whether USER and PASS are taken.
    pub user: bool,
    /// SASL mechanisms that are taken.
    pub mechanisms: &'a [&'a str],
    /// Whether UTF8 may be said.
    pub utf8: bool,
}

/// What is always there: RFC 2449, RFC 3206, RFC 6856 section 3. Mail is kept until somebody deletes it.
const ALWAYS: &[&str] =
    &["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "EXPIRE NEVER", "LANG"];

/// Appends the answer to CAPA.
pub fn append(offer: &Offer<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"+OK Capability list follows\r\n");
    let mut line = |text: &str| {
        out.extend_from_slice(text.as_bytes());
        out.extend_from_slice(b"\r\n");
    };
    ALWAYS.iter().for_each(|text| line(text));
    if offer.stls {
        line("STLS");
    }
    if offer.user {
        line("USER");
    }
    if !offer.mechanisms.is_empty() {
        line(&format!("SASL {}", offer.mechanisms.join(" ")));
    }
    if offer.utf8 {
        line("UTF8 USER");
    }
    line("IMPLEMENTATION Waypost");
    line(".");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_taken_is_not_offered() {
        let mut out = Vec::new();
        append(&Offer { stls: true, user: false, mechanisms: &[], utf8: true }, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("+OK") && text.ends_with("\r\n.\r\n"));
        assert!(text.contains("\r\nSTLS\r\n") && !text.contains("\r\nUSER") && !text.contains("SASL"));
        let mut out = Vec::new();
        append(&Offer { stls: false, user: true, mechanisms: &["PLAIN", "LOGIN"], utf8: false }, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("\r\nSASL PLAIN LOGIN\r\n") && text.contains("\r\nUSER\r\n"));
        assert!(!text.contains("STLS") && !text.contains("UTF8"));
    }
}
