//! From whom, for whom? The envelope that a client gives, or the one that the header of the message makes (RFC 8621
//! section 7).

use std::collections::BTreeSet;
use std::time::Duration;

use mail::digest::OwnedAddresses;
use mail::{Address, DeliverBy, Parameters, ReversePath, Timestamp, header, xtext};
use serde_json::{Map, Value, json};
use wire::jmap::{SetError, SetErrorKind};
use wire::smtp::parameter::{Hold, MailParameters, RcptParameters, parse_mail, parse_rcpt};

use crate::world::{Offer, SubmittedRecipient};

/// Bytes of one parameter at most.
const PARAMETER_BYTES_MAX: usize = 1_000;

/// An envelope that can be sent.
#[derive(Debug)]
pub(super) struct Envelope {
    pub(super) reverse_path: ReversePath,
    pub(super) recipients: Vec<SubmittedRecipient>,
    pub(super) parameters: Parameters,
    /// As it is kept.
    pub(super) shown: Value,
}

/// The addresses in a field of the header.
pub(super) fn addresses(content: &[u8], field: &str) -> Vec<String> {
    let lists = header::fields(content, field).map(OwnedAddresses::parse);
    lists.flat_map(|list| list.borrow().mailboxes().map(|one| one.address()).collect::<Vec<_>>()).collect()
}

/// The envelope that the header makes: the first of Sender or From, and all of To, Cc and Bcc, each once.
pub(super) fn derived(content: &[u8]) -> Value {
    let from = ["Sender", "From"].into_iter().find_map(|field| addresses(content, field).into_iter().next());
    let mut seen = BTreeSet::new();
    let all = ["To", "Cc", "Bcc"].into_iter().flat_map(|field| addresses(content, field));
    let to: Vec<Value> = all
        .filter(|address| seen.insert(address.to_lowercase()))
        .map(|address| json!({ "email": address, "parameters": null }))
        .collect();
    json!({ "mailFrom": { "email": from, "parameters": null }, "rcptTo": to })
}

/// Reads an envelope.
pub(super) fn read(given: &Value, offer: &Offer, now: Timestamp) -> Result<Envelope, SetError> {
    let from = &given["mailFrom"];
    let path = from["email"].as_str().ok_or_else(|| wrong("mailFrom must have an email"))?;
    let reverse_path = match path {
        "" => ReversePath::Null,
        path => ReversePath::Address(Address::parse(path).map_err(|_| wrong("mailFrom must be an address"))?),
    };
    let said = parse_mail(&parameters(&from["parameters"])?);
    let said = said.map_err(|answer| wrong(answer.0))?;
    let parameters = parameters_of(said, offer, now)?;
    let to = given["rcptTo"].as_array().ok_or_else(|| wrong("rcptTo must be an array"))?;
    if to.is_empty() {
        return Err(SetError::bare(SetErrorKind::NoRecipients));
    }
    if to.len() > offer.recipients_max {
        let error = SetError::bare(SetErrorKind::TooManyRecipients);
        return Err(error.with("maxRecipients", offer.recipients_max));
    }
    let unreadable: Vec<Value> = to
        .iter()
        .filter(|one| Address::parse(one["email"].as_str().unwrap_or_default()).is_err())
        .map(|one| one["email"].clone())
        .collect();
    if !unreadable.is_empty() {
        let error = SetError::new(SetErrorKind::InvalidRecipients, "these are no addresses");
        return Err(error.with("invalidRecipients", unreadable));
    }
    let recipients = to.iter().map(|one| recipient(one, offer)).collect::<Result<Vec<_>, _>>()?;
    Ok(Envelope { reverse_path, recipients, parameters, shown: shown(given) })
}

/// Without what does not belong there.
fn shown(given: &Value) -> Value {
    let one = |address: &Value| json!({ "email": address["email"], "parameters": address["parameters"] });
    let to = given["rcptTo"].as_array().into_iter().flatten().map(one);
    json!({ "mailFrom": one(&given["mailFrom"]), "rcptTo": to.collect::<Vec<_>>() })
}

