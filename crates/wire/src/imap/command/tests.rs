//! Commands as clients write them, and what is read out of them.

use mail::{Flags, SystemFlag};
use proptest::prelude::*;

use super::super::fetch::{Item, Lazy, Partial, Peek, Section, SectionText};
use super::super::search::{Key, Returns};
use super::*;

#[track_caller]
fn read(text: &str) -> Command {
    match parse(text.as_bytes(), Names::Utf7) {
        Ok(Tagged { command: Ok(command), .. }) => command,
        other => panic!("{text}: {other:?}"),
    }
}

#[track_caller]
fn refused(text: &str) -> Fault {
    match parse(text.as_bytes(), Names::Utf7) {
        Ok(Tagged { command: Err(fault), .. }) => fault,
        other => panic!("{text}: {other:?}"),
    }
}

fn set(text: &str) -> SequenceSet {
    SequenceSet::parse(text.as_bytes()).unwrap()
}

#[test]
fn commands_of_the_session() {
    let id = vec![("name".to_owned(), Some("x".to_owned())), ("version".to_owned(), None)];
    let table = [
        ("abcd CAPABILITY", Command::Capability),
        ("a001 noop", Command::Noop),
        ("a001 LOGIN SMITH SESAME", login("SMITH", "SESAME")),
        ("a LOGIN \"a b\" {3}\r\nx y", login("a b", "x y")),
        ("a AUTHENTICATE GSSAPI", Command::Authenticate { mechanism: "GSSAPI".to_owned(), initial: None }),
        (
            "a AUTHENTICATE plain AHg=",
            Command::Authenticate { mechanism: "PLAIN".to_owned(), initial: Some("AHg=".to_owned()) },
        ),
        (
            "a AUTHENTICATE EXTERNAL =",
            Command::Authenticate { mechanism: "EXTERNAL".to_owned(), initial: Some(String::new()) },
        ),
        ("t ENABLE CONDSTORE x-good", Command::Enable(vec!["CONDSTORE".to_owned(), "X-GOOD".to_owned()])),
        ("a ID NIL", Command::Id(Vec::new())),
        ("a ID (\"name\" \"x\" \"version\" NIL)", Command::Id(id)),
        ("a COMPRESS DEFLATE", Command::Compress("DEFLATE".to_owned())),
        ("a GETQUOTA \"\"", Command::GetQuota(String::new())),
        ("a GETQUOTAROOT inbox", Command::GetQuotaRoot("INBOX".to_owned())),
        ("a]b IDLE", Command::Idle),
    ];
    for (text, expected) in table {
        assert_eq!(read(text), expected, "{text}");
    }
}

fn login(name: &str, password: &str) -> Command {
    Command::Login { name: name.to_owned(), password: Password(password.to_owned()) }
}

#[test]
fn selecting_says_what_is_known() {
    let Command::Select(select) =
        read("A02 SELECT INBOX (QRESYNC (67890007 20050715194045000 41,43:211,214:541))")
    else {
        panic!("no SELECT")
    };
    let qresync = select.qresync.unwrap();
    assert_eq!((qresync.uid_validity, qresync.modseq), (67_890_007, ModSeq(20_050_715_194_045_000)));
    assert_eq!(qresync.known.unwrap().to_string(), "41,43:211,214:541");
    let text = "A03 SELECT INBOX (QRESYNC (67890007 90060115194045000 41:211,214:541 (1,5,10 100,105,110)))";
    let Command::Select(Select {
        qresync: Some(Qresync { sequence_match: Some((numbers, uids)), .. }), ..
    }) = read(text)
    else {
        panic!("no sequence match")
    };
    assert_eq!((numbers.to_string(), uids.to_string()), ("1,5,10".to_owned(), "100,105,110".to_owned()));
    let Command::Select(select) = read("A142 EXAMINE \"blurdybloop\" (CONDSTORE)") else {
        panic!("no EXAMINE")
    };
    assert!(select.read_only && select.condstore);
    refused("a SELECT INBOX (QRESYNC (0 1))");
    refused("a SELECT INBOX (QRESYNC (1 1 1:*))");
    refused("a SELECT INBOX (FOO)");
}

