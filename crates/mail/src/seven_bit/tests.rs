//! What a reader decodes is the same before and after, and what comes out fits the target.
//!
//! The reader here is written the simple way, on the whole message, and shares nothing with the walker.

use memchr::memmem;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// Fields by name, their values unfolded.
type Fields = Vec<(String, Vec<u8>)>;

/// A message as its reader sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Seen {
    fields: Fields,
    parts: Vec<Seen>,
    content: Vec<u8>,
}

fn read(message: &[u8]) -> Seen {
    let whole = [b"\r\n", message].concat();
    let end = memmem::find(&whole, b"\r\n\r\n").unwrap_or(whole.len());
    let all = unfolded(whole.get(2..end).unwrap_or_default());
    let body = whole.get(end + 4..).unwrap_or_default();
    let text = |name: &str| {
        let found = all.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map_or_else(String::new, |(_, value)| String::from_utf8_lossy(value).trim().to_owned())
    };
    let media = text("content-type");
    let (parts, content) = match media.split_once("boundary=") {
        Some((_, boundary)) if !media.contains("signed") => {
            (split(body, boundary.trim_matches('"')).iter().map(|part| read(part)).collect(), Vec::new())
        }
        _ if media.starts_with("message/rfc822") => (vec![read(body)], Vec::new()),
        _ => (Vec::new(), decoded(body, &text("content-transfer-encoding"))),
    };
    let ours = ["content-transfer-encoding", "mime-version", "content-type"];
    let kept = all.iter().filter(|(name, _)| !ours.contains(&name.to_lowercase().as_str()));
    Seen { fields: kept.map(|(name, value)| (name.clone(), words_decoded(value))).collect(), parts, content }
}

fn unfolded(header: &[u8]) -> Fields {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for line in header.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r\n").unwrap_or(line);
        match lines.last_mut() {
            Some(last) if matches!(line.first(), Some(b' ' | b'\t')) => last.extend_from_slice(line),
            _ => lines.push(line.to_vec()),
        }
    }
    let field = |line: &Vec<u8>| {
        let colon = line.iter().position(|byte| *byte == b':').expect("a field");
        (String::from_utf8_lossy(&line[..colon]).into_owned(), line[colon + 1..].to_vec())
    };
    lines.iter().map(field).collect()
}

/// RFC 2047 section 6.2: encoded-words decoded, white space between two of them dropped; quotes taken off.
fn words_decoded(value: &[u8]) -> Vec<u8> {
    let (mut out, mut rest, mut after_word) = (Vec::new(), value, false);
    while let Some(start) = memmem::find(rest, b"=?") {
        let inner: Vec<&[u8]> = rest[start + 2..].splitn(4, |byte| *byte == b'?').collect();
        let before = &rest[..start];
        if !(after_word && before.trim_ascii().is_empty()) {
            out.extend_from_slice(before);
        }
        out.extend(base64_decoded(inner[2]));
        after_word = true;
        rest = inner[3].strip_prefix(b"=").expect("the end of an encoded-word");
    }
    out.extend_from_slice(rest);
    out.retain(|byte| *byte != b'"');
    out.trim_ascii().to_vec()
}

fn split(body: &[u8], boundary: &str) -> Vec<Vec<u8>> {
    let delimiter = format!("\r\n--{boundary}");
    let whole = [b"\r\n", body].concat();
    let starts: Vec<usize> = memmem::find_iter(&whole, delimiter.as_bytes()).collect();
    let part = |pair: &[usize]| {
        let rest = &whole[pair[0] + delimiter.len()..];
        let line = memmem::find(rest, b"\r\n").expect("a delimiter's line") + 2;
        whole[(pair[0] + delimiter.len() + line).min(pair[1])..pair[1]].to_vec()
    };
    starts.windows(2).map(part).collect()
}

fn decoded(body: &[u8], encoding: &str) -> Vec<u8> {
    match encoding {
        "quoted-printable" => quoted_printable_decoded(body),
        "base64" => base64_decoded(body),
        _ => body.to_vec(),
    }
}

