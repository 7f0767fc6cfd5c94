//! Commands are found whole, however their bytes arrive, and none is larger than may be.

use bytes::BytesMut;
use proptest::prelude::*;

use super::*;

const LIMIT: usize = 8192;

/// All steps that an input gives, whole.
fn steps(input: &[u8]) -> Vec<Step> {
    let (mut framer, mut input) = (Framer::new(LIMIT, 1 << 20), BytesMut::from(input));
    let mut steps = Vec::new();
    loop {
        match framer.step(&mut input) {
            Step::NeedInput => return steps,
            flood @ Step::Flood(_) => {
                steps.push(flood);
                return steps;
            }
            step => steps.push(step),
        }
    }
}

fn whole(text: &str) -> Step {
    Step::Whole(Bytes::copy_from_slice(text.as_bytes()))
}

fn broken(tag: &str, why: &'static str) -> Step {
    Step::Broken(Some(tag.to_owned()), why)
}

#[test]
fn commands_end_with_their_last_line() {
    let table: [(&str, Vec<Step>); 6] = [
        ("a NOOP\r\nb NO", vec![whole("a NOOP")]),
        ("a NOOP\r\nb LOGOUT\r\n", vec![whole("a NOOP"), whole("b LOGOUT")]),
        (
            "a LOGIN {4}\r\nfred {7+}\r\nbalhu\r\n\r\nb NOOP\r\n",
            vec![Step::GoAhead, whole("a LOGIN {4}\r\nfred {7+}\r\nbalhu\r\n"), whole("b NOOP")],
        ),
        ("a LOGIN {0}\r\n {0}\r\n\r\n", vec![Step::GoAhead, Step::GoAhead, whole("a LOGIN {0}\r\n {0}\r\n")]),
        ("a SEARCH SUBJECT \"{5}\"\r\n", vec![whole("a SEARCH SUBJECT \"{5}\"")]),
        ("\r\n", vec![whole("")]),
    ];
    for (input, expected) in table {
        assert_eq!(steps(input.as_bytes()), expected, "{input:?}");
    }
}

// proves: I7
#[test]
fn what_is_too_large_is_refused_before_it_is_there() {
    const TOO_LARGE: &str = "the literal is too large";
    assert_eq!(steps(b"a LOGIN {4294967296}\r\nb NOOP\r\n"), vec![broken("a", TOO_LARGE), whole("b NOOP")]);
    assert_eq!(steps(b"a LOGIN {99999999999999999999999}\r\n"), vec![broken("a", TOO_LARGE)]);
    assert_eq!(steps(b"a LOGIN {1073741824+}\r\n"), vec![Step::Flood(TOO_LARGE)]);
    let passed = [b"a LOGIN {9000+}\r\n".as_slice(), &[b'x'; 9000], b" {3+}\r\nabc\r\nb NOOP\r\n"].concat();
    assert_eq!(steps(&passed), vec![broken("a", TOO_LARGE), whole("b NOOP")]);
    let long = [b"a ".as_slice(), &[b'('; 10_000], b"\r\nb NOOP\r\n"].concat();
    assert_eq!(steps(&long), vec![broken("a", "the command is too long"), whole("b NOOP")]);
    let (mut framer, mut flooded, mut input) = (Framer::new(LIMIT, 0), false, BytesMut::new());
    for _ in 0..10 {
        input.extend_from_slice(&[b'x'; LIMIT]);
        while !matches!(framer.step(&mut input), Step::NeedInput | Step::Flood(_)) {}
        flooded |= matches!(framer.step(&mut input), Step::Flood(_));
        assert!(input.len() <= LIMIT);
    }
    assert!(flooded);
}

// proves: I7
#[test]
fn what_is_no_line_is_refused() {
    assert_eq!(steps(b"a NOOP\nb NOOP\r\n"), vec![broken("a", "lines end with CRLF"), whole("b NOOP")]);
    assert_eq!(steps(b"a NO\0OP\r\n"), vec![broken("a", "there is a NUL in the line")]);
    assert_eq!(steps(b"\n"), vec![Step::Broken(None, "lines end with CRLF")]);
}