#[test]
fn commands_of_mailboxes() {
    use super::super::list::StatusItem as S;
    let table = [
        (
            "A003 CREATE owatagusiam/",
            Command::Create { mailbox: "owatagusiam/".to_owned(), uses: Vec::new() },
        ),
        (
            "t1 CREATE MySpecial (USE (\\Drafts \\Sent))",
            Command::Create {
                mailbox: "MySpecial".to_owned(),
                uses: vec!["\\Drafts".to_owned(), "\\Sent".to_owned()],
            },
        ),
        ("A683 DELETE blurdybloop", Command::Delete("blurdybloop".to_owned())),
        ("A683 RENAME InBoX &ZeVnLIqe-", Command::Rename("INBOX".to_owned(), "日本語".to_owned())),
        ("A002 SUBSCRIBE #news.comp", Command::Subscribe("#news.comp".to_owned())),
        ("A LSUB \"#news.\" \"comp.mail.*\"", Command::Lsub("#news.".to_owned(), "comp.mail.*".to_owned())),
        (
            "A042 STATUS foo (UIDNEXT MESSAGES)",
            Command::Status("foo".to_owned(), vec![S::UidNext, S::Messages]),
        ),
        ("A DELETE INBOXES", Command::Delete("INBOXES".to_owned())),
        ("A DELETE inbox/a", Command::Delete("INBOX/a".to_owned())),
    ];
    for (text, expected) in table {
        assert_eq!(read(text), expected, "{text}");
    }
    assert_eq!(refused("a DELETE &AGE-"), Fault::BadName);
    refused("a STATUS foo (UIDNEXT FOO)");
}

#[test]
fn lists_of_the_standard() {
    let table = [
        ("A01 LIST \"\" %", "%", false),
        ("A LIST (SUBSCRIBED) \"\" \"*\"", "*", true),
        ("A LIST () \"\" \"%\" RETURN (CHILDREN)", "%", true),
        ("A LIST (REMOTE SUBSCRIBED RECURSIVEMATCH) \"\" (\"*\" INBOX)", "*,INBOX", true),
        ("A LIST \"\" % RETURN (STATUS (MESSAGES UNSEEN) SPECIAL-USE)", "%", true),
        ("A LIST () \"\" (INBOX Drafts Sent/%)", "INBOX,Drafts,Sent/%", true),
    ];
    for (text, patterns, extended) in table {
        let Command::List(list) = read(text) else { panic!("{text}") };
        assert_eq!((list.patterns.join(","), list.extended), (patterns.to_owned(), extended), "{text}");
    }
    refused("A LIST (RECURSIVEMATCH) \"\" *");
    refused("A LIST (FOO) \"\" *");
}

#[test]
fn fetches_of_the_standard() {
    let header =
        |names: &[&str]| SectionText::HeaderFields(names.iter().map(|name| (*name).to_owned()).collect());
    let section = |path: &[u32], text| Section { path: path.to_vec(), text };
    let table = [
        ("FULL", vec![Item::Flags, Item::InternalDate, Item::Size, Item::Envelope, Item::Body]),
        ("(FLAGS BODY[HEADER.FIELDS (DATE FROM)])", {
            vec![Item::Flags, Item::Section(section(&[], header(&["DATE", "FROM"])), None, Peek::No)]
        }),
        ("BODY.PEEK[4.2.2.1]<0.1>", {
            let partial = Some(Partial { offset: 0, count: 1 });
            vec![Item::Section(section(&[4, 2, 2, 1], SectionText::All), partial, Peek::Yes)]
        }),
        ("BODY[4.1.MIME]", vec![Item::Section(section(&[4, 1], SectionText::Mime), None, Peek::No)]),
        ("BODY[3.HEADER]", vec![Item::Section(section(&[3], SectionText::Header), None, Peek::No)]),
        (
            "(BINARY[1.2] BINARY.SIZE[2])",
            vec![Item::Binary(vec![1, 2], None, Peek::No), Item::BinarySize(vec![2])],
        ),
        ("(UID UID PREVIEW (LAZY))", vec![Item::Uid, Item::Preview(Lazy::Yes)]),
        ("PREVIEW", vec![Item::Preview(Lazy::No)]),
        (
            "(EMAILID THREADID SAVEDATE MODSEQ)",
            vec![Item::EmailId, Item::ThreadId, Item::SaveDate, Item::ModSeq],
        ),
    ];
    for (text, items) in table {
        let Command::Fetch(fetch) = read(&format!("a FETCH 2:4,* {text}")) else { panic!("{text}") };
        assert_eq!((fetch.set, fetch.items), (set("2:4,*"), items), "{text}");
    }
    let Command::Fetch(fetch) = read("s100 UID FETCH 300:500 (FLAGS) (CHANGEDSINCE 12345 VANISHED)") else {
        panic!()
    };
    assert_eq!(
        (fetch.changed_since, fetch.vanished, fetch.numbers),
        (Some(ModSeq(12_345)), true, Numbers::Uid)
    );
    let Command::Fetch(fetch) = read("s UID FETCH 1 PREVIEW (CHANGEDSINCE 1)") else { panic!() };
    assert_eq!((fetch.changed_since, fetch.items), (Some(ModSeq(1)), vec![Item::Preview(Lazy::No)]));
    for bad in [
        "BODY[1.]",
        "BODY[MIME]",
        "BODY[0]",
        "BODY[]<1>",
        "BODY[]<1.0>",
        "FOO",
        "()",
        "BODY[HEADER.FIELDS ()]",
    ] {
        refused(&format!("a FETCH 1 {bad}"));
    }
    refused("a FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)");
}

