//! What clients are told, byte for byte.

use super::*;

#[track_caller]
fn check(write: impl FnOnce(&mut Vec<u8>), expected: &str) {
    let mut out = Vec::new();
    write(&mut out);
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn lines_end_commands() {
    check(|out| tagged(out, "a1", Ending::Ok, "", "done"), "a1 OK done\r\n");
    check(|out| tagged(out, "a1", Ending::No, "[TRYCREATE]", "no"), "a1 NO [TRYCREATE] no\r\n");
    check(|out| bye(out, "", "see you"), "* BYE see you\r\n");
    check(|out| untagged(out, "172 EXISTS"), "* 172 EXISTS\r\n");
    check(|out| go_on(out, "idling"), "+ idling\r\n");
}

#[test]
fn lists_say_what_a_mailbox_is() {
    let line = ListLine {
        verb: "LIST",
        attributes: vec!["\\NonExistent", "\\HasChildren"],
        name: "Vorräte",
        child_info: Some("\"SUBSCRIBED\""),
        old_name: None,
    };
    check(
        |out| list(out, &line, Names::Utf7),
        "* LIST (\\NonExistent \\HasChildren) \"/\" Vorr&AOQ-te (CHILDINFO (\"SUBSCRIBED\"))\r\n",
    );
    let renamed =
        ListLine { attributes: Vec::new(), name: "b", child_info: None, old_name: Some("a"), ..line };
    check(|out| list(out, &renamed, Names::Utf8), "* LIST () \"/\" b (OLDNAME (a))\r\n");
}

#[test]
fn a_status_is_pairs() {
    let values = [("MESSAGES", "231".to_owned()), ("UIDNEXT", "44292".to_owned())];
    check(
        |out| status_of(out, "blurdybloop", &values, Names::Utf8),
        "* STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292)\r\n",
    );
}

#[test]
fn a_search_says_what_was_asked_for() {
    let found = Esearch {
        uid: true,
        min: Some(2),
        count: Some(3),
        all: Some("2,10:11".to_owned()),
        ..Esearch::default()
    };
    check(|out| esearch(out, "A282", &found), "* ESEARCH (TAG \"A282\") UID MIN 2 ALL 2,10:11 COUNT 3\r\n");
    let none =
        Esearch { all: Some(String::new()), partial: Some(((1, 5), String::new())), ..Esearch::default() };
    check(|out| esearch(out, "A", &none), "* ESEARCH (TAG \"A\") PARTIAL (1:5 NIL)\r\n");
}

#[test]
fn copies_are_paired_in_order() {
    assert_eq!(
        copy_uid(38_505, &[(304, 3956), (319, 3957), (320, 3958)]),
        "[COPYUID 38505 304,319:320 3956:3958]"
    );
    assert_eq!(copy_uid(1, &[(1, 9), (2, 5)]), "[COPYUID 1 1:2 9,5]");
    assert_eq!(copy_uid(1, &[]), "");
}
