//! What was composed is read back as it was meant, in seven bits and short lines.

use proptest::prelude::*;

use super::*;
use crate::digest::{Digest, digest, forms, part, part_text};
use crate::header;

fn field(name: &str, value: FieldValue) -> Field {
    Field { name: name.to_owned(), value }
}

fn composed(fields: Vec<Field>, body: Body) -> Vec<u8> {
    compose(&Entity { fields, ..Entity::new("text/plain", body) }, "unique").unwrap()
}

fn written(value: FieldValue) -> Result<Vec<u8>, FieldError> {
    let fields = vec![field("X-Field", value)];
    compose(&Entity { fields, ..Entity::new("text/plain", Body::Text(String::new())) }, "unique")
}

#[track_caller]
fn is_fit_for_smtp(message: &[u8]) {
    assert!(message.is_ascii());
    let text = std::str::from_utf8(message).unwrap();
    for line in text.split("\r\n") {
        assert!(line.len() <= 998 && !line.contains(['\r', '\n', '\0']), "{line:?}");
    }
}

#[test]
fn a_message_looks_as_one_expects() {
    let people = vec![Group {
        name: None,
        members: vec![
            Named { name: Some("Jöe".to_owned()), address: "joe@example.org".to_owned() },
            Named { name: None, address: "ann@example.org".to_owned() },
        ],
    }];
    let fields = vec![
        field("To", FieldValue::Addresses(people)),
        field("Subject", FieldValue::Text("Dinner on Thursday?".to_owned())),
        field("References", FieldValue::MessageIds(vec!["a@b".to_owned(), "c@d".to_owned()])),
    ];
    let expected = "To: =?utf-8?Q?J=C3=B6e?= <joe@example.org>, ann@example.org\r\n\
        Subject: Dinner on Thursday?\r\nReferences: <a@b> <c@d>\r\nMIME-Version: 1.0\r\n\
        Content-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n\r\nHi\r\n";
    let message = composed(fields, Body::Text("Hi\n".to_owned()));
    assert_eq!(String::from_utf8(message).unwrap(), expected);
}

#[test]
fn parts_are_kept_apart_and_as_they_were() {
    let mut file = Entity::new("image/png", Body::File(Bytes::from_static(&[0, 13, 10, 255, 10]), None));
    file.disposition = Some((
        "attachment".to_owned(),
        Some("Ein sehr langer Name für eine kleine Datei, \"mit\" allem.png".to_owned()),
    ));
    file.id = Some("i@d".to_owned());
    let inner = composed(vec![], Body::Text("ü".to_owned()));
    let parts = vec![
        Entity::new("text/plain", Body::Text("grüße\n--=_unique_1\nFrom here\n".to_owned())),
        file,
        Entity::new("message/rfc822", Body::Message(inner.clone().into())),
    ];
    let message = compose(&Entity::new("multipart/mixed", Body::Parts(parts)), "unique").unwrap();
    is_fit_for_smtp(&message);
    let record = digest(&message);
    let read = Digest::read(&record);
    let parts = read.parts();
    let kinds: Vec<_> = parts.iter().map(|part| part.media_type()).collect();
    assert_eq!(kinds, ["multipart/mixed", "text/plain", "image/png", "message/rfc822", "text/plain"]);
    assert_eq!(part_text(&message, &parts[1]).0, "grüße\r\n--=_unique_1\r\nFrom here\r\n");
    assert_eq!(&part(&message, &parts[2])[..], [0, 13, 10, 255, 10]);
    assert_eq!(
        parts[2].name().as_deref(),
        Some("Ein sehr langer Name für eine kleine Datei, \"mit\" allem.png")
    );
    assert_eq!(parts[2].cid().as_deref(), Some("i@d"));
    assert_eq!(&part(&message, &parts[3])[..], &inner[..]);
}