#[test]
fn stores_of_the_standard() {
    let deleted = Flags::of(SystemFlag::Deleted);
    let Command::Store(store) = read("d105 STORE 7,5,9 (UNCHANGEDSINCE 320162338) +FLAGS.SILENT (\\Deleted)")
    else {
        panic!()
    };
    assert_eq!((store.unchanged_since, store.silent), (Some(ModSeq(320_162_338)), true));
    assert_eq!(store.change, FlagStore::Add(deleted.clone()));
    let Command::Store(store) = read("a STORE 1 flags \\Deleted $Forwarded \\Recent") else { panic!() };
    let keyword = Flags { keywords: ["$forwarded".to_owned()].into(), ..Flags::NONE };
    assert_eq!((store.change, store.silent), (FlagStore::Replace(deleted.with(&keyword)), false));
    refused("a STORE 1 FLAGS (\\Foo)");
    refused("a STORE 1 BODY (\\Seen)");
}

#[test]
fn searches_of_the_standard() {
    let flag = |flag| Key::Flag(flag);
    let table = [
        ("FLAGGED", flag(SystemFlag::Flagged)),
        (
            "FLAGGED SINCE 1-Feb-1994 NOT FROM \"Smith\"",
            Key::And(vec![
                flag(SystemFlag::Flagged),
                Key::Since(8797),
                Key::Not(Box::new(Key::From("Smith".to_owned()))),
            ]),
        ),
        ("CHARSET UTF-8 TEXT {6}\r\nмне", Key::Text("мне".to_owned())),
        ("OR (1 2:3) UID 5", {
            let both = Key::And(vec![Key::Sequence(set("1")), Key::Sequence(set("2:3"))]);
            Key::Or(Box::new(both), Box::new(Key::Uid(set("5"))))
        }),
        ("MODSEQ \"/flags/\\\\draft\" all 620162338", Key::ModSeq(ModSeq(620_162_338))),
        ("MODSEQ 5", Key::ModSeq(ModSeq(5))),
        ("$", Key::Sequence(SequenceSet::Saved)),
        ("HEADER Message-ID \"\"", Key::Header("message-id".to_owned(), String::new())),
        ("EMAILID M6d99ac3275bb4e", Key::EmailId("M6d99ac3275bb4e".to_owned())),
        ("UNKEYWORD $MDNSent", Key::Not(Box::new(Key::Keyword("$mdnsent".to_owned())))),
    ];
    for (text, key) in table {
        let Command::Search(search) = read(&format!("a SEARCH {text}")) else { panic!("{text}") };
        assert_eq!((search.key, search.returns), (key, None), "{text}");
    }
    let Command::Search(search) = read("a UID SEARCH RETURN (SAVE MIN) ALL") else { panic!() };
    let returns = Returns { save: true, min: true, ..Returns::default() };
    assert_eq!((search.returns, search.key), (Some(returns), Key::And(Vec::new())));
    let Command::Search(search) = read("a SEARCH RETURN () ALL") else { panic!() };
    assert!(search.returns.unwrap().all);
    let Command::Search(search) = read("a SEARCH RETURN (PARTIAL -1:-100) ALL") else { panic!() };
    assert_eq!(search.returns.unwrap().partial, Some((-1, -100)));
    assert_eq!(refused("a SEARCH CHARSET KOI8-R ALL"), Fault::BadCharset);
    refused("a SEARCH");
    refused("a SEARCH FOO");
    refused("a SEARCH ()");
    let Command::Sort(sort) = read("A284 UID SORT (SUBJECT REVERSE DATE) UTF-8 ALL") else { panic!() };
    assert_eq!(sort.order.len(), 2);
    assert!(sort.order[1].1);
    assert!(matches!(read("A THREAD REFERENCES UTF-8 5:10"), Command::Thread(_)));
}

