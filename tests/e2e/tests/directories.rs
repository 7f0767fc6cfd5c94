//! Accounts that an LDAP server or PostgreSQL knows: who comes in, who gets mail, and what if nobody answers.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use e2e::client::message;
use e2e::peers::{PostgreSql, Slapd};
use e2e::process::program;
use e2e::settings::{PASSWORD, SENDER};
use e2e::{Client, Settings, Setup, Waypost, eventually, free_port};
use serde_json::{Value, json};

const ANNS: &str = "correct horse battery";
const CARLS: &str = "staple of the day";

/// A Waypost whose domain `there.test` a directory knows, and the port of its IMAP.
fn waypost(directory: &Value, stores: Value) -> (Waypost, u16) {
    let mut json = Settings::default().json();
    json["SystemSettings"]["saslMechanisms"] = json!(["plain", "login"]);
    json["Directory"] = json!([directory]);
    json["StoreLookup"] = stores;
    json["Domain"] = json!([{ "name": "here.test" }, { "name": "there.test", "directory": "people" }]);
    let port = free_port();
    let boot = format!("[[listener]]\nname = \"imap\"\nprotocol = \"imap\"\nbind = \"127.0.0.1:{port}\"\n");
    (Setup::with(json).boot(&boot).start(), port)
}

/// What IMAP says to a login, and to a question after it.
fn imap(port: u16, name: &str, password: &str, then: &str) -> String {
    let script = format!(
        "import imaplib\nm = imaplib.IMAP4('127.0.0.1', {port})\n\
         try:\n    m.login('\"{name}\"', '{password}')\n    {then}\nexcept imaplib.IMAP4.error as e: print(e)\n"
    );
    let mut python = Command::new(program("python3", "python3"));
    let output = python.args(["-c", &script]).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn smtp_login(port: u16, name: &str, password: &str) -> u16 {
    let plain = STANDARD.encode(format!("\0{name}\0{password}"));
    Client::ready(port).ask(&format!("AUTH PLAIN {plain}")).unwrap().code
}

fn recipient(port: u16, to: &str) -> u16 {
    let mut client = Client::ready(port);
    client.say("MAIL FROM:<x@client.test>", 250);
    client.ask(&format!("RCPT TO:<{to}>")).unwrap().code
}

/// The story of a directory that knows ann, with an alias and a quota, and carl, and no one else.
fn people_come_in_and_get_mail(waypost: &Waypost, port: u16) {
    for name in ["ann@there.test", "ANN@There.test", "ann.smith@there.test"] {
        assert_eq!(imap(port, name, ANNS, "print(m.select()[1])"), "[b'0']\n", "{name}");
        assert_eq!(smtp_login(waypost.port, name, ANNS), 235, "{name}");
    }
    for (name, password) in [
        ("ann@there.test", "wrong"),
        ("ann@there.test", CARLS),
        ("nobody@there.test", ANNS),
        ("*@there.test", ANNS),
        ("ann@there.test", "*"),
    ] {
        let said = imap(port, name, password, "print('in')");
        assert!(said.contains("AUTHENTICATIONFAILED"), "{name} {password}: {said}");
        assert_eq!(smtp_login(waypost.port, name, password), 535, "{name} {password}");
        // One who is known does not run out of guesses.
        assert_eq!(smtp_login(waypost.port, "ann@there.test", ANNS), 235);
    }
    assert_eq!(smtp_login(waypost.port, SENDER, PASSWORD), 235, "our own accounts are beside them");
    for (to, code) in [
        ("ann@there.test", 250),
        ("Ann.Smith@there.test", 250),
        ("ann+detail@there.test", 250),
        ("nobody@there.test", 550),
        ("*@there.test", 550),
        ("postmaster@here.test", 250),
    ] {
        assert_eq!(recipient(waypost.port, to), code, "{to}");
    }
    let sent = Client::ready(waypost.port).send(
        "x@client.test",
        &["ann.smith@there.test", "carl@there.test"],
        &message("to both"),
    );
    assert_eq!(sent.unwrap().code, 250);
    eventually("the queue is empty", || waypost.queue().is_empty().then_some(()));
    let read = "m.select(); print(m.fetch('1', '(BODY[HEADER.FIELDS (SUBJECT)])')[1][0][1])";
    for (name, password) in [("ann@there.test", ANNS), ("carl@there.test", CARLS)] {
        assert!(imap(port, name, password, read).contains("Subject: to both"), "{name}");
    }
    let quota = imap(port, "ann@there.test", ANNS, "print(m.getquotaroot('INBOX')[1])");
    assert!(quota.contains("STORAGE") && quota.contains(" 1000)"), "{quota}");
    // What does not fit into 1,000,000 bytes comes back, and ann keeps what she has.
    let large =
        format!("Subject: large\r\n\r\n{}", "0123456789012345678901234567890123456789\r\n".repeat(30_000));
    let sent = Client::ready(waypost.port).send(SENDER, &["ann@there.test"], &large);
    let told = |reply: &e2e::Reply| matches!(reply.code, 250 | 452 | 552);
    assert!(sent.as_ref().is_ok_and(told), "{sent:?}");
    assert_eq!(imap(port, "ann@there.test", ANNS, "print(m.select()[1])"), "[b'1']\n");
}

/// While nobody answers nobody is unknown, and what was sent arrives when somebody does again.
fn nobody_is_unknown_while_nobody_answers(waypost: &Waypost, port: u16) {
    assert_eq!(recipient(waypost.port, "dora@there.test"), 451);
    assert_eq!(recipient(waypost.port, "ann@here.test"), 250, "our own are known");
    let said = imap(port, "dora@there.test", "x", "print('in')");
    assert!(said.contains("UNAVAILABLE"), "{said}");
    assert_eq!(smtp_login(waypost.port, "dora@there.test", "x"), 454);
    assert_eq!(smtp_login(waypost.port, SENDER, PASSWORD), 235);
}

fn person(name: &str, password: &str, more: &str) -> String {
    format!(
        "dn: cn={name},dc=there,dc=test\nobjectClass: inetOrgPerson\ncn: {name}\nsn: {name}\n\
         mail: {name}@there.test\nuserPassword: {password}\n{more}\n"
    )
}

// proves: L2
#[test]
fn an_ldap_server_knows_people() {
    let more = "description: ann.smith@there.test\nemployeeNumber: 1024000\n";
    let entries = [person("ann", ANNS, more), person("carl", CARLS, "")].concat();
    let mut slapd = Slapd::with(&entries);
    let directory = json!({
        "@type": "Ldap", "name": "people", "url": format!("ldap://127.0.0.1:{}", slapd.port),
        "baseDn": Slapd::BASE, "bindDn": Slapd::ADMIN,
        "bindSecret": { "@type": "Value", "secret": Slapd::PASSWORD },
        "filter": "(&(objectClass=inetOrgPerson)(|(mail={address})(description={address})))",
        "attributeAliases": "description", "attributeQuota": "employeeNumber", "cacheTtl": 1, "timeout": 2_000,
    });
    let (waypost, port) = waypost(&directory, json!([]));
    people_come_in_and_get_mail(&waypost, port);
    // A password that is changed there is changed here.
    slapd.modify(&format!(
        "dn: cn=carl,{}\nchangetype: modify\nreplace: userPassword\nuserPassword: other\n",
        Slapd::BASE
    ));
    assert_eq!(smtp_login(waypost.port, "carl@there.test", CARLS), 535);
    assert_eq!(smtp_login(waypost.port, "carl@there.test", "other"), 235);
    slapd.stop();
    nobody_is_unknown_while_nobody_answers(&waypost, port);
    slapd.run();
    assert_eq!(recipient(waypost.port, "dora@there.test"), 550);
    assert_eq!(smtp_login(waypost.port, "ann@there.test", ANNS), 235);
}

// proves: L2
#[test]
fn a_database_knows_people() {
    let mut database = PostgreSql::start();
    let hashes = [ANNS, CARLS].map(hash);
    database.sql(&format!(
        "CREATE TABLE people (name TEXT PRIMARY KEY, hash TEXT, quota BIGINT);
         CREATE TABLE alias (address TEXT PRIMARY KEY, name TEXT);
         INSERT INTO people VALUES ('ann@there.test', '{}', 1024000), ('carl@there.test', '{}', NULL);
         INSERT INTO alias VALUES ('ann.smith@there.test', 'ann@there.test');",
        hashes[0], hashes[1]
    ));
    let store = json!([{
        "@type": "PostgreSql", "name": "db", "host": "127.0.0.1", "port": database.port, "database": "postgres",
        "authUsername": PostgreSql::USER, "authSecret": {"@type": "Value", "secret": PostgreSql::PASSWORD},
        "tls": "require", "allowInvalidCerts": true, "timeout": 1_500,
    }]);
    let directory = json!({
        "@type": "Sql", "name": "people", "store": "db", "cacheTtl": 1,
        "queryAccount": "SELECT name, hash, quota FROM people WHERE name = $1 OR name IN \
                         (SELECT name FROM alias WHERE address = $1)",
        "queryAliases": "SELECT address FROM alias WHERE name = $1",
    });
    let (waypost, port) = waypost(&directory, store);
    people_come_in_and_get_mail(&waypost, port);
    database.sql(&format!("UPDATE people SET hash = '{}' WHERE name = 'carl@there.test'", hash("other")));
    assert_eq!(smtp_login(waypost.port, "carl@there.test", CARLS), 535);
    assert_eq!(smtp_login(waypost.port, "carl@there.test", "other"), 235);
    database.stop();
    nobody_is_unknown_while_nobody_answers(&waypost, port);
    database.run();
    eventually("it answers again", || (recipient(waypost.port, "dora@there.test") == 550).then_some(()));
    assert_eq!(smtp_login(waypost.port, "ann@there.test", ANNS), 235);
}

/// A hash as `argon2` makes it.
fn hash(password: &str) -> String {
    use std::io::Write;
    let mut argon2 = Command::new(program("argon2", "argon2"));
    argon2.args(["salt of the sea", "-id", "-t", "1", "-k", "1024", "-p", "1", "-e"]);
    let mut child = argon2.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap().trim().to_owned()
}
