//! `waypost send`: like sendmail, down to the exit codes.

use crate::fixture::{Place, SETTINGS};

#[test]
fn a_message_for_an_account_lands_in_its_mailbox() {
    let place = Place::with(SETTINGS);
    let mut server = place.serve();
    let address = server.address.clone();
    let send = ["send", "--server", &address, "-f", "carl@away.example", "info@home.example"];
    place.waypost_with(&send, "Subject: hello\n\n.dot\nIt works.\n").exits(0);
    server.line_with("\"delivered\"");
    let list = place.waypost(&["mailbox", "list", "--config", "waypost.toml"]).exits(0);
    assert!(list.out.contains("ann@home.example  INBOX    1"), "{}", list.out);
    let show = ["mailbox", "show", "--config", "waypost.toml", "ann@home.example"];
    assert!(place.waypost(&show).exits(0).out.contains("hello"));
    let message = place.waypost(&[&show[..], &["INBOX", "1"]].concat()).exits(0).out;
    assert!(message.contains("Return-Path: <carl@away.example>"), "{message}");
    assert!(message.contains("\r\nDate: ") && message.contains("\r\nMessage-ID: <"), "{message}");
    assert!(message.ends_with("\r\n\r\n.dot\r\nIt works.\r\n"), "{message}");
    let queue = place.waypost(&["queue", "list", "--config", "waypost.toml"]).exits(0);
    assert_eq!(queue.out, "the queue is empty\n");
    assert!(server.end().success());
}

#[test]
fn recipients_are_read_from_the_header_and_bcc_is_taken_out() {
    let place = Place::with(SETTINGS);
    let mut server = place.serve();
    let address = server.address.clone();
    let message = "To: Ann <ann@home.example>\nBcc: bob@home.example\nSubject: both\n\nhello\n";
    place.waypost_with(&["send", "--server", &address, "-t", "-f", "<>"], message).exits(0);
    server.line_with("\"delivered\"");
    server.line_with("\"delivered\"");
    assert!(server.end().success());
    for account in ["ann@home.example", "bob@home.example"] {
        let show = ["mailbox", "show", "--config", "waypost.toml", account, "INBOX", "1"];
        let kept = place.waypost(&show).exits(0).out;
        assert!(kept.contains("Subject: both") && !kept.contains("Bcc"), "{kept}");
    }
}

#[test]
fn an_address_that_is_not_ascii_is_sent_to() {
    let place = Place::with(&SETTINGS.replace("info@home.example", "jos\u{e9}@home.example"));
    let mut server = place.serve();
    let address = server.address.clone();
    let send = ["send", "--server", &address, "-f", "<>", "jos\u{e9}@home.example"];
    place.waypost_with(&send, "Subject: gr\u{fc}\u{df}e\n\nx\n").exits(0);
    server.line_with("\"delivered\"");
    assert!(server.end().success());
}

#[test]
fn refusals_have_the_exit_codes_of_sendmail() {
    let place = Place::with(SETTINGS);
    let server = place.serve();
    let address = server.address.clone();
    let send = |to: &str| place.waypost_with(&["send", "--server", &address, "-f", "c@c.example", to], "x\n");
    send("nobody@home.example").exits(67);
    send("dora@elsewhere.example").exits(67);
    send("not an address").exits(64);
    place.waypost_with(&["send", "--server", &address], "x\n").exits(64);
    place
        .waypost_with(&["send", "--server", &address, "--user", "bob@home.example", "d@d.example"], "x\n")
        .exits(64);
    assert!(server.end().success());
    let gone =
        place.waypost_with(&["send", "--server", &address, "-f", "c@c.example", "ann@home.example"], "x\n");
    assert!(gone.exits(75).err.contains("cannot connect"));
}