fn quoted_printable_decoded(body: &[u8]) -> Vec<u8> {
    let (mut out, mut at) = (Vec::new(), 0);
    while at < body.len() {
        let digit = |nth: usize| body.get(at + nth).and_then(|byte| char::from(*byte).to_digit(16));
        if body[at..].starts_with(b"=\r\n") {
            at += 3;
        } else if let (b'=', Some(high), Some(low)) = (body[at], digit(1), digit(2)) {
            out.push((high * 16 + low) as u8);
            at += 3;
        } else {
            out.push(body[at]);
            at += 1;
        }
    }
    out
}

fn base64_decoded(text: &[u8]) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.iter().filter_map(|byte| ALPHABET.iter().position(|found| found == byte));
    let (mut out, mut bits, mut count) = (Vec::new(), 0_usize, 0);
    for digit in digits {
        bits = (bits << 6 | digit) & 0xFFFF;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count & 255) as u8);
        }
    }
    out
}

#[track_caller]
fn assert_fits(content: &[u8], target: Target) {
    let shown = || String::from_utf8_lossy(content).into_owned();
    for line in content.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r\n").unwrap_or(line);
        assert!(line.len() <= LINE_BYTES_MAX, "a long line in {}", shown());
        assert!(memchr::memchr3(b'\r', b'\n', 0, line).is_none(), "binary bytes in {:?}", shown());
    }
    assert!(target == Target::EightBit || content.is_ascii(), "8-bit bytes in {}", shown());
}

#[track_caller]
fn check(content: &str, target: Target, expected: &str) {
    let content = content.replace('\n', "\r\n");
    let got = convert(content.as_bytes(), target).expect("convertible");
    assert_eq!(String::from_utf8(got).expect("text"), expected.replace('\n', "\r\n"));
}

#[track_caller]
fn check_refused(content: &str, expected: Unconvertible) {
    assert_eq!(
        convert(content.replace('\n', "\r\n").as_bytes(), Target::SevenBit),
        Err(expected),
        "{content}"
    );
}

// proves: E16, H20
#[test]
fn text_becomes_quoted_printable_and_what_fits_stays() {
    check(
        "Subject: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"b\"\nContent-Transfer-Encoding: 8bit\n\n\
         for old readers\n--b\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n\
         caf\u{e9} = \n--b\nContent-Type: text/plain\n\nplain = \n--b--\nthe end\n",
        Target::SevenBit,
        "Subject: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"b\"\nContent-Transfer-Encoding: 7bit\n\n\
         for old readers\n--b\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n\
         caf=C3=A9 =3D=20\n--b\nContent-Type: text/plain\n\nplain = \n--b--\nthe end\n",
    );
}

#[test]
fn a_message_that_says_nothing_of_itself_is_labelled() {
    check(
        "From: a@example.org\n\ncaf\u{e9}\n",
        Target::SevenBit,
        "From: a@example.org\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\
         Content-Transfer-Encoding: quoted-printable\n\ncaf=C3=A9\n",
    );
    let latin = convert(b"From: a@example.org\r\n\r\ncaf\xe9\r\n", Target::SevenBit).expect("convertible");
    assert!(memmem::find(&latin, b"charset=unknown-8bit").is_some());
}

#[test]
fn what_is_inside_messages_and_digests_is_found() {
    check(
        "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: one\nMIME-Version: 1.0\nContent-Type: image/x\n\
         Content-Transfer-Encoding: binary\n\n\u{e9}\n--b--\n",
        Target::SevenBit,
        "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: one\nMIME-Version: 1.0\nContent-Type: image/x\n\
         Content-Transfer-Encoding: base64\n\nw6k=\n--b--\n",
    );
    check(
        "Content-Type: message/global\nMIME-Version: 1.0\n\nSubject: \u{e9}\n",
        Target::SevenBit,
        "Content-Type: message/global\nMIME-Version: 1.0\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogw6kNCg==\n",
    );
}