fn recipient(one: &Value, offer: &Offer) -> Result<SubmittedRecipient, SetError> {
    let email = one["email"].as_str().unwrap_or_default();
    let forward_path = Address::parse(email).map_err(|_| wrong("rcptTo must hold addresses"))?;
    let RcptParameters { notify, original } =
        parse_rcpt(&parameters(&one["parameters"])?).map_err(|answer| wrong(answer.0))?;
    if !offer.dsn && (notify.is_some() || original.is_some()) {
        return Err(wrong("notifications are not offered"));
    }
    Ok(SubmittedRecipient { forward_path, original, notify })
}

/// The parameters as a client would say them by SMTP. JSON has no need of xtext, SMTP does.
fn parameters(given: &Value) -> Result<String, SetError> {
    let empty = Map::new();
    let members = match given {
        Value::Null => &empty,
        Value::Object(members) => members,
        _ => return Err(wrong("parameters must be an object")),
    };
    let mut text = String::new();
    for (name, value) in members {
        let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !plain {
            return Err(wrong("a parameter has no name"));
        }
        text.push(' ');
        text.push_str(name);
        match value {
            Value::Null => {}
            Value::String(value) if value.len() <= PARAMETER_BYTES_MAX => {
                text.push('=');
                text.push_str(&encoded(name, value)?);
            }
            _ => return Err(wrong("a parameter must be a string or null")),
        }
    }
    Ok(text)
}

fn encoded(name: &str, value: &str) -> Result<String, SetError> {
    if name.eq_ignore_ascii_case("ENVID") {
        return Ok(xtext::encode(value));
    }
    if name.eq_ignore_ascii_case("ORCPT") {
        let (kind, address) = value.split_once(';').ok_or_else(|| wrong("ORCPT must have a type"))?;
        return Ok(format!("{kind};{}", xtext::encode(address)));
    }
    if value.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(wrong("a parameter has white space in it"));
    }
    Ok(value.to_owned())
}

fn parameters_of(said: MailParameters, offer: &Offer, now: Timestamp) -> Result<Parameters, SetError> {
    let dsn = said.ret.is_some() || said.envelope_id.is_some();
    let missing = [
        (dsn && !offer.dsn, "notifications are not offered"),
        (said.require_tls && !offer.require_tls, "REQUIRETLS is not offered"),
        (said.priority.is_some() && !offer.priority, "MT-PRIORITY is not offered"),
        (said.solicit.is_some(), "SOLICIT is not offered"),
    ];
    if let Some((_, why)) = missing.iter().find(|(is_missing, _)| *is_missing) {
        return Err(wrong(why));
    }
    let hold_until = said.hold.map(|hold| match hold {
        Hold::For(seconds) => now.plus(Duration::from_secs(seconds)),
        Hold::Until(at) => at,
    });
    if hold_until.is_some_and(|until| until.since(now) > offer.delay_max) {
        return Err(wrong("mail is not held back for so long"));
    }
    if let Some(by) = &said.deliver_by
        && Duration::from_secs(by.seconds.unsigned_abs()) > offer.deliver_by_max.unwrap_or_default()
    {
        return Err(wrong("the time to deliver within is too long"));
    }
    Ok(Parameters {
        body: said.body,
        ret: said.ret,
        envelope_id: said.envelope_id,
        smtputf8: said.smtputf8,
        require_tls: said.require_tls,
        priority: said.priority.unwrap_or(0),
        hold_until,
        deliver_by: said.deliver_by.map(|by| DeliverBy {
            until: now.plus_seconds(by.seconds),
            mode: by.mode,
            trace: by.trace,
        }),
    })
}

fn wrong(why: &str) -> SetError {
    SetError::invalid_property("envelope", why)
}

