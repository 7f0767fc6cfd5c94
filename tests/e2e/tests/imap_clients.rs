//! Real IMAP clients at a real Waypost: Python's imaplib, mbsync both ways, mutt.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use e2e::process::program;
use e2e::settings::{PASSWORD, SENDER};
use e2e::{Settings, Setup, Waypost, free_port};

/// A Waypost that serves mailboxes, and the port at which it does.
fn waypost() -> (Waypost, u16) {
    let port = free_port();
    let boot = format!("[[listener]]\nname = \"imap\"\nprotocol = \"imap\"\nbind = \"127.0.0.1:{port}\"\n");
    (Setup::with(Settings::default().json()).boot(&boot).start(), port)
}

#[track_caller]
fn python(port: u16, script: &str) -> String {
    let head = format!(
        "import imaplib\nm = imaplib.IMAP4('127.0.0.1', {port})\nm.login('{SENDER}', '{PASSWORD}')\n"
    );
    run(Command::new(program("python3", "python3")).args(["-c", &(head + script)]))
}

#[track_caller]
fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
fn imaplib_reads_files_and_removes() {
    let (_waypost, port) = waypost();
    let script = r"
text = b'From: a@x.test\r\nSubject: one\r\nMessage-ID: <1@x.test>\r\n\r\nhello\r\n'
for flags in ('', '(\\Flagged)', '(\\Seen)'):
    assert m.append('INBOX', flags, None, text)[0] == 'OK'
assert m.select()[1] == [b'3']
assert m.search(None, 'UNSEEN')[1] == [b'1 2']
assert m.search(None, 'SUBJECT', 'ONE')[1] == [b'1 2 3']
assert m.fetch('1', '(BODY[TEXT])')[1][0][1] == b'hello\r\n'
assert m.search(None, 'UNSEEN')[1] == [b'2']
assert m.copy('1:2', 'Archive')[0] == 'OK'
assert m.copy('1', 'Nowhere')[0] == 'NO'
assert m.uid('MOVE', '3', 'Trash')[0] == 'OK'
assert m.store('1', '+FLAGS', '(\\Deleted)')[0] == 'OK'
assert m.expunge()[1][-1] == b'1'
assert m.sort('(REVERSE DATE)', 'UTF-8', 'ALL')[1] == [b'1']
assert m.thread('REFERENCES', 'UTF-8', 'ALL')[1] == [b'(1)']
assert m.select('Archive', readonly=True)[1] == [b'2']
assert m.store('1', '+FLAGS', '(\\Seen)')[0] == 'NO'
assert m.unselect()[0] == 'OK'
assert m.logout()[0] == 'BYE'
print('done')
";
    assert_eq!(python(port, script), "done\n");
}

/// `mbsync` between a Waypost and a folder of maildirs.
struct Mbsync {
    folder: tempfile::TempDir,
}

impl Mbsync {
    fn with(port: u16) -> Mbsync {
        let folder = tempfile::tempdir().unwrap();
        let mail = folder.path().join("mail");
        fs::create_dir(&mail).unwrap();
        let (at, mail) = (folder.path().join("rc"), mail.display());
        let rc = format!(
            "IMAPAccount w\nHost 127.0.0.1\nPort {port}\nUser {SENDER}\nPass \"{PASSWORD}\"\nSSLType None\nAuthMechs LOGIN\n\n\
             IMAPStore far\nAccount w\n\nMaildirStore near\nPath {mail}/\nInbox {mail}/INBOX\nSubFolders Verbatim\n\n\
             Channel all\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nExpunge Both\nSyncState *\n"
        );
        fs::write(at, rc).unwrap();
        Mbsync { folder }
    }

    #[track_caller]
    fn run(&self) {
        let rc = self.folder.path().join("rc");
        run(Command::new(program("mbsync", "isync")).arg("-c").arg(rc).arg("-a"));
    }

    /// The messages of a mailbox: the letters of their flags by what their subject is.
    fn messages(&self, mailbox: &str) -> Vec<(String, String, PathBuf)> {
        let folder = self.folder.path().join("mail").join(mailbox);
        let mut found = Vec::new();
        for place in ["new", "cur"] {
            for entry in fs::read_dir(folder.join(place)).into_iter().flatten().flatten() {
                let text = fs::read_to_string(entry.path()).unwrap();
                let subject =
                    text.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap_or_default();
                let name = entry.file_name().into_string().unwrap();
                let flags = name.split_once(":2,").map_or("", |(_, flags)| flags);
                found.push((subject.to_owned(), flags.to_owned(), entry.path()));
            }
        }
        found.sort();
        found
    }
}

fn subjects(messages: &[(String, String, PathBuf)]) -> Vec<(&str, &str)> {
    messages.iter().map(|(subject, flags, _)| (subject.as_str(), flags.as_str())).collect()
}

fn rename(path: &Path, to: &str) {
    let folder = path.parent().unwrap().with_file_name("cur");
    let name = path.file_name().unwrap().to_string_lossy().split(":2,").next().unwrap().to_owned();
    fs::rename(path, folder.join(format!("{name}:2,{to}"))).unwrap();
}

// proves: I4
#[test]
fn mbsync_brings_both_sides_together() {
    let (_waypost, port) = waypost();
    let append = |subject: &str| {
        python(port, &format!("m.append('INBOX', '', None, b'Subject: {subject}\\r\\n\\r\\nx\\r\\n')"));
    };
    append("far1");
    append("far2");
    let mbsync = Mbsync::with(port);
    mbsync.run();
    assert_eq!(subjects(&mbsync.messages("INBOX")), [("far1", ""), ("far2", "")]);
    // Both sides change: a new message and a removal here, a new message and flags there.
    let near = mbsync.folder.path().join("mail/INBOX/new/1.near");
    fs::write(near, "Subject: near1\n\ny\n").unwrap();
    rename(&mbsync.messages("INBOX")[1].2, "T");
    append("far3");
    python(port, "m.select(); m.store('1', '+FLAGS', '(\\\\Flagged \\\\Answered)')");
    mbsync.run();
    mbsync.run();
    assert_eq!(subjects(&mbsync.messages("INBOX")), [("far1", "FR"), ("far3", ""), ("near1", "")]);
    let script = "m.select(); print(m.fetch('1:*', '(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])'))";
    let far = python(port, script);
    assert!(far.contains("near1") && far.contains("far3") && !far.contains("far2"), "{far}");
    // What is removed there goes here.
    python(port, "m.select(); m.store('1', '+FLAGS', '(\\\\Deleted)'); m.expunge()");
    mbsync.run();
    let settled = mbsync.messages("INBOX");
    assert_eq!(subjects(&settled), [("far3", ""), ("near1", "")]);
    mbsync.run();
    assert_eq!(mbsync.messages("INBOX"), settled, "nothing more changes");
}
