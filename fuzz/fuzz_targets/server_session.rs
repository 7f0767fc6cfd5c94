//! A whole session as server: any bytes in any pieces; every question is answered with yes.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use mail::Reply;
use wire::smtp::extensions::Extensions;
use wire::smtp::limits::SessionLimits;
use wire::smtp::server::{AuthOffer, Protocol, ServerProfile, ServerSession, Step};

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, bytes) = input;
    let profile = ServerProfile {
        protocol: Protocol::Smtp,
        hostname: "mx.here.test".to_owned(),
        starttls: true,
        require_tls: false,
        require_auth: false,
        limits: SessionLimits::default(),
    };
    let mut session = ServerSession::<u64>::new(Arc::new(profile), AuthOffer::Always);
    let mut waiting = Vec::new();
    session.greet();
    for piece in bytes.chunks(usize::from(piece).max(1)) {
        waiting.extend_from_slice(piece);
        if !drive(&mut session, &mut waiting) {
            return;
        }
    }
});

/// Takes steps until more input is needed. False when the session is over.
fn drive(session: &mut ServerSession<u64>, waiting: &mut Vec<u8>) -> bool {
    let mut used = 0;
    loop {
        let (bytes, step) = session.step(&waiting[used..]);
        used += bytes;
        let question = match step {
            Step::NeedInput => {
                waiting.drain(..used);
                return true;
            }
            Step::Hello => Some(Question::Hello),
            Step::Lookup(_) => Some(Question::Lookup),
            Step::Mail(_) => Some(Question::Mail),
            Step::Recipient(_) => Some(Question::Recipient),
            Step::ContentBegins => Some(Question::Content),
            Step::Content(_) => None,
            Step::ContentEnds(finished) => {
                assert_eq!(finished.transaction, TRANSACTION);
                Some(Question::Finish)
            }
            Step::StartTls => Some(Question::Tls),
            Step::Authenticate(_) => Some(Question::User),
            Step::Close => return false,
        };
        match question {
            Some(Question::Hello) => session.accept_hello(Extensions::default()),
            Some(Question::Lookup) => session.answer_lookup(&taken()),
            Some(Question::Mail) => session.accept_mail(TRANSACTION),
            Some(Question::Recipient) => session.accept_recipient(),
            Some(Question::Content) => session.accept_content(),
            Some(Question::Finish) => session.finish(&taken()),
            Some(Question::Tls) => session.tls_established(),
            Some(Question::User) => session.authenticated("ann".to_owned(), Extensions::default()),
            None => {}
        }
        session.output().clear();
    }
}

/// What the caller keeps with every transaction.
const TRANSACTION: u64 = 17;

/// What a session asks, when its step holds nothing of the input any more.
enum Question {
    Hello,
    Lookup,
    Mail,
    Recipient,
    Content,
    Finish,
    Tls,
    User,
}

fn taken() -> Reply {
    Reply::new(250, None, "Ok")
}