/// The content without its Bcc fields: nobody is to read there who else got it (RFC 5322 section 3.6.3).
pub(super) fn without_bcc(content: &[u8]) -> Vec<u8> {
    let is_bcc = |field: &[u8]| {
        header::parts(field).is_some_and(|(name, _)| {
            name.eq_ignore_ascii_case(b"Bcc") || name.eq_ignore_ascii_case(b"Resent-Bcc")
        })
    };
    let mut kept = Vec::with_capacity(content.len());
    header::split_fields(content)
        .filter(|field| !is_bcc(field))
        .for_each(|field| kept.extend_from_slice(field));
    kept.extend_from_slice(&content[header::header_end(content)..]);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer() -> Offer {
        Offer {
            delay_max: Duration::from_secs(86_400),
            dsn: true,
            deliver_by_max: None,
            priority: true,
            require_tls: true,
            message_bytes_max: None,
            recipients_max: 2,
        }
    }

    #[test]
    fn the_header_makes_an_envelope() {
        let content =
            b"From: Ann <ann@example.org>, b@example.org\r\nSender: s@example.org\r\nTo: x@a.example,\r\n \
            Y <y@a.example>\r\nCc: X@a.example\r\nBcc: z@a.example\r\n\r\nTo: not@me\r\n";
        let envelope = derived(content);
        assert_eq!(envelope["mailFrom"]["email"], "s@example.org");
        let to: Vec<_> = envelope["rcptTo"].as_array().unwrap().iter().map(|one| &one["email"]).collect();
        assert_eq!(to, ["x@a.example", "y@a.example", "z@a.example"]);
    }

    #[test]
    fn bcc_is_not_sent() {
        let content = b"A: 1\r\nBcc: x@a.example,\r\n y@a.example\r\nB: 2\r\nBCC : z\r\n\r\nBcc: body\r\n";
        assert_eq!(without_bcc(content), b"A: 1\r\nB: 2\r\n\r\nBcc: body\r\n");
    }

    #[test]
    fn parameters_are_those_of_smtp() {
        let now = Timestamp::from_millis(1_800_000_000_000);
        let read_one = |mail: Value, rcpt: Value| {
            let envelope = json!({
                "mailFrom": { "email": "ann@example.org", "parameters": mail },
                "rcptTo": [{ "email": "x@a.example", "parameters": rcpt }],
            });
            read(&envelope, &offer(), now)
        };
        let full = json!({ "HOLDFOR": "60", "ENVID": "a b+c", "RET": "HDRS", "MT-PRIORITY": "3", "REQUIRETLS": null });
        let envelope =
            read_one(full, json!({ "NOTIFY": "SUCCESS,FAILURE", "ORCPT": "rfc822;X Y@a.example" })).unwrap();
        assert_eq!(envelope.parameters.hold_until, Some(now.plus(Duration::from_secs(60))));
        assert_eq!(envelope.parameters.envelope_id.as_deref(), Some("a b+c"));
        assert!(envelope.parameters.require_tls && envelope.parameters.priority == 3);
        assert!(envelope.recipients[0].notify.unwrap().success);
        assert_eq!(envelope.recipients[0].original.as_ref().unwrap().address, "X Y@a.example");
        for wrong in [
            json!({ "HOLDFOR": "86401" }),
            json!({ "HOLDFOR": "60", "HOLDUNTIL": "2027-01-16T08:00:00Z" }),
            json!({ "NOPE": "1" }),
            json!({ "RET": "HDRS NOTIFY=NEVER" }),
            json!({ "BY": "100;R" }),
            json!({ "RET": 1 }),
            json!([]),
        ] {
            assert!(read_one(wrong.clone(), Value::Null).is_err(), "{wrong}");
        }
    }

    #[test]
    fn recipients_are_counted_and_read() {
        let kind = |to: Value| {
            let envelope = json!({ "mailFrom": { "email": "" }, "rcptTo": to });
            read(&envelope, &offer(), Timestamp::EPOCH).map(|_| ()).unwrap_err().kind
        };
        assert_eq!(kind(json!([])), SetErrorKind::NoRecipients);
        let one = json!({ "email": "x@a.example" });
        assert_eq!(kind(json!([one, one, one])), SetErrorKind::TooManyRecipients);
        assert_eq!(kind(json!([one, { "email": "nonsense" }])), SetErrorKind::InvalidRecipients);
    }
}
