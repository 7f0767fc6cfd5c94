//! `waypost serve`: starts only with good settings, alone on its data, and ends cleanly.

use rustix::process::Signal;

use crate::fixture::{Place, SETTINGS};

#[test]
fn wrong_settings_refuse_the_start() {
    let place = Place::with(&SETTINGS.replace("\"'mx'\"", "\"mx\""));
    let run = place.waypost(&["serve", "--config", "waypost.toml"]).exits(1);
    let line = run.err.lines().find(|line| line.contains("MtaOutboundStrategy")).unwrap();
    let finding: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(
        (&finding["level"], &finding["line"], &finding["column"]),
        (&"ERROR".into(), &1.into(), &1.into())
    );

    assert!(!place.path("data").join("settings.json").exists());
}

#[test]
fn a_wrong_boot_file_is_named_with_line_and_column() {
    let place = Place::with(SETTINGS);
    place.write("wrong.toml", "data_directory = \"data\"\n[limits]\nrecipients = 5\n");
    let run = place.waypost(&["serve", "--config", "wrong.toml"]).exits(1);
    assert!(run.err.contains("wrong.toml") && run.err.contains("line 3, column 1"), "{}", run.err);
}

// proves: A34
#[test]
fn sigterm_ends_it_cleanly() {
    let place = Place::with(SETTINGS);
    assert!(place.serve().end().success());
}

#[test]
fn nobody_else_may_read_its_data() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::with(SETTINGS);
    assert!(place.serve().end().success());
    for name in ["data", "data/waypost.db"] {
        let mode = std::fs::metadata(place.path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}: {mode:o}");
    }
}

// proves: A27
#[test]
fn a_second_process_on_the_same_data_is_refused() {
    let place = Place::with(SETTINGS);
    let first = place.serve();
    let second = place.waypost(&["serve", "--config", "waypost.toml"]).exits(1);
    assert!(second.err.contains("in use by process"), "{}", second.err);
    assert!(first.end().success());
    assert!(place.serve().end().success());
}

// proves: 5.17 reload, J13
#[test]
fn a_reload_takes_good_settings_and_keeps_the_old_ones_otherwise() {
    let place = Place::with(SETTINGS);
    let mut server = place.serve();
    let address = server.address.clone();
    let send = |to: &str| place.waypost_with(&["send", "--server", &address, "-f", "c@c.example", to], "x\n");
    send("dora@home.example").exits(67);
    place.write("settings.json", &SETTINGS.replace("info@home.example", "dora@home.example"));
    server.signal(Signal::HUP);
    server.line_with("are in force");
    send("dora@home.example").exits(0);
    place.write("settings.json", "{");
    server.signal(Signal::HUP);
    server.line_with("stay in force");
    send("dora@home.example").exits(0);
    assert!(server.end().success());
}

#[test]
fn settings_that_are_gone_at_a_reload_do_not_become_those_of_a_fresh_system() {
    let place = Place::with(SETTINGS);
    let mut server = place.serve();
    let address = server.address.clone();
    std::fs::remove_file(place.path("settings.json")).unwrap();
    server.signal(Signal::HUP);
    server.line_with("stay in force");
    let send = ["send", "--server", &address, "-f", "c@c.example", "ann@home.example"];
    place.waypost_with(&send, "x\n").exits(0);
    assert!(server.end().success());
}

#[test]
fn mail_that_cannot_be_delivered_yet_is_kept_over_a_restart() {
    let settings = SETTINGS.replace("retry_num > 1", "rcpt_domain == 'away.example'");
    // Nobody listens on port 1 of this machine.
    let settings = settings.replace("192.0.2.25", "127.0.0.1").replace("587", "1");
    let place = Place::with(&settings);
    let mut boot = std::fs::read_to_string(place.path("waypost.toml")).unwrap();
    boot.insert_str(0, "relay_networks = [\"127.0.0.0/8\"]\n");
    place.write("waypost.toml", &boot);
    let mut server = place.serve();
    let address = server.address.clone();
    let send = ["send", "--server", &address, "-f", "ann@home.example", "dora@away.example"];
    place.waypost_with(&send, "Subject: patience\n\nx\n").exits(0);
    server.line_with("\"deferred\"");
    assert!(server.end().success());
    let queue = place.waypost(&["queue", "list", "--config", "waypost.toml", "--json"]).exits(0);
    let rows: serde_json::Value = serde_json::from_str(&queue.out).unwrap();
    let row = &rows[0];
    assert_eq!((&row["recipient"], &row["attempts"]), (&"dora@away.example".into(), &1.into()), "{row}");
    assert!(row["lastError"].as_str().unwrap().contains("127.0.0.1"), "{row}");
    assert!(place.serve().end().success());
}
