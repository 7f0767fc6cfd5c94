//! Messages of all kinds, and what their digests say.

use std::fmt::Write;

use proptest::prelude::*;

use super::*;

const LETTER: &str = "Date: Tue, 24 Nov 2026 08:45:10 +0100\r\nFrom: =?utf-8?q?J=C3=B6rg?= <j@example.org>\r\nTo: a@example.net\r\n\
    Subject: Re: [list] =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <1@example.org>\r\nIn-Reply-To: <0@example.net>\r\n\
    References: <a@b>\r\n <0@example.net>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"x\"\r\n\r\n\
    preamble\r\n--x\r\nContent-Type: multipart/alternative; boundary=y\r\n\r\n--y\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\
    Content-Transfer-Encoding: quoted-printable\r\n\r\nHallo J=F6rg,\r\nwie geht es?\r\n--y\r\nContent-Type: text/html\r\n\r\n\
    <p>Hallo</p>\r\n--y--\r\n--x\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\nFrom: inner@example.org\r\n\r\nin it\r\n\
    --x\r\nContent-Type: application/pdf; name=\"a.pdf\"\r\nContent-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\n\
    aGVsbG8=\r\n--x--\r\nepilogue\r\n";

fn slice(content: &str, range: std::ops::Range<u64>) -> &str {
    &content[range.start as usize..range.end as usize]
}

#[test]
fn a_letter_says_who_wrote_it_and_what() {
    let record = digest(LETTER.as_bytes());
    let read = Digest::read(&record);
    assert_eq!(read.envelope.decoded_subject().as_deref(), Some("Re: [list] Grüße"));
    assert_eq!((read.base_subject, read.is_reply), ("grüße", true));
    assert_eq!(read.sent_at.unwrap().rfc3339(), "2026-11-24T08:45:10+01:00");
    assert_eq!(read.references.iter().collect::<Vec<_>>(), ["a@b", "0@example.net"]);
    assert_eq!(read.message_ids.iter().collect::<Vec<_>>(), ["1@example.org"]);
    assert_eq!(read.in_reply_to.iter().collect::<Vec<_>>(), ["0@example.net"]);
    assert_eq!(read.preview, "Hallo Jörg, wie geht es?");
    assert!(read.has_attachment);
    assert_eq!(read.envelope.from.unwrap().text(), "Jörg <j@example.org>");
    assert_eq!(read.envelope.sender_or_from().unwrap().text(), "Jörg <j@example.org>");
    assert!(read.envelope.cc.is_none());
}

#[test]
fn sections_are_cut_out_by_their_numbers() {
    use Section::{Body, Header, Mime, Text};
    let record = digest(LETTER.as_bytes());
    let parts = Digest::read(&record).parts();
    let at = |numbers: &[u32], section| cut(&parts, numbers, section).map(|range| slice(LETTER, range));
    assert_eq!(at(&[], Body), Some(LETTER));
    assert!(at(&[], Header).unwrap().ends_with("boundary=\"x\"\r\n\r\n"));
    assert!(at(&[], Text).unwrap().starts_with("preamble\r\n--x"));
    assert_eq!(at(&[], Mime), None);
    assert_eq!(at(&[1, 1], Body), Some("Hallo J=F6rg,\r\nwie geht es?"));
    assert_eq!(at(&[1, 2], Mime), Some("Content-Type: text/html\r\n\r\n"));
    assert_eq!(at(&[1, 2], Header), None);
    assert_eq!(at(&[1, 3], Body), None);
    assert_eq!(at(&[2], Body), Some("Subject: inner\r\nFrom: inner@example.org\r\n\r\nin it"));
    assert_eq!(at(&[2], Header), Some("Subject: inner\r\nFrom: inner@example.org\r\n\r\n"));
    assert_eq!(at(&[2], Text), Some("in it"));
    assert_eq!(at(&[2, 1], Body), Some("in it"));
    assert_eq!(at(&[2, 1, 1], Body), None);
    assert_eq!(at(&[3], Body), Some("aGVsbG8="));
    assert_eq!(at(&[4], Body), None);
    assert_eq!(at(&[0], Body), None);
    assert_eq!(parts[6].decoded_size, 5);
    assert_eq!(&*part(LETTER.as_bytes(), &parts[6]), b"hello");
    assert_eq!(parts[2].lines, 2);
    assert_eq!(parts[4].envelope.unwrap().decoded_subject().as_deref(), Some("inner"));
}

