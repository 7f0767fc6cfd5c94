//! Settings changed over the API: in force at once, kept over a restart, gone back to, and never half.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::fixture::{Place, SETTINGS, Server};

fn deliver(place: &Place, server: &Server, to: &str, code: i32) {
    let send = ["send", "--server", &server.address, "-f", "c@c.example", to];
    place.waypost_with(&send, "x\n").exits(code);
}

fn state(place: &Place) -> Value {
    place.asked("x:Settings/get", &json!({}))["list"][0].clone()
}

// proves: 5.17 reload
#[test]
fn a_change_is_in_force_at_once_and_after_a_restart() {
    let place = Place::storing(SETTINGS);
    let server = place.serve();
    deliver(&place, &server, "dora@home.example", 67);
    let update =
        json!({ "update": { "a": { "aliases/dora@home.example": true } }, "comment": "dora is ann" });
    let answer = place.asked("x:Account/set", &update);
    assert_eq!(answer["updated"], json!({ "a": null }), "{answer}");
    assert_eq!((&answer["oldState"], &answer["newState"]), (&json!("1"), &json!("2")));
    deliver(&place, &server, "dora@home.example", 0);
    assert!(server.end().success());

    // The file that was taken over is not read again.
    place.write("data/settings.json", "{");
    let server = place.serve();
    deliver(&place, &server, "dora@home.example", 0);
    let revisions = place.asked("x:Revision/get", &json!({}));
    let last = &revisions["list"][0];
    assert_eq!((&last["number"], &last["comment"]), (&json!(2), &json!("dora is ann")), "{revisions}");
    assert!(last["differences"][0].as_str().unwrap().contains("aliases"), "{last}");
    place.waypost(&["check", "--config", "waypost.toml"]).exits(0);
    assert!(server.end().success());
    place.waypost(&["check", "--config", "waypost.toml"]).exits(0);
    let explain =
        ["explain", "--config", "waypost.toml", "--from", "c@c.example", "--to", "dora@home.example"];
    let run = place.waypost(&explain).exits(0);
    assert!(run.out.contains("local"), "{}", run.out);
}

#[test]
fn a_revision_can_be_restored() {
    let place = Place::storing(SETTINGS);
    let server = place.serve();
    place.asked("x:Account/set", &json!({ "destroy": ["b"] }));
    deliver(&place, &server, "bob@home.example", 67);
    let dry = place.asked("x:Revision/restore", &json!({ "number": 1, "dryRun": true }));
    assert_eq!(dry["differences"][0]["object"], "Account", "{dry}");
    assert_eq!(state(&place)["revision"], 2);
    let restored = place.asked("x:Revision/restore", &json!({ "number": 1, "comment": "bob is back" }));
    assert_eq!(restored["revision"], 3, "{restored}");
    deliver(&place, &server, "bob@home.example", 0);
    let difference = place.asked("x:Revision/diff", &json!({ "from": 1, "to": 3 }));
    assert_eq!(difference["differences"], json!([]));
    // The id is the same, and so is the password.
    let bob = place.asked("x:Account/get", &json!({ "ids": ["b"] }));
    assert_eq!(bob["list"][0]["name"], "bob@home.example", "{bob}");
    let missing = place.ask("x:Revision/restore", &json!({ "number": 9 }));
    assert_eq!(missing[1]["type"], "notFound", "{missing}");
    assert!(server.end().success());
}

#[test]
fn what_nobody_confirms_goes_back_by_itself() {
    let place = Place::storing(SETTINGS);
    let mut server = place.serve();
    let answer = place.asked("x:Account/set", &json!({ "destroy": ["b"], "confirmWithin": 1000 }));
    assert!(answer["confirmBy"].is_string(), "{answer}");
    deliver(&place, &server, "bob@home.example", 67);
    let meanwhile = place.ask("x:Account/set", &json!({ "destroy": ["a"] }));
    assert_eq!(meanwhile[1]["type"], "forbidden", "{meanwhile}");
    server.line_with("were not confirmed in time");
    deliver(&place, &server, "bob@home.example", 0);
    let answer = place.asked("x:Account/set", &json!({ "destroy": ["b"], "confirmWithin": 60000 }));
    place.asked("x:Revision/confirm", &json!({ "number": answer["revision"] }));
    assert_eq!(state(&place)["waiting"], Value::Null);
    assert!(server.end().success());
}

#[test]
fn a_trial_that_ends_while_nothing_runs_has_gone_back_at_the_start() {
    let place = Place::storing(SETTINGS);
    let server = place.serve();
    place.asked("x:Account/set", &json!({ "destroy": ["b"], "confirmWithin": 1500 }));
    server.signal(Signal::KILL);
    drop(server);
    let by = std::time::Instant::now() + std::time::Duration::from_millis(1600);
    while std::time::Instant::now() < by {
        std::thread::yield_now();
    }
    let server = place.serve();
    deliver(&place, &server, "bob@home.example", 0);
    assert_eq!(state(&place)["revision"], 3);
    assert!(server.end().success());
}