// proves: H6
#[test]
fn a_long_line_is_encoded_and_nothing_else() {
    let long = "x".repeat(999);
    let content = format!("MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\ncaf\u{e9}\r\n{long}\r\n");
    let got = convert(content.as_bytes(), Target::EightBit).expect("convertible");
    assert_fits(&got, Target::SevenBit);
    assert_eq!(read(&got), read(content.as_bytes()));
    let fits = format!("MIME-Version: 1.0\r\n\r\ncaf\u{e9}\r\n{}\r\n", &long[1..]);
    assert_eq!(convert(fits.as_bytes(), Target::EightBit).expect("convertible"), fits.as_bytes());
}

// proves: H2
#[test]
fn binary_text_is_encoded_byte_by_byte() {
    let content = b"MIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\n\r\na\nb\rc\0\r\n.\r\n";
    for target in [Target::SevenBit, Target::EightBit] {
        let got = convert(content, target).expect("convertible");
        assert_fits(&got, target);
        assert_eq!(read(&got).content, b"a\nb\rc\0\r\n.\r\n");
    }
}

#[test]
fn what_must_not_be_changed_is_refused() {
    for media in [
        "multipart/signed; boundary=b",
        "multipart/encrypted; boundary=b",
        "message/partial",
        "multipart/mixed",
    ] {
        check_refused(&format!("Content-Type: {media}\n\n--b\n\n\u{e9}\n--b--\n"), Unconvertible::Sealed);
    }
    check_refused("Content-Transfer-Encoding: x-uuencode\n\n\u{e9}\n", Unconvertible::Encoding);
    check_refused("Fr\u{e9}: x\n\nx\n", Unconvertible::Header);
    check_refused("From: <jos\u{e9}@example.org>\n\nx\n", Unconvertible::Header);
    check_refused("From: jos\u{e9}@example.org\n\nx\n", Unconvertible::Header);
    check_refused("Message-ID: <\u{e9}@example.org>\n\nx\n", Unconvertible::Header);
    check_refused(
        "Content-Type: multipart/mixed; boundary=\"\u{e9}\"\n\n--\u{e9}\n\nx\n",
        Unconvertible::Header,
    );
    check_refused(&format!("X: {}\n\nx\n", "x".repeat(1000)), Unconvertible::Header);
    check_refused(&format!("X: {}\n\nx\n", "x ".repeat(200_000)), Unconvertible::HeaderTooLong);
    let deep: String =
        (0..70).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n")).collect();
    check_refused(&deep, Unconvertible::TooManyParts);
}

#[test]
fn a_signed_part_that_fits_is_left_alone() {
    let content = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/signed; boundary=b\n\n\
                   --b\n\ntext \n--b--\n--a\n\n";
    let expected = format!("{content}\n");
    let content = format!("{content}\u{e9}\n--a--\n");
    let got = convert(content.replace('\n', "\r\n").as_bytes(), Target::SevenBit).expect("convertible");
    let signed = &expected[expected.find("Content-Type: multipart/signed").expect("is there")
        ..expected.rfind("--a").expect("is there")];
    assert!(memmem::find(&got, signed.replace('\n', "\r\n").as_bytes()).is_some());
}

