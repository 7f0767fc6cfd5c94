//! The commands that ask a running server, as an operator types them.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::fixture::{Place, Run, SETTINGS, Server};

/// A server whose settings are in its store, as `SETTINGS` has them.
fn started() -> (Place, Server) {
    let place = Place::with(SETTINGS);
    place.write("waypost.toml", &place.boot().replace("settings = \"settings.json\"\n", ""));
    std::fs::create_dir(place.path("data")).unwrap();
    std::fs::rename(place.path("settings.json"), place.path("data/settings.json")).unwrap();
    let server = place.serve();
    (place, server)
}

#[track_caller]
fn json(run: &Run) -> Value {
    serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}: {}", run.out))
}

impl Place {
    fn boot(&self) -> String {
        std::fs::read_to_string(self.path("waypost.toml")).unwrap()
    }

    /// The program with these words and the server's boot file.
    fn told(&self, words: &[&str]) -> Run {
        self.waypost(&[words, &["--config", "waypost.toml"]].concat())
    }
}

#[test]
fn settings_are_shown_changed_and_rolled_back() {
    let (place, server) = started();
    let route = place.told(&["get", "route", "fallback"]).exits(0);
    assert!(route.out.starts_with("MtaRoute fallback (Relay, id "), "{}", route.out);
    assert!(
        route.out.lines().any(|line| line.split_whitespace().eq(["port", "587"]))
            && !route.out.contains("hush-hush"),
        "{}",
        route.out
    );

    let made =
        place.told(&["create", "route/relay", "name=second", "address=192.0.2.26", "port=2525"]).exits(0);
    assert!(made.out.contains("MtaRoute second made") && made.out.contains("is in force"), "{}", made.out);
    let set =
        place.told(&["set", "route", "second", "port=26", "description=spare", "-m", "as agreed"]).exits(0);
    assert!(set.out.contains("2525") && set.out.contains("26"), "{}", set.out);
    let rows =
        place.told(&["query", "route", "--where", "@type=Relay", "--where", "port<100", "--json"]).exits(0);
    assert_eq!((json(&rows).as_array().unwrap().len(), &json(&rows)[0]["name"]), (1, &"second".into()));

    let history = json(&place.told(&["history", "--json"]).exits(0));
    assert_eq!((&history[0]["comment"], history[0]["author"].is_string()), (&"as agreed".into(), true));
    let number = history[0]["number"].as_u64().unwrap();
    let diff = place.told(&["diff"]).exits(0);
    assert!(diff.out.contains("second") && diff.out.contains("port"), "{}", diff.out);
    place.told(&["rollback", &(number - 1).to_string()]).exits(0);
    assert_eq!(json(&place.told(&["get", "route", "second", "--json"]).exits(0))["port"], 2525);
    place.told(&["delete", "route", "second"]).exits(0);
    place.told(&["get", "route", "second"]).exits(1);
    assert!(server.end().success());
}

#[test]
fn what_the_server_refuses_is_said_with_property_and_help() {
    let (place, server) = started();
    for (words, code, expected) in [
        (&["set", "route", "fallback", "port=99999"][..], 3, "port"),
        (&["set", "route", "fallback", "prot=25"], 3, "prot"),
        (&["set", "route", "fallback", "port=many"], 2, "no whole number"),
        (&["create", "route", "name=x"], 2, "create MtaRoute/"),
        (&["create", "route/relay", "name=fallback", "address=x.example"], 3, "fallback"),
        (&["set", "MtaOutboundStrategy", "route/else=nowhere"], 3, "route"),
        (&["get", "rout", "nothing"], 1, "there is no MtaRoute named `nothing`"),
        (&["get", "frobnicator"], 2, "no type of objects"),
        (&["delete", "MtaVirtualQueue", "remote"], 3, "MtaDeliverySchedule"),
        (&["set", "route", "fallback", "port=26", "--if-revision", "999"], 3, "somebody else"),
    ] {
        let run = place.told(words).exits(code);
        assert!(run.err.contains(expected), "{words:?}: {}", run.err);
        assert!(run.out.is_empty(), "{words:?}: {}", run.out);
    }
    let refused = place.told(&["set", "route", "fallback", "port=99999", "--json"]).exits(3);
    let refused: Value = serde_json::from_str(&refused.err).unwrap();
    assert_eq!(refused["error"]["kind"], "refused");
    assert!(server.end().success());
}