#[test]
fn a_message_of_one_part_has_it_as_its_first() {
    let content = "Subject: a\r\n\r\nbody\r\n";
    let record = digest(content.as_bytes());
    let parts = Digest::read(&record).parts();
    assert_eq!(cut(&parts, &[1], Section::Body).map(|range| slice(content, range)), Some("body\r\n"));
    assert_eq!(
        cut(&parts, &[1], Section::Mime).map(|range| slice(content, range)),
        Some("Subject: a\r\n\r\n")
    );
    assert_eq!(cut(&parts, &[2], Section::Body), None);
    assert_eq!(parts[0].charset().as_deref(), Some("us-ascii"));
}

#[test]
fn what_a_delivery_puts_before_it_moves_the_parts() {
    let prefix = "Return-Path: <>\r\nDelivered-To: a@b\r\n";
    let content = format!("{prefix}{LETTER}");
    let record = digest(LETTER.as_bytes());
    let moved = Digest::read(&record).within(content.len() as u64);
    let parts = moved.parts();
    let at = |numbers: &[u32], section| cut(&parts, numbers, section).map(|range| slice(&content, range));
    assert_eq!(at(&[], Section::Body), Some(&content[..]));
    assert!(at(&[], Section::Header).unwrap().starts_with(prefix));
    assert_eq!(at(&[2], Section::Text), Some("in it"));
    assert_eq!(text_with(content.as_bytes(), &moved).headers[0].0, "return-path");
}

#[test]
fn what_is_searched_is_decoded() {
    let found = text(LETTER.as_bytes());
    assert_eq!((&found.from[..], &found.subject[..]), ("Jörg <j@example.org>", "Re: [list] Grüße"));
    for word in ["Hallo Jörg", "in it", "inner@example.org", "a.pdf"] {
        assert!(found.body.contains(word), "{word}: {}", found.body);
    }
    assert!(!found.body.contains("<p>") && !found.body.contains("aGVsbG8"), "{}", found.body);
    assert!(
        found.headers.contains(&("references".into(), "<a@b> <0@example.net>".into())),
        "{:?}",
        found.headers
    );
}

