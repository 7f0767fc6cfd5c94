//! The `DKIM-Signature` field: which fields it covers, what exactly is signed, how it looks (RFC 6376 section 3.5).

use std::fmt::{self, Write};

use crate::address::Domain;
use crate::canonical::Canonicalization;
use crate::header;

/// Names in `h=` at most; more instances of a field than fit are not covered.
const NAMES_MAX: usize = 200;
/// Characters of a line of the field, about.
const LINE_CHARS: usize = 76;

/// The canonical forms of header and body.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Canonicalizations {
    /// Of header fields.
    pub header: Canonicalization,
    /// Of the body.
    pub body: Canonicalization,
}

/// Which header fields a signature covers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedFields {
    /// Names of those that are covered as often as they are there.
    pub present: Vec<String>,
    /// Names of those that are covered once more, so that adding another breaks the signature (section 8.15).
    pub sealed: Vec<String>,
}

impl SignedFields {
    /// What is covered where it is there: what others on the way may rightly add is not sealed.
    pub fn default_present() -> Vec<String> {
        const NAMES: [&str; 10] = [
            "Sender",
            "Resent-From",
            "Resent-Date",
            "Resent-To",
            "Resent-Cc",
            "Resent-Message-ID",
            "List-Id",
            "List-Unsubscribe",
            // RFC 8058 section 4: it means nothing unsigned.
            "List-Unsubscribe-Post",
            "Auto-Submitted",
        ];
        NAMES.map(str::to_owned).into()
    }

    /// What a reader sees or acts on, of which there must be one at most.
    pub fn default_sealed() -> Vec<String> {
        const NAMES: [&str; 12] = [
            "From",
            "Reply-To",
            "To",
            "Cc",
            "Subject",
            "Date",
            "Message-ID",
            "In-Reply-To",
            "References",
            "MIME-Version",
            "Content-Type",
            "Content-Transfer-Encoding",
        ];
        NAMES.map(str::to_owned).into()
    }
}

impl Default for SignedFields {
    fn default() -> Self {
        SignedFields { present: SignedFields::default_present(), sealed: SignedFields::default_sealed() }
    }
}

/// A signature that is still to be made.
#[derive(Clone, Copy, Debug)]
pub struct Unsigned<'a> {
    /// `a=`: such as `ed25519-sha256`.
    pub algorithm: &'a str,
    /// `c=`.
    pub canonicalization: Canonicalizations,
    /// `d=`.
    pub domain: &'a Domain,
    /// `s=`.
    pub selector: &'a str,
    /// `t=`: seconds since 1970.
    pub signed_at: u64,
    /// `x=`: seconds since 1970.
    pub expires_at: Option<u64>,
    /// What `h=` is made of.
    pub fields: &'a SignedFields,
    /// `bh=`: the hash of the canonical body, in base64.
    pub body_hash: &'a str,
}

/// A `DKIM-Signature` field up to the signature itself.
#[derive(Debug)]
pub struct Draft {
    text: String,
    /// The bytes that are to be signed.
    pub signed: Vec<u8>,
}

impl Unsigned<'_> {
    /// The field but for the signature, and what the signature is about.
    pub fn draft(&self, message_header: &[u8]) -> Draft {
        let named = |field| header::parts(field).map(|(name, _)| (name, field));
        let fields: Vec<(&[u8], &[u8])> = header::split_fields(message_header).filter_map(named).collect();
        let (names, chosen) = self.choose(&fields);
        let text = self.text(&names);
        let mut signed = Vec::with_capacity(2 * 1024);
        for field in chosen {
            self.canonicalization.header.append_field(field, &mut signed);
        }
        self.canonicalization.header.append_field(text.as_bytes(), &mut signed);
        // Section 3.7: the field itself is the last, without a line end.
        signed.truncate(signed.len() - 2);
        Draft { text, signed }
    }

    /// The names in `h=`, and the fields that they mean: instances of one name count from the last (section 5.4.2).
    fn choose<'f>(&self, fields: &[(&[u8], &'f [u8])]) -> (Vec<&str>, Vec<&'f [u8]>) {
        let (mut names, mut chosen) = (Vec::new(), Vec::new());
        let sealed = self.fields.sealed.iter().map(|name| (name, true));
        let all: Vec<_> = sealed.chain(self.fields.present.iter().map(|name| (name, false))).collect();
        // A name that is given twice would take the instances of others for its own.
        let is_first =
            |at: usize| !all[..at].iter().any(|(before, _)| before.eq_ignore_ascii_case(all[at].0));
        for (_, &(name, sealed)) in all.iter().enumerate().filter(|(at, _)| is_first(*at)) {
            let is_named = |(found, _): &&(&[u8], &[u8])| found.eq_ignore_ascii_case(name.as_bytes());
            let instances = fields.iter().rev().filter(is_named);
            let count = names.len();
            for (_, field) in instances.take(NAMES_MAX.saturating_sub(count)) {
                names.push(name.as_str());
                chosen.push(*field);
            }
            if sealed {
                names.push(name);
            }
        }
        (names, chosen)
    }

    fn text(&self, names: &[&str]) -> String {
        let Canonicalizations { header, body } = self.canonicalization;
        let mut text = String::with_capacity(1024);
        let _ = write!(
            text,
            "DKIM-Signature: v=1; a={}; c={}/{}; d={};\r\n\ts={}; t={};",
            self.algorithm,
            header.name(),
            body.name(),
            self.domain,
            self.selector,
            self.signed_at
        );
        if let Some(at) = self.expires_at {
            let _ = write!(text, " x={at};");
        }
        text.push_str("\r\n\th=");
        let mut column = 3;
        for (at, name) in names.iter().enumerate() {
            if at > 0 {
                text.push(':');
                column += 1;
            }
            if column + name.len() >= LINE_CHARS {
                text.push_str("\r\n\t ");
                column = 2;
            }
            text.push_str(name);
            column += name.len();
        }
        let _ = write!(text, ";\r\n\tbh={};\r\n\tb=", self.body_hash);
        text
    }
}

