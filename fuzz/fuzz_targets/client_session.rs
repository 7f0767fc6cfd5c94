//! A whole session as client: the fuzzer is the server, its bytes come in pieces.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::smtp::client::{Client, Protocol, StartTls, Step};

/// Steps without new bytes; more means that it spins.
const STEPS_MAX: usize = 10_000;

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, bytes) = input;
    let mut client = Client::new(Protocol::Smtp, "client.test", StartTls::IfOffered, None);
    let mut pieces = bytes.chunks(usize::from(piece).max(1));
    for _ in 0..STEPS_MAX {
        match client.step() {
            Step::Receive(_) => match pieces.next() {
                Some(piece) => client.receive(piece),
                None => client.disconnected("the bytes are at an end"),
            },
            Step::Send => client.sent(),
            Step::Handshake | Step::SendContent(_) | Step::Ready | Step::Over => return,
        }
    }
    panic!("the client spins");
});
