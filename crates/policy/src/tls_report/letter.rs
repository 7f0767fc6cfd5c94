//! A report as a message: multipart/report with the packed report in it (RFC 8460 section 5.3).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mail::dsn::one_line;
use mail::encoded_word::phrase;
use mail::{
    Address, ContentTraits, Envelope, MessageId, Notify, Origin, Parameters, ReversePath, Source, Timestamp,
};

use super::{Report, file_name};
use crate::admit::{Accepted, NewRecipient};
use crate::retry::Progress;

/// Characters of a name or a subject.
const VALUE_CHARS_MAX: usize = 200;
/// Characters of a line of base64 (RFC 2045 section 6.8).
const LINE_CHARS: usize = 76;

/// What a message carries besides the report.
#[derive(Clone, Copy, Debug)]
pub struct Letter<'a> {
    /// To whom; all of them.
    pub to: &'a [Address],
    /// When it is written.
    pub date: Timestamp,
}

/// The message. `packed` is the report packed.
pub fn letter(report: &Report<'_>, letter: Letter<'_>, packed: &[u8]) -> Vec<u8> {
    let (author, domain, id) = (report.author, report.domain, report.id());
    let boundary = format!("=_tlsrpt_{}", report.period.start.as_secs());
    let to: Vec<String> = letter.to.iter().map(|to| format!("<{to}>")).collect();
    let file = file_name(report);
    let header = format!(
        "From: {name} <{from}>\r\nTo: {to}\r\nSubject: {subject} {domain}\r\n\tSubmitter: {submitter}\r\n\
         \tReport-ID: <{id}>\r\nDate: {date}\r\nMessage-ID: <{id}>\r\nAuto-Submitted: auto-generated\r\n\
         TLS-Report-Domain: {domain}\r\nTLS-Report-Submitter: {submitter}\r\nTLS-Required: No\r\n\
         MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=\"tlsrpt\";\r\n\
         \tboundary=\"{boundary}\"\r\n\r\nThis is a report of TLS connections in MIME format (RFC 8460).\r\n",
        name = phrase(&one_line(&author.from_name, VALUE_CHARS_MAX)),
        from = author.from,
        to = to.join(",\r\n\t"),
        subject = ascii(&one_line(&author.subject, VALUE_CHARS_MAX)),
        submitter = author.submitter,
        date = letter.date.rfc5322(),
    );
    let text = format!(
        "\r\n--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
         This is a report about the security of connections from {submitter}\r\nto the mail hosts of {domain},\r\n\
         from {start} to {end}.\r\n",
        submitter = author.submitter,
        start = report.period.start.rfc3339(),
        end = report.period.end.rfc3339(),
    );
    let mut message = header + &text;
    message += &format!(
        "\r\n--{boundary}\r\nContent-Type: application/tlsrpt+gzip\r\nContent-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment;\r\n\tfilename=\"{file}\"\r\n\r\n"
    );
    let encoded = STANDARD.encode(packed);
    for line in encoded.as_bytes().chunks(LINE_CHARS) {
        message.extend(line.iter().copied().map(char::from));
        message += "\r\n";
    }
    message += &format!("\r\n--{boundary}--\r\n");
    message.into_bytes()
}

/// What stands in a field without being encoded.
fn ascii(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect()
}

/// The envelope of a report as expressions see it: what its schedule is chosen by.
pub fn envelope(to: &Address, now: Timestamp) -> Envelope {
    Envelope {
        message: MessageId(0),
        reverse_path: ReversePath::Null,
        accepted_at: now,
        origin: Origin::own(Source::Report),
        parameters: Parameters::default(),
        traits: ContentTraits::default(),
        size: 0,
        recipients: vec![to.clone()],
    }
}