// proves: 5.17 declarative apply
#[test]
fn a_declarative_file_is_one_revision_or_nothing() {
    let (place, server) = started();
    let revision = || json(&place.told(&["history", "--json"]).exits(0))[0]["number"].as_u64().unwrap();
    let before = revision();
    place.write(
        "plan.ndjson",
        r##"{"@type":"upsert","object":"MtaVirtualQueue","value":{"slow":{"name":"slow","threadsPerNode":2}}}
{"@type":"upsert","object":"MtaDeliverySchedule","value":{"s":{"name":"slow","queueId":"#slow"}}}
{"@type":"reconcile","object":"MtaRoute","scope":{"@type":"Relay"},"value":{"r":{"name":"only","address":"192.0.2.9"}}}
{"@type":"update","object":"MtaOutboundStrategy","value":{"route/match/1/then":"'only'"}}
"##,
    );
    let dry = place.told(&["apply", "plan.ndjson", "--dry-run"]).exits(0);
    assert!(dry.out.contains("nothing was done"), "{}", dry.out);
    assert_eq!(revision(), before);
    let done = json(&place.told(&["apply", "plan.ndjson", "--json"]).exits(0));
    assert_eq!(done["revision"], before + 1, "{done}");
    let relays = json(&place.told(&["query", "route", "--where", "@type=Relay", "--json"]).exits(0));
    assert_eq!((relays.as_array().unwrap().len(), &relays[0]["name"]), (1, &"only".into()));
    let schedule = json(&place.told(&["get", "schedule", "slow", "--json"]).exits(0));
    let queue = json(&place.told(&["get", "MtaVirtualQueue", "slow", "--json"]).exits(0));
    assert_eq!(schedule["queueId"], queue["id"]);

    // Again: nothing is made twice, and no revision says that nothing has changed.
    place.told(&["apply", "plan.ndjson"]).exits(0);
    assert_eq!(revision(), before + 1);

    // One line that the server refuses, and none of it is done.
    place.write(
        "wrong.ndjson",
        r#"{"@type":"upsert","object":"MtaVirtualQueue","value":{"a":{"name":"fine"}}}
{"@type":"upsert","object":"MtaVirtualQueue","value":{"b":{"name":"much too long"}}}
"#,
    );
    let refused = place.told(&["apply", "wrong.ndjson"]).exits(3);
    assert!(refused.err.contains("line 2"), "{}", refused.err);
    place.told(&["get", "MtaVirtualQueue", "fine"]).exits(1);
    let partly = place.told(&["apply", "wrong.ndjson", "--continue-on-error"]).exits(3);
    assert!(partly.out.contains("1 created"), "{}\n{}", partly.out, partly.err);
    place.told(&["get", "MtaVirtualQueue", "fine"]).exits(0);
    assert!(server.end().success());
}

// proves: 5.17 declarative apply
#[test]
fn a_snapshot_can_be_applied_where_it_comes_from() {
    let (place, server) = started();
    let snapshot = place.told(&["snapshot"]).exits(0).out;
    assert!(!snapshot.contains("hush-hush") && !snapshot.contains("sesame"), "{snapshot}");
    place.write("snapshot.ndjson", &snapshot);
    // The first change of an account makes a hash of a password that its file had in the clear.
    place.told(&["apply", "snapshot.ndjson"]).exits(0);
    let run = place.told(&["apply", "snapshot.ndjson"]).exits(0);
    assert!(run.out.contains("nothing has changed"), "{}", run.out);
    let export = json(&place.told(&["export"]).exits(0));
    assert!(export.is_object() && !export.to_string().contains("hush-hush"), "{export}");
    place.write("export.json", &export.to_string());
    let run = place.told(&["apply", "export.json"]).exits(0);
    assert!(run.out.contains("nothing has changed"), "{}", run.out);
    assert!(server.end().success());
}

#[test]
fn a_change_on_trial_goes_back_unless_it_is_confirmed() {
    let (place, server) = started();
    let hosts = || json(&place.told(&["get", "route", "mx", "--json"]).exits(0))["maxMxHosts"].clone();
    let set = place.told(&["set", "route", "mx", "maxMxHosts=4", "--confirm", "10m"]).exits(0);
    assert!(set.out.contains("waypost confirm"), "{}", set.out);
    place.told(&["confirm"]).exits(0);
    assert_eq!(hosts(), 4);
    place.told(&["confirm"]).exits(1);
    place.told(&["set", "route", "mx", "maxMxHosts=3", "--confirm", "1s"]).exits(0);
    let until = Instant::now() + Duration::from_secs(20);
    while hosts() != 4 {
        assert!(Instant::now() < until, "it has not gone back");
    }
    assert!(server.end().success());
}

