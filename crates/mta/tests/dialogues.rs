//! Golden dialogues: what is said and answered, line by line, over a real socket.
//!
//! `# …` is a remark, `listener NAME` chooses whom to talk to, `C …` is said (`\r \n \0 \x..` and `{N*text}` are
//! understood, CRLF is added; `C. …` adds none), `S …` is the next line answered (`*` stands for anything),
//! `S ...` passes over lines until the next `S` fits, `TLS` is a handshake, `CLOSED` says that the server hung up.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::path::Path;

use support::{Client, Server};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_dialogues_go_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogues");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 8, "the dialogues are there");
    for file in files {
        let server = Server::start();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        run(&server, &name, &std::fs::read_to_string(&file).unwrap()).await;
        server.stop().await;
    }
}

async fn run(server: &Server, name: &str, script: &str) {
    let mut client = server.client("smtp").await;
    let mut passing_over = false;
    for (number, line) in script.lines().enumerate() {
        let place = format!("{name}:{}", number + 1);
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "" | "#" => {}
            "listener" => client = server.client(rest).await,
            "C" => client.send([unescape(rest), b"\r\n".to_vec()].concat()).await,
            "C." => client.send(unescape(rest)).await,
            "S" if rest == "..." => passing_over = true,
            "S" => answered(&mut client, rest, std::mem::take(&mut passing_over), &place).await,
            "TLS" => client.handshake().await,
            "CLOSED" => assert!(client.is_closed().await, "{place}: not closed"),
            _ => panic!("{place}: {line}"),
        }
    }
}

async fn answered(client: &mut Client, pattern: &str, passing_over: bool, place: &str) {
    loop {
        let line = client.line().await.unwrap_or_else(|| panic!("{place}: closed instead of {pattern}"));
        if fits(&line, pattern) {
            return;
        }
        assert!(passing_over, "{place}: {line:?} instead of {pattern:?}");
    }
}

fn fits(line: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => line == pattern,
        Some((start, rest)) => line.strip_prefix(start).is_some_and(|line| {
            let ends = line.char_indices().map(|(at, _)| at).chain([line.len()]);
            ends.into_iter().any(|at| fits(&line[at..], rest))
        }),
    }
}

fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let taken = match rest.as_bytes() {
            [b'\\', b'r', ..] => (2, vec![b'\r']),
            [b'\\', b'n', ..] => (2, vec![b'\n']),
            [b'\\', b'0', ..] => (2, vec![0]),
            [b'\\', b'\\', ..] => (2, vec![b'\\']),
            [b'\\', b'x', ..] => (4, vec![u8::from_str_radix(&rest[2..4], 16).unwrap()]),
            [b'{', ..] => {
                let end = rest.find('}').unwrap();
                let (count, what) = rest[1..end].split_once('*').unwrap();
                (end + 1, unescape(what).repeat(count.parse().unwrap()))
            }
            _ => (c.len_utf8(), c.to_string().into_bytes()),
        };
        out.extend(taken.1);
        rest = &rest[taken.0..];
    }
    out
}