#[test]
fn annotations_of_the_standard() {
    let Command::GetMetadata(get) =
        read("a GETMETADATA \"INBOX\" (MAXSIZE 1024) (/shared/comment /private/Comment)")
    else {
        panic!()
    };
    assert_eq!(
        (get.bytes_max, get.entries.len(), get.entries[1].as_str()),
        (Some(1024), 2, "/private/comment")
    );
    let Command::GetMetadata(get) = read("a GETMETADATA (DEPTH 1) \"INBOX\" (/private/filters/values)")
    else {
        panic!()
    };
    assert_eq!(get.depth, super::super::metadata::Depth::One);
    let Command::SetMetadata(new) = read("a SETMETADATA INBOX (/private/comment {3}\r\nabc /shared/x NIL)")
    else {
        panic!()
    };
    assert_eq!(
        new.values,
        vec![("/private/comment".to_owned(), Some(b"abc".to_vec())), ("/shared/x".to_owned(), None)]
    );
    refused("a GETMETADATA INBOX /comment");
    refused("a GETMETADATA INBOX /private/a*");
}

#[test]
fn notifications_of_the_standard() {
    use super::super::notify::Which;
    let text = "a NOTIFY SET STATUS (selected MessageNew (uid flags) MessageExpunge) (subtree Lists (MessageNew MessageExpunge))";
    refused(text);
    let text = "a NOTIFY SET STATUS (selected-delayed (MessageNew (uid flags) MessageExpunge)) (subtree (Lists) (MailboxName))";
    let Command::Notify(Notify::Set { status: true, groups }) = read(text) else { panic!() };
    assert_eq!(groups[0].1.message_new.as_ref().unwrap().len(), 2);
    assert_eq!(groups[1].0, Which::Subtree(vec!["Lists".to_owned()]));
    assert_eq!(read("a NOTIFY NONE"), Command::Notify(Notify::None));
    refused("a NOTIFY SET (personal (MessageNew))");
}

// proves: I7
#[test]
fn what_is_nested_too_deeply_is_refused() {
    let deep = "(".repeat(1_000_000);
    assert_eq!(refused(&format!("a SEARCH {deep}")), Fault::Bad("this is nested too deeply"));
    assert_eq!(
        refused(&format!("a SEARCH {}ALL", "NOT ".repeat(100_000))),
        Fault::Bad("this is nested too deeply")
    );
    assert_eq!(
        refused(&format!("a SEARCH {}", "OR ".repeat(100_000))),
        Fault::Bad("this is nested too deeply")
    );
}

#[test]
fn what_is_no_command_is_refused() {
    for text in [
        "a",
        "a ",
        "a FOO",
        "a UID",
        "a UID EXPUNGE",
        "a NOOP x",
        "a LOGIN a",
        "a UID NOOP",
        "a FETCH 1 UID]",
    ] {
        refused(text);
    }
    for text in ["", " NOOP", "+ NOOP", "(a NOOP", "\r NOOP"] {
        assert!(parse(text.as_bytes(), Names::Utf7).is_err(), "{text:?}");
    }
    refused("a LOGIN a {3}\r\nx\0y");
    refused("a LOGIN a \"x\\y\"");
    refused("a LOGIN a {5}\r\nx");
}

proptest! {
    // proves: I7
    #[test]
    fn nothing_panics(
        verb in prop::sample::select(vec![
            "LOGIN ", "SELECT ", "LIST ", "FETCH ", "STORE ", "SEARCH ", "SORT ", "THREAD ", "UID FETCH ", "NOTIFY SET ",
            "GETMETADATA ", "SETMETADATA ", "ID ", "STATUS ", "CREATE ", "",
        ]),
        rest in prop::collection::vec(
            prop_oneof![
                prop::sample::select(b"(){}[]<>\"\\ *%:,$.+-0123456789~&".to_vec()),
                any::<u8>(),
            ],
            0..60,
        ),
        utf8: bool,
    ) {
        let input = [b"a ".as_slice(), verb.as_bytes(), &rest].concat();
        let _ = parse(&input, if utf8 { Names::Utf8 } else { Names::Utf7 });
    }
}
