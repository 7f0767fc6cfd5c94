//! The program's own commands: the demo tells the truth, a wrong file is named, a second server is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use std::process::Command;

use e2e::{Settings, Setup};

#[test]
fn the_demo_ends_as_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let output =
        Command::new(e2e::waypost::binary()).arg("demo").current_dir(folder.path()).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
}

#[test]
fn a_wrong_file_is_named_with_its_line_and_nothing_starts() {
    let waypost = Setup::with(Settings::default().when("rcpt_domain = ", "'local'").json()).prepare();
    let settings = std::fs::read_to_string(waypost.path("settings.json")).unwrap();
    assert!(settings.contains("rcpt_domain = "));
    for verb in ["check", "serve"] {
        let output = waypost.tell(&[verb, "--config", "waypost.toml"]);
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{verb}: {said}");
        assert!(said.contains("MtaOutboundStrategy") && said.contains("route"), "{verb}: {said}");
    }
}

#[test]
fn a_second_server_on_the_same_data_is_refused() {
    let first = Setup::with(Settings::default().json()).start();
    let second = Setup::with(Settings::default().json()).data(&first.path("data")).prepare();
    let output = second.tell(&["serve", "--config", "waypost.toml"]);
    assert!(!output.status.success());
    let said =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("in use"), "{said}");
}