/// What RFC 8621 section 4.1.4 shows.
#[test]
fn bodies_as_in_the_example_of_the_standard() {
    let leaf = |kind: &str, name: &str| format!("Content-Type: {kind}; name={name}\r\n\r\n{name}\r\n");
    let inline = |kind: &str, name: &str| {
        format!(
            "Content-Type: {kind}\r\nContent-Disposition: inline\r\nContent-ID: <{name}>\r\n\r\n{name}\r\n"
        )
    };
    let attached = |kind: &str, name: &str| {
        format!(
            "Content-Type: {kind}\r\nContent-Disposition: attachment\r\nContent-ID: <{name}>\r\n\r\n{name}\r\n"
        )
    };
    let multipart = |kind: &str, boundary: &str, parts: &[String]| {
        let mut out = format!("Content-Type: multipart/{kind}; boundary={boundary}\r\n\r\n");
        for part in parts {
            let _ = write!(out, "--{boundary}\r\n{part}");
        }
        out + &format!("--{boundary}--\r\n")
    };
    let related = multipart("related", "b5", &[inline("text/html", "E"), leaf("image/jpeg", "F")]);
    let alternative = multipart(
        "alternative",
        "b4",
        &[
            multipart(
                "mixed",
                "b3",
                &[inline("text/plain", "B"), inline("image/jpeg", "C"), inline("text/plain", "D")],
            ),
            related,
        ],
    );
    let message =
        "Content-Type: message/rfc822\r\nContent-ID: <J>\r\nContent-Disposition: attachment\r\n\r\nSubject: J\r\n\r\nj\r\n".to_owned();
    let content = multipart(
        "mixed",
        "b1",
        &[
            inline("text/plain", "A"),
            multipart(
                "mixed",
                "b2",
                &[alternative, attached("image/jpeg", "G"), attached("application/x-excel", "H"), message],
            ),
            inline("text/plain", "K"),
        ],
    );
    let record = digest(content.as_bytes());
    let parts = Digest::read(&record).parts();
    let bodies = Bodies::of(&parts);
    let names = |list: &[usize]| -> String {
        list.iter().map(|nth| parts[*nth].cid().or_else(|| parts[*nth].name()).unwrap_or_default()).collect()
    };
    assert_eq!(names(&bodies.text), "ABCDK");
    assert_eq!(names(&bodies.html), "AEK");
    assert_eq!(names(&bodies.attachments), "CFGHJ");
    assert!(bodies.has_attachment(&parts));
}

#[test]
fn odd_messages_are_read_somehow() {
    for (content, types) in [
        ("", &["text/plain"][..]),
        ("\r\n", &["text/plain"]),
        ("no header at all", &["text/plain"]),
        ("Content-Type: multipart/mixed\r\n\r\n--x\r\n\r\na\r\n--x--", &["multipart/mixed"]),
        ("Content-Type: multipart/mixed; boundary=x\r\n\r\nnothing", &["text/plain"]),
        ("Content-Type: multipart/mixed; boundary=x\r\n\r\n--x--\r\n", &["text/plain"]),
        (
            "Content-Type: multipart/mixed; boundary=x\n\n--x\n\na\n--x",
            &["multipart/mixed", "text/plain", "text/plain"],
        ),
        ("Content-Type: nonsense\r\n\r\na", &["text/plain"]),
        ("Content-Type: TEXT/HTML\r\n\r\na", &["text/html"]),
        ("Content-Type: message/rfc822\r\n\r\n", &["message/rfc822", "text/plain"]),
        (
            "Content-Type: multipart/digest; boundary=x\r\n\r\n--x\r\n\r\nSubject: a\r\n\r\nb\r\n--x--",
            &["multipart/digest", "message/rfc822", "text/plain"],
        ),
        // The outer boundary ends what the inner multipart has left open.
        (
            "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: multipart/mixed; boundary=xx\r\n\r\n--xx\r\n\r\na\r\n--x\r\n\r\nb\r\n--x--",
            &["multipart/mixed", "multipart/mixed", "text/plain", "text/plain"],
        ),
    ] {
        let record = digest(content.as_bytes());
        let found: Vec<_> = Digest::read(&record).parts().iter().map(Part::media_type).collect();
        assert_eq!(found, types, "{content:?}");
    }
}

// proves: H21
#[test]
fn headers_of_no_form_survive() {
    let content = b"__proto__: x\r\n: empty name\r\nno colon\r\nX-\xff: \xff\0\r\nSubject: a\0b\xff\r\nconstructor: y\r\n\r\nbody";
    let record = digest(content);
    let read = Digest::read(&record);
    assert_eq!(read.envelope.decoded_subject().as_deref(), Some("a b\u{fffd}"));
    let found = text(content);
    assert!(found.headers.contains(&("__proto__".into(), "x".into())));
    assert!(found.headers.iter().any(|(name, value)| name.is_empty() && value == "empty name"));
    assert_eq!(read.header().end as usize, content.len() - 4);
}