// proves: J11
#[test]
fn several_objects_change_together_or_not_at_all() {
    let place = Place::storing(SETTINGS);
    let server = place.serve();
    let changes = |route: &str| {
        json!({ "ifInState": "1", "changes": [
            { "object": "MtaRoute", "create": { "new": { "@type": "Relay", "name": "corp", "address": "192.0.2.26" } } },
            { "object": "MtaOutboundStrategy", "update": { "singleton": { "route/else": format!("'{route}'") } } },
        ] })
    };
    let refused = place.asked("x:Settings/apply", &changes("corpse"));
    assert_eq!(refused["applied"], false, "{refused}");
    let error = &refused["results"][1]["notUpdated"]["singleton"];
    assert_eq!(error["type"], "validationFailed", "{refused}");
    assert!(error["description"].as_str().unwrap().contains("corpse"), "{error}");
    assert_eq!(state(&place)["revision"], 1);
    let done = place.asked("x:Settings/apply", &changes("corp"));
    assert_eq!((&done["applied"], &done["revision"]), (&json!(true), &json!(2)), "{done}");
    // Whoever read revision 1 has been overtaken.
    let late = place.ask("x:Settings/apply", &changes("corp"));
    assert_eq!(late[1]["type"], "stateMismatch", "{late}");
    assert!(server.end().success());
}

#[test]
fn what_is_exported_can_be_imported() {
    let place = Place::storing(SETTINGS);
    let server = place.serve();
    let exported = place.asked("x:Settings/export", &json!({}))["document"].clone();
    assert!(!exported.to_string().contains("hush-hush"), "{exported}");
    let same = place.asked("x:Settings/import", &json!({ "document": exported, "dryRun": true }));
    assert_eq!(same["differences"], json!([]), "{same}");
    let mut other = exported.clone();
    other["Domain"]["new"] = json!({ "name": "second.example" });
    let done = place.asked("x:Settings/import", &json!({ "document": other.to_string() }));
    assert_eq!(done["revision"], 2, "{done}");
    let wrong = place
        .ask("x:Settings/import", &json!({ "document": { "MtaRoute": [{ "@type": "Mxx", "name": "a" }] } }));
    assert_eq!(wrong[1]["type"], "invalidSettings", "{wrong}");
    assert!(!wrong[1]["findings"].as_array().unwrap().is_empty(), "{wrong}");
    assert_eq!(state(&place)["revision"], 2);
    assert!(server.end().success());
}

#[test]
fn a_file_that_rules_is_shown_and_not_changed() {
    let place = Place::with(SETTINGS);
    let mut server = place.serve();
    let current = state(&place);
    assert_eq!(current["mode"], "file", "{current}");
    let domains = place.asked("x:Domain/get", &json!({ "properties": ["name"] }));
    assert_eq!(domains["list"][0]["name"], "home.example", "{domains}");
    let refused = place.ask("x:Domain/set", &json!({ "create": { "d": { "name": "second.example" } } }));
    assert_eq!(refused[1]["type"], "forbidden", "{refused}");
    assert!(refused[1]["description"].as_str().unwrap().contains("settings.json"), "{refused}");
    place.write(
        "settings.json",
        &SETTINGS.replace("\"Domain\": [", "\"Domain\": [{ \"name\": \"second.example\" }, "),
    );
    server.signal(Signal::HUP);
    server.line_with("are in force");
    let domains = place.asked("x:Domain/get", &json!({}));
    assert_eq!(domains["list"].as_array().unwrap().len(), 2, "{domains}");
    assert!(server.end().success());
}

// proves: J5
#[test]
fn settings_that_cannot_be_used_any_more_give_way_to_the_last_that_can() {
    const SECRET: &str = "data/secrets/secret";
    let settings = SETTINGS.replace("\"MtaRoute\":", "\"StoreLookup\": [], \"MtaRoute\":");
    let place = Place::storing(&settings);
    // What the API may name lies here, unless the boot file says otherwise.
    std::fs::create_dir(place.path("data/secrets")).unwrap();
    place.write(SECRET, "hush");
    std::fs::set_permissions(place.path(SECRET), std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .unwrap();
    let server = place.serve();
    place.asked("x:Account/set", &json!({ "update": { "a": { "aliases/dora@home.example": true } } }));
    let store = json!({ "create": { "s": {
        "@type": "PostgreSql", "name": "pg", "host": "192.0.2.1", "database": "d", "authUsername": "u",
        "authSecret": { "@type": "File", "filePath": place.path(SECRET).display().to_string() },
    } } });
    let made = place.asked("x:StoreLookup/set", &store);
    assert_eq!(made["revision"], 3, "{made}");
    assert!(server.end().success());
    std::fs::remove_file(place.path(SECRET)).unwrap();
    let mut server = place.serve();
    assert!(server.logged("revision 2 are in force instead"), "the alarm is in the log");
    deliver(&place, &server, "dora@home.example", 0);
    let current = state(&place);
    assert_eq!((&current["revision"], &current["inForce"]), (&json!(3), &json!(2)), "{current}");
    // It is mended by taking the store away, or by giving the secret back and reading it again.
    place.write(SECRET, "hush");
    std::fs::set_permissions(place.path(SECRET), std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .unwrap();
    server.signal(Signal::HUP);
    server.line_with("are in force");
    assert_eq!(state(&place)["inForce"], 3);
    assert!(server.end().success());
}
