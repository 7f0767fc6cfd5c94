//! Golden dialogues of IMAP: what is said and answered, line by line.
//!
//! `# …` is a remark, `C …` is said (`\r \n \0` and `{N*text}` are understood, CRLF is added; `C. …` adds none), `S …` is
//! the next line answered (`*` stands for anything where it is not the first character), `S ...` passes over lines until
//! the next `S` fits, `NEW` is another client, `AS name` goes on with the client of this name, who connects if new.
#![allow(clippy::unwrap_used, reason = "test code")]

#[allow(dead_code, reason = "shared with other tests")]
mod imap_world;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use imap_world::{Lines, Stores};
use store::MemoryStore;

// proves: I7, F18
#[tokio::test]
async fn the_dialogues_go_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogues/imap");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 10, "the dialogues are there");
    for file in files {
        let mut stores = Stores::new(Arc::new(MemoryStore::new()));
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        run(&mut stores, &name, &std::fs::read_to_string(&file).unwrap()).await;
    }
}

async fn run(stores: &mut Stores, name: &str, script: &str) {
    let mut others: BTreeMap<String, Lines> = BTreeMap::new();
    let (mut client, mut who) = (stores.connect(), String::new());
    let mut passing_over = false;
    for (number, line) in script.lines().enumerate() {
        let place = format!("{name}:{}", number + 1);
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "" | "#" => {}
            "NEW" => client = stores.connect(),
            "AS" => {
                let next = others.remove(rest).unwrap_or_else(|| stores.connect());
                others.insert(
                    std::mem::replace(&mut who, rest.to_owned()),
                    std::mem::replace(&mut client, next),
                );
            }
            "C" => client.send(&[unescaped(rest), b"\r\n".to_vec()].concat()).await,
            "C." => client.send(&unescaped(rest)).await,
            "S" if rest == "..." => passing_over = true,
            "S" => answered(&mut client, rest, std::mem::take(&mut passing_over), &place).await,
            _ => panic!("{place}: {line}"),
        }
    }
}

async fn answered(client: &mut Lines, pattern: &str, passing_over: bool, place: &str) {
    loop {
        let line = client.line().await;
        let mut text = line.text;
        if let Some(literal) = line.literal {
            text.push_str(&String::from_utf8_lossy(&literal));
        }
        if fits(&text, pattern) {
            return;
        }
        assert!(passing_over, "{place}: {text:?} instead of {pattern:?}");
    }
}

/// `*` stands for anything but as the first character, where answers have it themselves.
fn fits(line: &str, pattern: &str) -> bool {
    let (first, rest) = pattern.split_at_checked(1).unwrap_or((pattern, ""));
    let Some(mut left) = line.strip_prefix(first) else { return false };
    let mut pieces = rest.split('*');
    let Some(tail) = pieces.next().and_then(|head| left.strip_prefix(head)) else { return false };
    left = tail;
    let pieces: Vec<&str> = pieces.collect();
    for (index, piece) in pieces.iter().enumerate() {
        let last = index + 1 == pieces.len();
        left = match if last {
            left.strip_suffix(piece).map(|_| "")
        } else {
            left.split_once(piece).map(|two| two.1)
        } {
            Some(left) => left,
            None => return false,
        };
    }
    left.is_empty()
}

fn unescaped(text: &str) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), text);
    while let Some(at) = rest.find(['\\', '{']) {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let here = &rest[at..];
        let repeated = here.strip_prefix('{').and_then(|inner| {
            let (inner, after) = inner.split_once('}')?;
            let (count, what) = inner.split_once('*')?;
            Some((what.repeat(count.parse().ok()?), after))
        });
        rest = match (&here[..here.len().min(2)], repeated) {
            (_, Some((text, after))) => {
                out.extend_from_slice(text.as_bytes());
                after
            }
            ("\\r", _) => {
                out.push(b'\r');
                &here[2..]
            }
            ("\\n", _) => {
                out.push(b'\n');
                &here[2..]
            }
            ("\\0", _) => {
                out.push(0);
                &here[2..]
            }
            _ => {
                out.push(here.as_bytes()[0]);
                &here[1..]
            }
        };
    }
    out.extend_from_slice(rest.as_bytes());
    out
}
