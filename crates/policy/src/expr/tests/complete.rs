//! What is proposed where the cursor is?

use std::collections::BTreeSet;

use crate::expr::{Completion, CompletionNames, Context, complete};

fn ask(text: &str, context: Context) -> Completion {
    let set = |names: &[&str]| -> BTreeSet<String> { names.iter().map(|name| (*name).to_owned()).collect() };
    let (routes, relays, stores) = (set(&["local", "mx", "relay"]), set(&["relay"]), set(&["db"]));
    let virtual_queues = set(&["bulk"]);
    // The cursor stands at `|`.
    let cursor = text.find('|').unwrap();
    let names = CompletionNames {
        yields: ("route", &routes),
        stores: &stores,
        relays: &relays,
        routes: &routes,
        virtual_queues: &virtual_queues,
    };
    complete(&text.replacen('|', "", 1), cursor, context, &names)
}

fn labels(text: &str) -> Vec<String> {
    ask(text, Context::Host).items.into_iter().map(|item| item.label).collect()
}

#[test]
fn words_are_completed_by_how_they_begin() {
    assert_eq!(labels("rcpt_d|"), ["rcpt_domain"]);
    assert_eq!(labels("rcpt == 'x' && starts|"), ["starts_with"], "what is before it does not matter");
    assert_eq!(labels("start|(rcpt)"), ["starts_with", "trim_start"]);
    assert_eq!(labels("rel|"), ["'relay'", "relay_is_up", "relaxed"]);
    assert_eq!(labels("zzz|"), [""; 0]);
    let found = ask("x + notify_n|", Context::Recipient);
    assert_eq!(found.from, 4);
    assert_eq!(found.items[0].detail, "number");
    assert_eq!(found.items[0].help, "Delay notices so far.");
    let function = &ask("hash_|", Context::Recipient).items[0];
    assert_eq!(function.detail, "hash_bucket(text, n) → number");
    assert!(ask("|", Context::Recipient).items.len() > 60);
}

#[test]
fn only_what_the_context_knows_is_proposed() {
    let labels =
        |context| -> Vec<String> { ask("helo|", context).items.into_iter().map(|item| item.label).collect() };
    assert_eq!(labels(Context::Ehlo), ["helo_domain"]);
    assert!(labels(Context::Recipient).is_empty());
    assert!(ask("header|", Context::Quota).items.is_empty());
}

#[test]
fn in_quotes_stand_the_names_that_are_meant() {
    assert_eq!(labels("'|"), ["local", "mx", "relay"]);
    assert_eq!(labels("'re|"), ["relay"]);
    assert_eq!(labels("if_then(rcpt == 'a', '|"), ["local", "mx", "relay"]);
    assert_eq!(labels("if_then('|"), [""; 0]);
    assert_eq!(labels("relay_is_up('|"), ["relay"]);
    assert_eq!(labels("key_get('|"), ["db"]);
    assert_eq!(labels("key_get('db', '|"), [""; 0]);
    assert_eq!(labels("last_error == 't|"), ["tls"]);
    assert_eq!(labels("last_error in ['tls', 'd|"), ["dns", "dane"]);
    assert_eq!(labels("route != 'm|"), ["mx"]);
    assert_eq!(labels("queue_name == '|"), ["bulk"]);
    assert_eq!(labels("dns_query(mx, 'ipv|"), ["ipv4", "ipv6"]);
    assert_eq!(labels("system('host|"), ["hostname", "node_hostname"]);
    assert_eq!(labels("rcpt_domain == '|"), [""; 0]);
    assert_eq!(labels("'a\\'|"), [""; 0], "an escaped quote ends nothing");
}

#[test]
fn hostile_texts_are_survived() {
    for text in ["\u{e9}\u{e9}|", "'\u{e9}|", "((((((((|", "\\|", "'''|", "\"|'", "a\0|"] {
        let _ = ask(text, Context::Recipient);
    }
    let names = BTreeSet::new();
    let nothing = CompletionNames {
        yields: ("object", &names),
        stores: &names,
        relays: &names,
        routes: &names,
        virtual_queues: &names,
    };
    assert_eq!(complete("\u{e9}", 1, Context::Recipient, &nothing).from, 0);
    assert!(complete(&"a".repeat(100_000), 5, Context::Recipient, &nothing).items.is_empty());
}