#[test]
fn header_fields_become_encoded_words() {
    for (field, expected) in [
        ("Subject: caf\u{e9} noir", "Subject: =?utf-8?B?Y2Fmw6k=?= noir"),
        ("Subject: \u{e9} \u{e9}", "Subject: =?utf-8?B?w6kgw6k=?="),
        ("Subject: =?utf-8?B?YQ==?= \u{e9}", "Subject: =?utf-8?B?YQ==?= =?utf-8?B?IMOp?="),
        ("Subject: \u{e9} =?utf-8?B?YQ==?=", "Subject: =?utf-8?B?w6kg?= =?utf-8?B?YQ==?="),
        (
            "To: Jos\u{e9} M <a@example.org>, b@example.org",
            "To: =?utf-8?B?Sm9zw6kgTQ==?= <a@example.org>, b@example.org",
        ),
        ("To: \"J\u{e9} \\\"x, y\" <a@example.org>", "To: =?utf-8?B?SsOpICJ4LCB5?= <a@example.org>"),
        (
            "From: a@example.org (Jos\u{e9} (\u{e9}))",
            "From: a@example.org (=?utf-8?B?Sm9zw6kg?=(=?utf-8?B?w6k=?=))",
        ),
        ("Received: from x (\u{e9}) by y", "Received: from x (=?utf-8?B?w6k=?=) by y"),
        (
            "Content-Disposition: attachment; filename=\"caf\u{e9} 1.txt\"; size=1",
            "Content-Disposition: attachment; filename*=utf-8''caf%C3%A9%201.txt; size=1",
        ),
    ] {
        check(&format!("{field}\n\nx\n"), Target::SevenBit, &format!("{expected}\n\nx\n"));
        check(&format!("{field}\n\nx\n"), Target::EightBit, &format!("{field}\n\nx\n"));
    }
    let latin = convert(b"Subject: caf\xe9\r\n\r\n", Target::SevenBit).expect("convertible");
    assert_eq!(latin, b"Subject: =?unknown-8bit?B?Y2Fm6Q==?=\r\n\r\n");
}

#[test]
fn bodies_that_are_encoded_badly_are_mended() {
    check(
        "Content-Transfer-Encoding: quoted-printable\n\n\u{e9}==41 =\nb=zz\u{fc}=4\u{fc} \n",
        Target::SevenBit,
        "Content-Transfer-Encoding: quoted-printable\n\n=C3=A9==41 =\nb=zz=C3=BC=4=C3=BC \n",
    );
    check(
        &format!("Content-Transfer-Encoding: base64\n\n{}\n", "QUJD".repeat(300)),
        Target::EightBit,
        &format!(
            "Content-Transfer-Encoding: base64\n\n{}",
            format!("{}\n", "QUJD".repeat(19)).repeat(15) + &"QUJD".repeat(15) + "\n"
        ),
    );
}

#[test]
fn a_delimiter_with_a_bare_line_end_is_none() {
    let content = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b\n\r\ny\r\n--b--\r\n";
    let got = convert(content, Target::EightBit).expect("convertible");
    assert_fits(&got, Target::EightBit);
    assert!(memmem::find(&got, b"eA0KLS1iCg0KeQ==").is_some(), "x, the line and y are one part");
}

#[test]
fn what_no_reader_sees_is_left_out_if_it_does_not_fit() {
    check(
        "Content-Type: multipart/mixed; boundary=b\n\npr\u{e9}amble\n--b\n\nx\n--b--\n\u{e9}pilogue\n",
        Target::SevenBit,
        "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b--\n",
    );
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => "[ a.=\\t-]{0,12}".prop_map(String::into_bytes),
        4 => "[a\u{e9}= \u{4e2d}]{0,90}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..40),
        1 => (900_usize..2200).prop_map(|length| vec![b'x'; length]),
        1 => "=[0-9A-F=]{0,4}".prop_map(String::into_bytes),
    ]
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    (prop::collection::vec(line(), 0..6), any::<bool>()).prop_map(|(lines, ends)| {
        let mut body = lines.join(&b"\r\n"[..]);
        if ends {
            body.extend_from_slice(b"\r\n");
        }
        body
    })
}

fn leaf() -> impl Strategy<Value = Vec<u8>> {
    let types = [
        "",
        "Content-Type: text/plain; charset=utf-8\r\n",
        "Content-Type: image/x\r\n",
        "Content-Type: text/html;\r\n name=x\r\n",
    ];
    let encodings = ["", "8bit", "binary", "quoted-printable", "base64", "7BIT"];
    (select(types.to_vec()), select(encodings.to_vec()), body()).prop_map(|(media, encoding, body)| {
        let encoding = match encoding {
            "" => String::new(),
            encoding => format!("Content-Transfer-Encoding: {encoding}\r\n"),
        };
        [media.as_bytes(), encoding.as_bytes(), b"\r\n", &body].concat()
    })
}

