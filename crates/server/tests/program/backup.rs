//! `waypost backup` and `waypost restore`: a copy of a server that takes mail meanwhile.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::fixture::{Place, SETTINGS};

const BOOT: [&str; 2] = ["--config", "waypost.toml"];

// proves: I4
#[test]
fn a_copy_that_is_made_while_mail_comes_in_is_restored() {
    let place = Place::with(SETTINGS);
    let mut server = place.serve();
    let address = server.address.clone();
    let send = |subject: &str, bytes: usize| {
        let message = format!("Subject: {subject}\n\n{}\n", "0123456789\n".repeat(bytes / 11));
        place
            .waypost_with(&["send", "--server", &address, "-f", "<>", "ann@home.example"], &message)
            .exits(0);
    };
    send("before", 400_000);
    send("before", 10);
    server.line_with("\"delivered\"");
    server.line_with("\"delivered\"");
    let (ended, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::SeqCst) {
                send("meanwhile", if sent.fetch_add(1, Ordering::SeqCst) % 2 == 0 { 300_000 } else { 10 });
            }
        });
        for copy in ["copy-1", "copy-2"] {
            let made = place.waypost(&[&["backup", copy][..], &BOOT].concat()).exits(0);
            assert!(made.out.contains("messages of 1 accounts"), "{}", made.out);
        }
        ended.store(true, Ordering::SeqCst);
    });
    let again = place.waypost(&[&["backup", "copy-2"][..], &BOOT].concat()).exits(1);
    assert!(again.err.contains("it is there already"), "{}", again.err);
    let refused = place.waypost(&[&["restore", "copy-2"][..], &BOOT].concat()).exits(1);
    assert!(refused.err.contains("is not empty"), "{}", refused.err);
    assert!(server.end().success());
    std::fs::rename(place.path("data"), place.path("lost")).unwrap();
    let restored = place.waypost(&[&["restore", "copy-2"][..], &BOOT].concat()).exits(0);
    assert!(restored.out.contains("UIDVALIDITY"), "{}", restored.out);
    assert!(
        place.path("copy-2/outside/settings.json").is_file(),
        "settings that lay elsewhere are in the copy"
    );

    let show = ["mailbox", "show", "--config", "waypost.toml", "ann@home.example", "INBOX"];
    let first = place.waypost(&[&show[..], &["1"]].concat()).exits(0).out;
    assert!(first.contains("Subject: before"), "{first:.200}");
    let mut server = place.serve();
    let address = server.address.clone();
    let send = ["send", "--server", &address, "-f", "<>", "ann@home.example"];
    place.waypost_with(&send, "Subject: after\n\nx\n").exits(0);
    server.line_with("\"delivered\"");
    assert!(place.waypost(&show).exits(0).out.contains("after"));
    assert!(server.end().success());
}

#[test]
fn what_is_no_copy_is_not_restored() {
    let place = Place::with(SETTINGS);
    place.waypost(&[&["restore", "nothing"][..], &BOOT].concat()).exits(1);
    assert!(!place.path("data").exists());
    place.waypost(&[&["backup", "copy"][..], &BOOT].concat()).exits(1);
    assert!(!place.path("copy").exists() && !place.path("copy.partial").exists());
}