#[test]
fn no_field_begins_another() {
    for raw in ["a\r\nBcc: x@y", "a\nb", "a\r\n", "a\r\n \r\n b", "a\0"] {
        let result = written(FieldValue::Raw(raw.to_owned()));
        assert_eq!(result.is_ok(), raw == "a\r\n", "{raw:?}");
    }
    assert!(written(FieldValue::Raw(" a\r\n\tb".to_owned())).is_ok());
    let name = |name: &str| {
        let fields = vec![field(name, FieldValue::Text("a".to_owned()))];
        compose(&Entity { fields, ..Entity::new("text/plain", Body::Text(String::new())) }, "u")
    };
    for wrong in ["", "A B", "A:", "A\r\nB", "Ä"] {
        assert!(name(wrong).is_err(), "{wrong:?}");
    }
    let text = written(FieldValue::Text("a\r\nBcc: x@y".to_owned())).unwrap();
    assert_eq!(header::fields(&text, "Bcc").count(), 0);
    for address in ["a@b>, <c@d", "a@b\r\nBcc: c@d", "a@b, c@d", "", "a b@c", "\"a@b"] {
        let named = Named { name: Some("x\r\nBcc: c@d".to_owned()), address: address.to_owned() };
        let value = FieldValue::Addresses(vec![Group { name: None, members: vec![named] }]);
        assert!(written(value).is_err(), "{address:?}");
    }
    let ids = |id: &str| written(FieldValue::MessageIds(vec![id.to_owned()]));
    assert!(ids("a@b").is_ok() && ids("a@b> <c@d").is_err() && ids("a\r\nb").is_err());
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,200}", "[ -~äß€😀]{0,120}", "([a-z]{1,12} ){0,40}", "=[?][ -~é]{0,20}"]
}

fn any_named() -> impl Strategy<Value = Named> {
    let name = prop::option::of(any_text().prop_map(|name| name.trim().to_owned()));
    let name = name.prop_map(|name| name.filter(|name| !name.is_empty()));
    (name, "[a-z0-9.+-]{1,30}@[a-z]{1,30}[.]example").prop_filter_map("dots", |(name, address)| {
        (!address.contains("..") && !address.starts_with('.') && !address.contains(".@"))
            .then_some(Named { name, address })
    })
}

proptest! {
    #[test]
    fn text_is_read_as_it_was_written(text in any_text()) {
        let message = written(FieldValue::Text(text.clone())).unwrap();
        is_fit_for_smtp(&message);
        let value = header::fields(&message, "X-Field").next().unwrap();
        prop_assert_eq!(forms::as_text(value), text);
    }

    #[test]
    fn addresses_are_read_as_they_were_written(
        groups in prop::collection::vec((prop::option::of("[a-zä ]{1,20}[a-z]"), prop::collection::vec(any_named(), 1..5)), 1..4),
    ) {
        let mut wanted: Vec<Group> = Vec::new();
        for (name, members) in groups {
            let name = name.map(|name| name.split_whitespace().collect::<Vec<_>>().join(" "));
            match wanted.last_mut() {
                // Two without a name beside each other are one.
                Some(last) if name.is_none() && last.name.is_none() => last.members.extend(members),
                _ => wanted.push(Group { name, members }),
            }
        }
        let message = written(FieldValue::Addresses(wanted.clone())).unwrap();
        is_fit_for_smtp(&message);
        let value = header::fields(&message, "X-Field").next().unwrap();
        let read: Vec<Group> = forms::as_grouped_addresses(value).into_iter().map(|group| Group {
            name: group.name,
            members: group.addresses.into_iter().map(|one| Named { name: one.name, address: one.email }).collect(),
        }).collect();
        prop_assert_eq!(read, wanted, "{}", String::from_utf8_lossy(&message));
    }

    #[test]
    fn a_body_is_read_as_it_was_written(text in "([ -~]{0,20}|[ -~é€]{0,90}|[a-z]{1000,1100}|\\n|\\r\\n){0,20}") {
        let message = composed(vec![], Body::Text(text.clone()));
        is_fit_for_smtp(&message);
        let record = digest(&message);
        let parts = Digest::read(&record).parts();
        let (read, problem) = part_text(&message, &parts[0]);
        prop_assert!(!problem);
        prop_assert_eq!(read.replace("\r\n", "\n"), text.replace("\r\n", "\n"));
    }

    #[test]
    fn a_file_keeps_its_bytes_and_its_name(bytes in prop::collection::vec(any::<u8>(), 0..300), name in "[ -~ä€]{1,120}") {
        let mut file = Entity::new("application/pdf", Body::File(bytes.clone().into(), None));
        file.disposition = Some(("attachment".to_owned(), Some(name.clone())));
        let message = compose(&Entity::new("multipart/mixed", Body::Parts(vec![file])), "u").unwrap();
        is_fit_for_smtp(&message);
        let record = digest(&message);
        let parts = Digest::read(&record).parts();
        prop_assert_eq!(&part(&message, &parts[1])[..], &bytes[..]);
        prop_assert_eq!(parts[1].name(), Some(name));
    }
}