#[test]
fn people_and_programs_are_let_in_and_out() {
    let (place, server) = started();
    let add = ["account", "add", "eve@home.example", "--stdin", "--config", "waypost.toml"];
    place.waypost_with(&add, "correct horse battery\n").exits(0);
    assert!(place.told(&["account", "list"]).exits(0).out.contains("eve@home.example"));
    let again = ["account", "password", "eve@home.example", "--stdin", "--config", "waypost.toml"];
    place.waypost_with(&again, "correct horse stapler\n").exits(0);
    let all = place.told(&["account", "list", "--json"]).exits(0).out;
    assert!(!all.contains("stapler") && !all.contains("argon2"), "{all}");
    place.told(&["account", "delete", "eve@home.example"]).exits(0);
    place.told(&["domain", "add", "other.example"]).exits(0);
    assert!(place.told(&["domain", "list"]).exits(0).out.contains("other.example"));
    place.told(&["domain", "delete", "other.example"]).exits(0);

    let admin = ["admin", "add", "ann", "--role", "router", "--stdin", "--config", "waypost.toml"];
    place.waypost_with(&admin, "correct horse battery\n").exits(0);
    assert!(place.told(&["admin", "list"]).exits(0).out.contains("ann   router"));
    let token = place.told(&["token", "create", "backup", "--expires", "90d"]).exits(0).out;
    let token = token.lines().next().unwrap().to_owned();
    place.write("token", &token);
    let here = format!("http://{}", server.admin);
    let remote =
        |words: &[&str]| place.waypost(&[words, &["--url", &here, "--token-file", "token"]].concat());
    remote(&["get", "route"]).exits(0);
    let refused = remote(&["set", "route", "fallback", "port=26"]).exits(3);
    assert!(refused.err.contains("router"), "{}", refused.err);
    place.told(&["token", "revoke", "backup"]).exits(0);
    remote(&["get", "route"]).exits(3);
    let audit = place.told(&["audit", "--json"]).exits(0).out;
    assert!(audit.contains("refused") && !audit.contains(&token) && !audit.contains("battery"), "{audit}");
    assert!(server.end().success());
}

#[test]
fn the_queue_is_listed_held_released_and_given_up() {
    let place = Place::with(
        &SETTINGS
            .replace("192.0.2.25", "127.0.0.1")
            .replace("587", "1")
            .replace("retry_num > 1", "rcpt_domain == 'away.example'"),
    );
    place.write("waypost.toml", &format!("relay_networks = [\"127.0.0.0/8\"]\n{}", place.boot()));
    let mut server = place.serve();
    let address = server.address.clone();
    for to in ["dora@away.example", "emil@away.example"] {
        let send = ["send", "--server", &address, "-f", "ann@home.example", to];
        place.waypost_with(&send, "Subject: patience\n\nx\n").exits(0);
        server.line_with("\"deferred\"");
    }
    let rows = json(&place.told(&["queue", "list", "--json"]).exits(0));
    assert_eq!(rows.as_array().unwrap().len(), 2, "{rows}");
    let one =
        json(&place.told(&["queue", "list", "--where", "rcpt == 'dora@away.example'", "--json"]).exits(0));
    assert_eq!((one.as_array().unwrap().len(), &one[0]["recipient"]), (1, &"dora@away.example".into()));
    let id = one[0]["message"].as_str().unwrap().to_owned();
    let shown = place.told(&["queue", "show", &id]).exits(0).out;
    assert!(shown.contains("dora@away.example") && shown.contains("fallback"), "{shown}");
    assert!(place.told(&["queue", "causes"]).exits(0).out.contains("CAUSE"));

    let nobody = place.told(&["queue", "hold", "--all"]).exits(2);
    assert!(nobody.err.contains("--yes"), "{}", nobody.err);
    let wrong = place.told(&["queue", "hold", "--where", "rcpt_domain ==", "--yes"]);
    assert_ne!(wrong.code, Some(0), "{}", wrong.out);
    let dry =
        place.told(&["queue", "hold", "--where", "rcpt_domain == 'away.example'", "--dry-run"]).exits(0);
    assert!(dry.out.contains("2 recipients of 2 messages: hold"), "{}", dry.out);
    place.told(&["queue", "hold", "--all", "--yes", "-m", "wait"]).exits(0);
    assert!(place.told(&["queue", "list", "--held"]).exits(0).out.contains("held"));
    place.told(&["queue", "release", &id]).exits(0);
    place.told(&["queue", "pause"]).exits(0);
    place.told(&["queue", "resume"]).exits(0);
    place.told(&["queue", "cancel", "--all", "--yes", "--silent"]).exits(0);
    assert_eq!(place.told(&["queue", "list"]).exits(0).out, "the queue is empty\n");
    assert!(server.end().success());
}

