//! Conversations of all kinds.

use std::fmt::Write;

use mail::digest::digest;
use proptest::prelude::*;

use super::*;

fn message<'a>(number: u32, id: &'a str, references: &[&'a str], subject: &'a str) -> Threaded<'a> {
    let is_reply = subject.starts_with("re: ");
    let base_subject = subject.strip_prefix("re: ").unwrap_or(subject);
    let id = Some(id).filter(|id| !id.is_empty());
    Threaded { number, sent: i64::from(number), id, references: references.to_vec(), base_subject, is_reply }
}

/// As IMAP writes it.
fn shown(threads: &[Thread]) -> String {
    fn one(thread: &Thread, out: &mut String) {
        if let Some(number) = thread.number {
            let _ = write!(out, "{number}");
        }
        match &thread.children[..] {
            [only] if thread.number.is_some() => {
                out.push(' ');
                one(only, out);
            }
            children => children.iter().for_each(|child| {
                out.push('(');
                one(child, out);
                out.push(')');
            }),
        }
    }
    threads.iter().fold(String::new(), |mut out, thread| {
        out.push('(');
        one(thread, &mut out);
        out + ")"
    })
}

#[test]
fn messages_that_refer_to_one_another_are_one_tree() {
    for (messages, expected) in [
        (
            vec![
                message(1, "a", &[], "s"),
                message(2, "b", &["a"], "re: s"),
                message(3, "c", &["a", "b"], "re: s"),
            ],
            "(1 2 3)",
        ),
        (
            vec![
                message(1, "a", &[], "s"),
                message(2, "b", &["a"], "re: s"),
                message(3, "c", &["a"], "re: s"),
            ],
            "(1(2)(3))",
        ),
        // What several refer to is missing.
        (vec![message(2, "b", &["a"], "x"), message(3, "c", &["a"], "y")], "((2)(3))"),
        (vec![message(2, "b", &["a"], "x")], "(2)"),
        // Missing in between.
        (vec![message(1, "a", &[], "s"), message(3, "c", &["a", "b"], "re: s")], "(1 3)"),
        // Circles.
        (vec![message(1, "a", &["b"], "x"), message(2, "b", &["a"], "y")], "(2 1)"),
        (vec![message(1, "a", &["a"], "x")], "(1)"),
        // One subject, no references.
        (vec![message(1, "a", &[], "s"), message(2, "b", &[], "re: s")], "(1 2)"),
        (vec![message(1, "a", &[], "s"), message(2, "b", &[], "s")], "((1)(2))"),
        (vec![message(1, "a", &[], "re: s"), message(2, "b", &[], "s")], "(2 1)"),
        (vec![message(1, "a", &[], ""), message(2, "b", &[], "")], "(1)(2)"),
        // One identifier twice.
        (
            vec![message(1, "a", &[], "x"), message(2, "a", &[], "y"), message(3, "c", &["a"], "z")],
            "(1 3)(2)",
        ),
        (vec![message(1, "", &[], "x"), message(2, "", &[], "y")], "(1)(2)"),
        // A reply that came before what it answers.
        (vec![message(1, "b", &["a"], "re: s"), message(2, "a", &[], "s")], "(2 1)"),
    ] {
        assert_eq!(shown(&by_references(&messages)), expected, "{messages:?}");
    }
}

#[test]
fn messages_with_one_subject_are_one_thread() {
    let messages = [
        message(1, "a", &[], "s"),
        message(2, "b", &[], "t"),
        message(3, "c", &[], "re: s"),
        message(4, "d", &[], "s"),
    ];
    assert_eq!(shown(&by_subject(&messages)), "(1(3)(4))(2)");
}

#[test]
fn a_chain_without_end_is_cut() {
    let ids: Vec<String> = (0..50_000).map(|nth| nth.to_string()).collect();
    let chain: Vec<_> = ids
        .iter()
        .enumerate()
        .map(|(nth, id)| {
            let before = nth.checked_sub(1).map(|nth| &ids[nth][..]);
            let before: Vec<&str> = before.into_iter().collect();
            message(u32::try_from(nth + 1).unwrap(), id, &before, "s")
        })
        .collect();
    let threads = by_references(&chain);
    let mut count = 0;
    let mut left: Vec<&Thread> = threads.iter().collect();
    while let Some(thread) = left.pop() {
        count += usize::from(thread.number.is_some());
        left.extend(&thread.children);
    }
    assert_eq!(count, 50_000);
}

fn keys_of(text: &str) -> Vec<u64> {
    keys(&Digest::read(&digest(text.as_bytes())))
}

#[test]
fn conversations_share_an_identifier_and_the_subject() {
    let first = keys_of("Message-ID: <a@b>\r\nSubject: s\r\n\r\n");
    let share = |other: &str| keys_of(other).iter().any(|key| first.contains(key));
    assert!(share("Message-ID: <c@d>\r\nIn-Reply-To: <a@b>\r\nSubject: Re: S\r\n\r\n"));
    assert!(share("Message-ID: <c@d>\r\nReferences: <x@y> <a@b>\r\nSubject: [list] s (fwd)\r\n\r\n"));
    assert!(!share("Message-ID: <c@d>\r\nIn-Reply-To: <a@b>\r\nSubject: new (was: s)\r\n\r\n"));
    assert!(!share("Message-ID: <c@d>\r\nSubject: Re: s\r\n\r\n"));
    assert!(keys_of("Subject: s\r\n\r\n").is_empty());
}

// proves: H19
#[test]
fn who_refers_to_everything_has_few_keys() {
    let flood = format!("Message-ID: <a@b>\r\nReferences: {}\r\n\r\n", "<x@y>\r\n ".repeat(10_000));
    assert!(keys_of(&flood).len() <= KEYS_MAX);
}

proptest! {
    #[test]
    fn every_message_is_in_one_thread_once(
        drafts in prop::collection::vec((0u8..12, prop::collection::vec(0u8..12, 0..4), 0u8..4, any::<bool>(), 0i64..20), 0..40),
    ) {
        let ids: Vec<String> = (0..12).map(|nth| format!("{nth}@x")).collect();
        let subjects = ["", "a", "b", "c"];
        let messages: Vec<_> = drafts.iter().enumerate().map(|(nth, (id, references, subject, is_reply, sent))| Threaded {
            number: u32::try_from(nth + 1).unwrap(),
            sent: *sent,
            id: Some(&ids[usize::from(*id)]),
            references: references.iter().map(|nth| &ids[usize::from(*nth)][..]).collect(),
            base_subject: subjects[usize::from(*subject)],
            is_reply: *is_reply,
        }).collect();
        for threads in [by_references(&messages), by_subject(&messages)] {
            let mut numbers = Vec::new();
            let mut left: Vec<&Thread> = threads.iter().collect();
            while let Some(thread) = left.pop() {
                numbers.extend(thread.number);
                prop_assert!(thread.number.is_some() || thread.children.len() > 1);
                left.extend(&thread.children);
            }
            numbers.sort_unstable();
            prop_assert_eq!(numbers, (1..=u32::try_from(messages.len()).unwrap()).collect::<Vec<_>>());
        }
    }
}