impl Draft {
    /// The whole field, CRLF at its end.
    pub fn finish(self, signature_base64: &str) -> Vec<u8> {
        let mut field = self.text.into_bytes();
        // `b=` stands on the first line.
        for (at, line) in signature_base64.as_bytes().chunks(LINE_CHARS - 8).enumerate() {
            if at > 0 {
                field.extend_from_slice(b"\r\n\t ");
            }
            field.extend_from_slice(line);
        }
        field.extend_from_slice(b"\r\n");
        field
    }
}

/// What DNS says about a key (section 3.6.1), as far as it matters to who signs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyRecord {
    /// `k=`.
    pub kind: String,
    /// `p=`, white space taken out; empty if the key is revoked.
    pub public_key: String,
}

impl KeyRecord {
    /// Reads a TXT record; nothing if it is of something else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut record = KeyRecord { kind: "rsa".to_owned(), public_key: String::new() };
        let mut has_key = false;
        for tag in text.split(';') {
            let Some((name, value)) = tag.split_once('=') else { continue };
            match (name.trim(), value.trim()) {
                ("v", version) if version != "DKIM1" => return None,
                ("k", kind) => kind.clone_into(&mut record.kind),
                ("p", key) => {
                    has_key = true;
                    record.public_key = key.chars().filter(|c| !c.is_whitespace()).collect();
                }
                _ => {}
            }
        }
        has_key.then_some(record)
    }
}

impl fmt::Display for KeyRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v=DKIM1; k={}; p={}", self.kind, self.public_key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &[u8] = b"Received: one\r\nFrom: a@example.org\r\nTo: b@example.net\r\nX-Other: 1\r\n\
                            to: c@example.net\r\nSubject: hi\r\n there\r\n";

    fn draft(fields: &SignedFields) -> Draft {
        let domain = Domain::parse("example.org").unwrap();
        let unsigned = Unsigned {
            algorithm: "ed25519-sha256",
            canonicalization: Canonicalizations::default(),
            domain: &domain,
            selector: "s1",
            signed_at: 1_000,
            expires_at: Some(2_000),
            fields,
            body_hash: "aGFzaA==",
        };
        unsigned.draft(HEADER)
    }

    #[test]
    fn instances_are_covered_from_the_last() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let fields =
            SignedFields { present: names(&["Subject", "Cc", "to"]), sealed: names(&["From", "To"]) };
        let field = String::from_utf8(draft(&fields).finish("c2ln")).unwrap();
        assert_eq!(
            field,
            "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.org;\r\n\ts=s1; t=1000; x=2000;\r\n\
             \th=From:From:To:To:To:Subject;\r\n\tbh=aGFzaA==;\r\n\tb=c2ln\r\n"
        );
        assert_eq!(
            String::from_utf8(draft(&fields).signed).unwrap(),
            "from:a@example.org\r\nto:c@example.net\r\nto:b@example.net\r\nsubject:hi there\r\n\
             dkim-signature:v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.org; s=s1; t=1000; x=2000; \
             h=From:From:To:To:To:Subject; bh=aGFzaA==; b="
        );
    }

    #[test]
    fn what_must_be_single_is_sealed_even_if_absent() {
        let field = String::from_utf8(draft(&SignedFields::default()).finish("c2ln")).unwrap();
        let unfolded = field.replace("\r\n\t ", "");
        assert!(unfolded.contains("h=From:From:Reply-To:To:To:To:Cc:Subject:Subject:Date:"), "{field}");
        assert!(!unfolded.contains("List-"), "{field}");
        assert!(field.lines().all(|line| line.len() <= 78), "{field}");
    }

    #[test]
    fn a_key_record() {
        let check = |text: &str, expected: Option<(&str, &str)>| {
            let found = KeyRecord::parse(text);
            let found = found.as_ref().map(|found| (found.kind.as_str(), found.public_key.as_str()));
            assert_eq!(found, expected, "{text}");
        };
        check("v=DKIM1; k=ed25519; p=MCow BQ==", Some(("ed25519", "MCowBQ==")));
        check("p=MIIB", Some(("rsa", "MIIB")));
        check("v=DKIM1; p=", Some(("rsa", "")));
        check("v=spf1 -all", None);
        check("v=DKIM2; p=MIIB", None);
        let record = KeyRecord { kind: "rsa".to_owned(), public_key: "MIIB".to_owned() };
        assert_eq!(KeyRecord::parse(&record.to_string()), Some(record));
    }

    #[test]
    fn a_long_signature_is_folded() {
        let field = draft(&SignedFields::default()).finish(&"A".repeat(344));
        let text = String::from_utf8(field).unwrap();
        assert!(text.lines().all(|line| line.len() <= 78), "{text}");
    }
}