fn part() -> impl Strategy<Value = Vec<u8>> {
    leaf().prop_recursive(4, 24, 4, |inner| {
        let nested = prop_oneof![
            inner.clone().prop_map(|message| [
                b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n",
                &message[..]
            ]
            .concat()),
            (prop::collection::vec(inner, 1..4), 0_u32..1000, line(), any::<bool>()).prop_map(
                |(parts, nth, between, digest)| {
                    let boundary = format!("=_{}{nth}_", parts.len());
                    // Two multiparts of one boundary within one another would not be what they seem.
                    let clashes = parts.iter().any(|part| memmem::find(part, boundary.as_bytes()).is_some());
                    let boundary =
                        if clashes { format!("{boundary}{}_", parts.concat().len()) } else { boundary };
                    let subtype = if digest { "x-mixed" } else { "mixed" };
                    let mut all =
                        format!("Content-Type: multipart/{subtype};\r\n\tboundary=\"{boundary}\"\r\n\r\n")
                            .into_bytes();
                    all.extend_from_slice(&between);
                    for part in parts {
                        all.extend([format!("\r\n--{boundary}\r\n").as_bytes(), &part].concat());
                    }
                    all.extend([format!("\r\n--{boundary}--\r\n").as_bytes(), &between].concat());
                    all
                }
            ),
        ];
        nested
    })
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        Just("x".to_owned()),
        Just("=?utf-8?B?YQ==?=".to_owned()),
        "[a\u{e9}\u{4e2d}]{1,60}",
        Just("\u{e9}".to_owned()),
    ];
    (prop::collection::vec(word, 0..8), part()).prop_map(|(words, part)| {
        let name: Vec<&str> = words.iter().map(String::as_str).filter(|word| !word.contains('?')).collect();
        let subject =
            format!("Subject: {}\r\nFrom: \"{}\" <a@example.org>\r\n", words.join(" "), name.join(" "));
        [subject.as_bytes(), &part].concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_reader_sees_the_same_and_the_result_fits(content in message(), seven in any::<bool>(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4)) {
        let target = if seven { Target::SevenBit } else { Target::EightBit };
        // Only what is declared 7bit or 8bit and longer than a header may be is refused here.
        let got = convert(&content, target).expect("all of these can be converted");
        assert_fits(&got, target);
        prop_assert_eq!(read(&got), read(&content));
        prop_assert_eq!(convert(&got, target).expect("again"), got.clone(), "twice is once");

        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(content.len() + 1)).collect();
        cuts.sort_unstable();
        let mut survey = Survey::default();
        let mut pieces = Vec::new();
        let mut from = 0;
        for cut in cuts.into_iter().chain([content.len()]) {
            survey.push(&content[from..cut]).expect("as before");
            pieces.push(&content[from..cut]);
            from = cut;
        }
        let mut conversion = Conversion::new(survey.finish().expect("as before"), target);
        let mut out = Vec::new();
        for piece in pieces {
            out.extend(conversion.push(piece).expect("as before"));
        }
        out.extend(conversion.finish().expect("as before"));
        prop_assert_eq!(out, got);
    }

    #[test]
    fn damaged_messages_fit_too_or_are_refused(
        content in message(),
        damages in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_usize..3), 1..6),
        seven in any::<bool>(),
    ) {
        let mut content = content;
        for (at, byte, remove) in damages {
            let at = at.index(content.len());
            content.splice(at..(at + remove).min(content.len()), [byte]);
        }
        let target = if seven { Target::SevenBit } else { Target::EightBit };
        if let Ok(out) = convert(&content, target) {
            assert_fits(&out, target);
            prop_assert_eq!(convert(&out, target), Ok(out));
        }
    }

    #[test]
    fn any_bytes_are_taken_without_panic(content in prop::collection::vec(any::<u8>(), 0..300), text in "[ -~\r\n:;=\"()<>@?/*\u{e9}-]{0,200}") {
        for content in [&content[..], text.as_bytes()] {
            for target in [Target::SevenBit, Target::EightBit] {
                if let Ok(out) = convert(content, target) {
                    assert_fits(&out, target);
                }
            }
        }
    }
}
