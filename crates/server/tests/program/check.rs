//! `waypost check`: what is wrong is named with object, property, line and column.

use crate::fixture::{Place, SETTINGS};

#[test]
fn good_settings_are_good() {
    let run = Place::with(SETTINGS).waypost(&["check", "settings.json"]).exits(0);
    assert!(run.out.starts_with("settings.json: "), "{}", run.out);
    assert!(!run.out.contains("error"), "{}", run.out);
}

#[test]
fn the_boot_file_names_the_settings() {
    Place::with(SETTINGS).waypost(&["check", "--config", "waypost.toml"]).exits(0);
}

#[test]
fn an_unknown_property_is_named_with_its_place_in_the_file() {
    let settings =
        "{\n  \"MtaRoute\": [\n    { \"@type\": \"Mx\", \"name\": \"mx\", \"maxMxHost\": 3 }\n  ]\n}";
    let run = Place::with(settings).waypost(&["check", "settings.json"]).exits(1);
    assert!(run.out.contains("settings.json:3:"), "{}", run.out);
    assert!(run.out.contains("MtaRoute mx") && run.out.contains("maxMxHost"), "{}", run.out);
}

// proves: J9
#[test]
fn an_unquoted_route_name_is_found_with_line_column_and_a_suggestion() {
    let settings = SETTINGS.replace("\"then\": \"'fallback'\"", "\"then\": \"fallback\"");
    let run = Place::with(&settings).waypost(&["check", "settings.json", "--json"]).exits(1);
    let report: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(report["usable"], false);
    let finding = &report["findings"][0];
    assert_eq!(finding["severity"], "error", "{finding}");
    assert_eq!(finding["object"], "MtaOutboundStrategy", "{finding}");
    assert!(finding["property"].as_str().unwrap().starts_with("route"), "{finding}");
    assert_eq!((&finding["line"], &finding["column"]), (&1.into(), &1.into()), "{finding}");
    let said = format!("{}{}", finding["message"], finding["hint"]);
    assert!(said.contains("'fallback'"), "{finding}");
}

#[test]
fn warnings_are_shown_and_do_not_forbid() {
    let settings = SETTINGS.replace("retry_num > 1", "rcpt_domain == ('a.example' || 'b.example')");
    let run = Place::with(&settings).waypost(&["check", "settings.json"]).exits(0);
    assert!(run.out.contains("warning"), "{}", run.out);
}

// proves: 5.17 source IP
#[test]
fn a_source_address_that_this_machine_has_not_is_named() {
    let strategy = r#"{"MtaConnectionStrategy": {"name": "far", "sourceIps": [{"sourceIp": "192.0.2.7"}]},"#;
    let settings = SETTINGS.replacen('{', strategy, 1);
    let run = Place::with(&settings).waypost(&["check", "settings.json"]).exits(0);
    assert!(run.out.contains("MtaConnectionStrategy far: sourceIps.0.sourceIp"), "{}", run.out);
    assert!(run.out.contains("cannot connect from 192.0.2.7"), "{}", run.out);
}

#[test]
fn a_missing_file_and_broken_json_are_errors() {
    let place = Place::with("{\n  \"MtaRoute\": [\n");
    assert!(place.waypost(&["check", "absent.json"]).exits(1).out.contains("absent.json"));
    let broken = place.waypost(&["check", "settings.json"]).exits(1);
    assert!(
        broken.out.contains("settings.json:3:") || broken.out.contains("settings.json:2:"),
        "{}",
        broken.out
    );
}

#[test]
fn a_secret_that_is_not_there_is_told_and_no_secret_is_shown() {
    let settings = SETTINGS.replace(
        "{ \"@type\": \"Value\", \"secret\": \"hush-hush\" }",
        "{ \"@type\": \"EnvironmentVariable\", \"variableName\": \"WAYPOST_TEST_NOT_SET\" }",
    );
    let run = Place::with(&settings).waypost(&["check", "settings.json"]).exits(0);
    assert!(run.out.contains("WAYPOST_TEST_NOT_SET"), "{}", run.out);
    let good = Place::with(SETTINGS).waypost(&["check", "settings.json", "--json"]).exits(0);
    assert!(!good.out.contains("hush-hush") && !good.out.contains("sesame"), "{}", good.out);
}

#[test]
fn wrong_use_is_exit_code_2() {
    Place::with(SETTINGS).waypost(&["check", "--nonsense"]).exits(2);
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    let place = Place::with(&format!("\u{feff}{SETTINGS}"));
    let boot = std::fs::read_to_string(place.path("waypost.toml")).unwrap();
    place.write("waypost.toml", &format!("\u{feff}{boot}"));
    place.waypost(&["check", "--config", "waypost.toml"]).exits(0);
}