#[test]
fn without_a_server_what_is_missing_is_said() {
    let place = Place::with(SETTINGS);
    let run = place.told(&["get", "route"]).exits(4);
    assert!(
        run.err.contains("no server answers at data/admin.sock") && run.err.contains("waypost serve"),
        "{}",
        run.err
    );
    place.waypost(&["get", "route", "--url", "http://127.0.0.1:1"]).exits(4);
    place.waypost(&["get", "route", "--url", "http://mail.example.org"]).exits(2);
    place.waypost(&["get", "route", "--insecure"]).exits(2);
    place.waypost(&["get", "route", "--data", "x", "--config", "waypost.toml"]).exits(2);
    let token =
        place.waypost(&["get", "route", "--url", "https://127.0.0.1:1", "--token-file", "nothing"]).exits(1);
    assert!(token.err.contains("cannot read the token"), "{}", token.err);
}

#[test]
fn every_command_stands_in_the_help_once() {
    let place = Place::with(SETTINGS);
    let help = place.waypost(&["--help"]).exits(0).out;
    for command in
        ["serve", "queue", "route", "get", "set", "apply", "rollback", "account", "top", "completion"]
    {
        let lines = help.lines().filter(|line| line.trim_start().starts_with(&format!("{command} "))).count();
        assert_eq!(lines, 1, "{command}: {help}");
    }
    assert!(help.contains("Exit codes: 0 done, 1 failed, 2"), "{help}");
}

#[test]
fn shells_and_readers_are_served() {
    let place = Place::with(SETTINGS);
    for shell in ["bash", "zsh", "fish"] {
        let completion = place.waypost(&["completion", shell]).exits(0).out;
        assert!(completion.contains("reschedule"), "{shell}");
    }
    place.waypost(&["man", "pages"]).exits(0);
    let page = std::fs::read_to_string(place.path("pages/waypost-queue-list.1")).unwrap();
    assert!(page.contains("Every recipient that has not ended"), "{page}");
}

#[test]
fn top_draws_and_leaves_the_terminal_as_it_was() {
    let (place, server) = started();
    let frame = place.told(&["top", "--once"]).exits(0).out;
    assert!(frame.lines().count() == 24 && frame.contains("Why mail waits"), "{frame}");
    assert!(json(&place.told(&["top", "--once", "--json"]).exits(0))["statistics"].is_object());
    place.told(&["top"]).exits(2);
    let told = on_a_terminal(
        &place.path("."),
        "stty rows 24 cols 80; $WAYPOST top --config waypost.toml; echo code=$?; stty -a",
        "qqqq",
    );
    let (drawn, after) = told.split_once("code=0").unwrap_or_else(|| panic!("{told}"));
    assert!(drawn.contains("\u{1b}[?1049h") && drawn.contains("\u{1b}[?1049l"), "{told}");
    assert!(after.contains(" icanon") && after.contains(" echo"), "{told}");
    assert!(server.end().success());
}

/// What a terminal shows while a shell runs these commands and somebody types.
fn on_a_terminal(directory: &Path, commands: &str, typed: &str) -> String {
    let mut command = Command::new("script");
    command.args(["-qec", commands, "/dev/null"]).current_dir(directory);
    command.env("WAYPOST", env!("CARGO_BIN_EXE_waypost")).env("SHELL", "/bin/sh").env("TERM", "xterm");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("`script` of util-linux makes a terminal");
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), typed.as_bytes()).unwrap();
    String::from_utf8_lossy(&child.wait_with_output().unwrap().stdout).into_owned()
}