/// A report on its way into the queue: from nobody, never told about, and itself never reported on.
pub fn accepted(to: &Address, content: &[u8], progress: Progress, now: Timestamp) -> Accepted {
    Accepted {
        reverse_path: ReversePath::Null,
        accepted_at: now,
        origin: Origin::own(Source::Report),
        parameters: Parameters { smtputf8: to.needs_smtputf8(), ..Parameters::default() },
        traits: ContentTraits { eight_bit: !content.is_ascii(), ..ContentTraits::default() },
        size: content.len() as u64,
        recipients: vec![NewRecipient {
            forward_path: to.clone(),
            original: None,
            notify: Notify::NEVER,
            progress,
        }],
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::sync::Arc;
    use std::time::Duration;

    use flate2::read::GzDecoder;
    use mail::Domain;
    use serde_json::{Value, json};

    use super::*;
    use crate::mta_sts::{Mode, Policy};
    use crate::tls_outcome::{AppliedPolicy, TlsOutcome};
    use crate::tls_report::{Author, Frequency, Tally, packed, period};

    fn author() -> Author {
        let domain = |text| Domain::parse(text).expect("valid");
        Author {
            submitter: domain("mail.example.net"),
            organization: "Example".to_owned(),
            contact: Some("postmaster@example.net".to_owned()),
            from_name: "TLS, reports".to_owned(),
            from: Address::parse("noreply-tls@example.net").expect("valid"),
            subject: "Report Domain:\r\nBcc: x".to_owned(),
            sign_domain: None,
        }
    }

    // proves: 5.7.4
    #[test]
    fn the_letter_carries_the_report_packed() {
        let domain = Domain::parse("example.org").expect("valid");
        let mut tally = Tally::default();
        let (mx, max_age) = (vec!["*.example.org".to_owned()], Duration::from_secs(86_400));
        let policy = AppliedPolicy::Sts(Arc::new(Policy { mode: Mode::Enforce, mx, max_age }));
        let host = "mx.example.org".to_owned();
        tally.note(&TlsOutcome { policy, host, receiving_ip: None, sending_ip: None, result: Ok(()) });
        let at = Timestamp::parse_rfc3339("2026-11-24T12:34:56Z").expect("valid");
        let period = period(Frequency::Daily, at).expect("not disabled");
        let author = author();
        let report = Report { domain: &domain, period, tally: &tally, author: &author };
        let to = [
            Address::parse("a@example.org").expect("valid"),
            Address::parse("b@example.com").expect("valid"),
        ];
        let message = letter(&report, Letter { to: &to, date: at }, &packed(&report).expect("memory"));
        let message = String::from_utf8(message).expect("ASCII");
        for part in [
            "From: \"TLS, reports\" <noreply-tls@example.net>\r\nTo: <a@example.org>,\r\n\t<b@example.com>\r\n",
            "Subject: Report Domain:  Bcc: x example.org\r\n\tSubmitter: mail.example.net\r\n\tReport-ID: <1795",
            "TLS-Report-Domain: example.org\r\nTLS-Report-Submitter: mail.example.net\r\n",
            "Content-Type: multipart/report; report-type=\"tlsrpt\";\r\n",
            "filename=\"mail.example.net!example.org!1795478400!1795564799.json.gz\"\r\n",
        ] {
            assert!(message.contains(part), "{message} has no {part:?}");
        }
        assert!(message.lines().all(|line| line.len() <= 998));
        let encoded =
            message.split("json.gz\"\r\n\r\n").nth(1).and_then(|rest| rest.split("\r\n\r\n--").next());
        let encoded: String = encoded.expect("an attachment").split_whitespace().collect();
        let mut unpacked = String::new();
        let bytes = STANDARD.decode(encoded).expect("base64");
        GzDecoder::new(&bytes[..]).read_to_string(&mut unpacked).expect("gzip");
        let json: Value = serde_json::from_str(&unpacked).expect("JSON");
        assert_eq!(json["organization-name"], "Example");
        assert_eq!(json["contact-info"], "postmaster@example.net");
        assert_eq!(json["report-id"], "1795478400.example.org@mail.example.net");
        let range = json!({"start-datetime": "2026-11-24T00:00:00Z", "end-datetime": "2026-11-24T23:59:59Z"});
        assert_eq!(json["date-range"], range);
        assert_eq!(json["policies"][0]["summary"]["total-successful-session-count"], 1);
    }

    // proves: F12
    #[test]
    fn a_report_comes_from_nobody_and_is_known_as_one() {
        let to = Address::parse("a@example.org").expect("valid");
        let now = Timestamp::from_millis(1_800_000_000_000);
        let accepted = accepted(&to, b"x", Progress::unscheduled(now), now);
        assert_eq!(accepted.reverse_path(), &ReversePath::Null);
        assert_eq!(accepted.origin().source, Source::Report);
        assert_eq!(accepted.recipients[0].notify, Notify::NEVER);
        assert_eq!(envelope(&to, now).origin.source, Source::Report);
    }
}
