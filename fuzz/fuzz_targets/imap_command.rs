//! What an IMAP client says: cut into commands, read, and never a panic.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use wire::imap::{Framer, Names, Step, append, parse};

fuzz_target!(|input: &[u8]| {
    let (mut framer, mut input) = (Framer::new(8192, 1 << 16), BytesMut::from(input));
    loop {
        match framer.step(&mut input) {
            Step::Whole(command) => {
                let _ = (parse(&command, Names::Utf7), parse(&command, Names::Utf8));
            }
            Step::Message(head, _) => {
                let _ = append::head(&head, Names::Utf8);
                framer.take_message();
                framer.message_piece(&mut input);
                if framer.message_left().is_some() {
                    return;
                }
            }
            Step::NeedInput | Step::Flood(_) => return,
            Step::GoAhead | Step::Broken(..) => {}
        }
    }
});