// proves: H19
#[test]
fn bombs_cost_no_more_than_their_size() {
    let mut deep = String::new();
    for nth in 0..10_000 {
        let _ = write!(deep, "Content-Type: multipart/mixed; boundary=b{nth}\r\n\r\n--b{nth}\r\n");
    }
    let many = format!("Content-Type: multipart/mixed; boundary=x\r\n\r\n{}", "--x\r\n\r\n".repeat(100_000));
    let messages = "Content-Type: message/rfc822\r\n\r\n".repeat(20_000);
    let cyclic = "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n".repeat(20_000);
    let lines = format!("{}\r\n\r\nbody", "a: b\r\n".repeat(1_000_000));
    let folded = format!("Subject: a\r\n{}\r\nbody", " b\r\n".repeat(1_000_000));
    let long = format!("To: {}\r\n\r\nbody", "a".repeat(10_000_000));
    let parameters = format!("Content-Type: a/b{}\r\n\r\nbody", "; n*0*=utf-8''x".repeat(200_000));
    let dashes = format!("{}{}", &deep[..6_000], "--\r\n".repeat(500_000));
    for bomb in [deep, many, messages, cyclic, lines, folded, long, parameters, dashes] {
        let record = digest(bomb.as_bytes());
        let read = Digest::read(&record);
        let parts = read.parts();
        assert!(parts.len() <= limits::PARTS_MAX);
        assert!(record.len() <= bomb.len() * 2 + 100_000, "{} {}", record.len(), bomb.len());
        assert!(parts.iter().all(|part| part.body.end as usize <= bomb.len()));
        let _ = (text(bomb.as_bytes()), Bodies::of(&parts));
        let _ = cut(&parts, &[1; 200], Section::Body);
    }
}

proptest! {
    #[test]
    fn no_bytes_panic_and_all_parts_lie_within(content in prop_oneof![
        any::<Vec<u8>>(),
        pieces(),
    ], cut_at in any::<prop::sample::Index>()) {
        let record = digest(&content);
        let read = Digest::read(&record);
        let parts = read.parts();
        prop_assert!(!parts.is_empty());
        for (nth, part) in parts.iter().enumerate() {
            prop_assert!(part.header.start <= part.header.end && part.header.end == part.body.start);
            prop_assert!(part.body.start <= part.body.end && part.body.end <= content.len() as u64);
            prop_assert!(part.parent.is_none_or(|parent| parent < nth));
            if let Some(parent) = part.parent {
                prop_assert!(parts[parent].body.start <= part.header.start && part.body.end <= parts[parent].body.end);
            }
            prop_assert_eq!(super::part(&content, part).len() as u64, part.decoded_size);
            let _ = (part.name(), part.charset(), part.cid(), part_text(&content, part));
        }
        prop_assert!(read.preview.chars().count() <= limits::PREVIEW_CHARS_MAX);
        let _ = text_with(&content, &read);
        let damaged = &record[..cut_at.index(record.len())];
        let _ = (Digest::read(damaged).parts(), Digest::read(damaged).envelope.from.map(|list| list.text()));
    }
}

/// Messages put together from what messages are made of.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "Content-Type: multipart/mixed; boundary=a\r\n",
        "Content-Type: multipart/digest; boundary=\"b\"\r\n",
        "Content-Type: message/rfc822\r\n",
        "Content-Transfer-Encoding: base64\r\n",
        "Content-Transfer-Encoding: quoted-printable\r\n",
        "--a\r\n",
        "--b\r\n",
        "--a--\r\n",
        "--b--\n",
        "--a",
        "\r\n",
        "\n",
        "text=\r\n",
        "aGVsbG8=\r\n",
        " ",
        "Subject: x\r\n",
        "\u{fc}",
        "Content-Disposition: attachment; filename*0*=utf-8''%20\r\n",
        "From: a <b@c>, d: e@f;\r\n",
        "Content-Type: text/html; charset=utf-7\r\n",
        "<p>&amp;",
        "=3",
        "\0",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes())
}
