//! Golden dialogues of IMAP: what is said and answered, line by line.
//!
//! `# …` is a remark, `C …` is said (`\r \n \0` and `{N*text}` are understood, CRLF is added; `C. …` adds none), `S …` is
//! the next line answered (`*` stands for anything where it is not the first character), `S ...` passes over lines until
//! the next `S` fits, `NEW` is another client, `AS name` goes on with the client of this name, who connects if new.
#![allow(clippy::unwrap_used, reason = "test code")]

mod imap_world;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use imap_world::script::unescaped;
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
            "S" => client.expect(rest, std::mem::take(&mut passing_over), &place).await,
            _ => panic!("{place}: {line}"),
        }
    }
}