#[test]
fn a_message_is_handed_over_in_pieces() {
    let mut framer = Framer::new(LIMIT, 100);
    let mut input = BytesMut::from(&b"a APPEND {5}\r\nINBOX (\\Seen) ~{10}\r\n01234"[..]);
    assert_eq!(framer.step(&mut input), Step::GoAhead);
    let head = Bytes::from_static(b"a APPEND {5}\r\nINBOX (\\Seen) ");
    assert_eq!(
        framer.step(&mut input),
        Step::Message(head, Announced { size: 10, waits: true, binary: true })
    );
    assert_eq!(framer.step(&mut input), Step::NeedInput);
    framer.take_message();
    assert_eq!(&framer.message_piece(&mut input)[..], b"01234");
    assert_eq!(framer.message_left(), Some(5));
    input.extend_from_slice(b"56789 {3+}\r\nabc\r\nb NOOP\r\n");
    assert_eq!(&framer.message_piece(&mut input)[..], b"56789");
    let more = Step::Message(Bytes::from_static(b" "), Announced { size: 3, waits: false, binary: false });
    assert_eq!(framer.step(&mut input), more);
    framer.take_message();
    assert_eq!(&framer.message_piece(&mut input)[..], b"abc");
    assert_eq!(framer.step(&mut input), whole(""));
    assert_eq!(framer.step(&mut input), whole("b NOOP"));
    assert!(framer.is_between());
}

#[test]
fn a_message_that_is_not_wanted_is_passed_over() {
    let mut framer = Framer::new(LIMIT, 100);
    let mut input = BytesMut::from(&b"a APPEND INBOX {10+}\r\n0123456789\r\nb NOOP\r\n"[..]);
    assert!(matches!(framer.step(&mut input), Step::Message(..)));
    assert_eq!(framer.refuse_message(), None);
    assert_eq!(framer.step(&mut input), whole("b NOOP"));
    let mut input = BytesMut::from(&b"a APPEND INBOX {1000+}\r\n"[..]);
    assert!(matches!(framer.step(&mut input), Step::Message(..)));
    assert!(matches!(framer.refuse_message(), Some(Step::Flood(_))));
}

proptest! {
    /// However the input is cut, the same commands come out.
    #[test]
    fn cuts_make_no_difference(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "a NOOP\r\n", "b LOGIN {3}\r\nabc {2+}\r\nxy\r\n", "c x\n", "\r\n", "d {5+}\r\n", "x", "\0", "{3}",
                "e APPEND x {4+}\r\n", "f {9000+}\r\n",
            ]),
            0..12,
        ),
        cuts in prop::collection::vec(1_usize..20, 1..40),
    ) {
        let all = parts.concat();
        let mut framer = Framer::new(200, 1 << 20);
        let run = |framer: &mut Framer, input: &mut BytesMut, found: &mut Vec<Step>| loop {
            match framer.step(input) {
                Step::NeedInput if framer.message_left().is_some() => {
                    framer.message_piece(input);
                    if framer.message_left().is_some() { break }
                }
                Step::NeedInput => break,
                Step::Message(head, announced) => {
                    framer.take_message();
                    found.push(Step::Message(head, announced));
                }
                step => found.push(step),
            }
        };
        let (mut whole_input, mut at_once) = (BytesMut::from(all.as_bytes()), Vec::new());
        run(&mut framer, &mut whole_input, &mut at_once);
        let (mut framer, mut input, mut cut_up) = (Framer::new(200, 1 << 20), BytesMut::new(), Vec::new());
        let (mut rest, mut cuts) = (all.as_bytes(), cuts.into_iter().cycle());
        while !rest.is_empty() {
            let (now, later) = rest.split_at(cuts.next().unwrap_or(1).min(rest.len()));
            input.extend_from_slice(now);
            rest = later;
            run(&mut framer, &mut input, &mut cut_up);
        }
        prop_assert_eq!(at_once, cut_up);
    }

    // proves: I7
    #[test]
    fn nothing_panics(input in prop::collection::vec(any::<u8>(), 0..300)) {
        steps(&input);
    }
}
