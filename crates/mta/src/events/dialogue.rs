//! What was said between a peer and us in one attempt: bounded, without secrets, without content.

use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mail::Timestamp;
use mail::dsn::one_line;
use policy::settings::Secret;
use tokio::time::Instant;

use super::Dialogues;
use crate::probe::Stages;

/// Bytes of the beginning of a dialogue that are kept.
const HEAD_BYTES_MAX: usize = 1024;
/// Bytes of its end that are kept: there it says what went wrong.
const TAIL_BYTES_MAX: usize = 3 * 1024;
/// Characters of one line.
const LINE_CHARS_MAX: usize = 512;
/// Shorter secrets hide nothing but ordinary words.
const SECRET_BYTES_MIN: usize = 3;
/// What stands for a secret.
const MASK: &str = "****";

/// Who said it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// We did.
    Client,
    /// The peer did.
    Server,
    /// Nobody: it is a remark about what happened.
    Note,
}

impl Side {
    /// As history names it.
    pub fn name(self) -> &'static str {
        match self {
            Side::Client => "client",
            Side::Server => "server",
            Side::Note => "note",
        }
    }
}

/// One line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DialogueLine {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub side: Side,
    /// Without its line end and without control characters.
    pub line: String,
}

/// What was said in one attempt.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Dialogue {
    /// The lines, in their order.
    pub lines: Vec<DialogueLine>,
}

/// Records a dialogue while it goes on, if anybody may want it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Transcript {
    recording: Option<Arc<Mutex<Recording>>>,
    /// Somebody watches the stages.
    stages: Option<Stages>,
}

#[derive(Debug)]
struct Recording {
    began: Instant,
    began_at: Timestamp,
    bytes: Vec<u8>,
    pieces: Vec<Piece>,
    /// Pieces that belong to the beginning; they stay.
    head: usize,
    /// Whether something was left out behind the beginning.
    cut: bool,
    /// What must not stand in it, in each of its forms.
    secrets: Vec<String>,
}

/// What one side said at once.
#[derive(Clone, Copy, Debug)]
struct Piece {
    side: Side,
    millis: u32,
    bytes: usize,
}

impl Transcript {
    /// Begins, if dialogues are kept at all.
    pub(crate) fn begin(kept: Dialogues, now: Timestamp) -> Self {
        if kept == Dialogues::None {
            return Transcript::default();
        }
        Transcript { recording: Some(Self::recording(now)), stages: None }
    }

    /// Begins for somebody who watches.
    pub(crate) fn watched(now: Timestamp, stages: Stages) -> Self {
        Transcript { recording: Some(Self::recording(now)), stages: Some(stages) }
    }

    fn recording(now: Timestamp) -> Arc<Mutex<Recording>> {
        let recording = Recording {
            began: Instant::now(),
            began_at: now,
            bytes: Vec::with_capacity(HEAD_BYTES_MAX),
            pieces: Vec::with_capacity(16),
            head: 0,
            cut: false,
            secrets: Vec::new(),
        };
        Arc::new(Mutex::new(recording))
    }

    /// We said this. While we prove who we are, only the command and the mechanism are written down.
    pub(crate) fn sent(&self, output: &[u8], is_proof: bool) {
        self.with(|recording| {
            if is_proof {
                recording.push(Side::Client, masked_proof(output).as_bytes());
            } else {
                recording.push(Side::Client, output);
            }
        });
    }

    /// The peer said this. A challenge is as secret as its answer.
    pub(crate) fn received(&self, bytes: &[u8], is_proof: bool) {
        self.with(|recording| {
            if is_proof && bytes.starts_with(b"334") {
                recording.push(Side::Server, b"334 ****\r\n");
            } else {
                recording.push(Side::Server, bytes);
            }
        });
    }

    /// Something else happened. `text` is made only if it is written down.
    pub(crate) fn note(&self, text: impl FnOnce() -> String) {
        self.with(|recording| {
            let line = text() + "\n";
            recording.push(Side::Note, line.as_bytes());
        });
    }

    /// This never stands in it, whoever says it.
    pub(crate) fn hide(&self, username: &str, secret: &Secret) {
        self.with(|recording| {
            recording.secrets.extend(forms(username, secret));
        });
    }

    /// The stages, if somebody watches them.
    pub(crate) fn stages(&self) -> Option<&Stages> {
        self.stages.as_ref()
    }

    /// What was said, if that is to be kept.
    pub(crate) fn dialogue(&self) -> Option<Dialogue> {
        let recording = self.recording.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        Some(recording.dialogue())
    }

    fn with(&self, act: impl FnOnce(&mut Recording)) {
        if let Some(recording) = &self.recording {
            act(&mut recording.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

/// `AUTH PLAIN ****`; of an answer to a challenge, nothing.
fn masked_proof(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let mut words = text.split_ascii_whitespace();
    match (words.next(), words.next(), words.next()) {
        (Some("AUTH"), Some(mechanism), Some(_)) => format!("AUTH {mechanism} {MASK}\r\n"),
        (Some("AUTH"), Some(mechanism), None) => format!("AUTH {mechanism}\r\n"),
        _ => format!("{MASK}\r\n"),
    }
}

impl Recording {
    fn push(&mut self, side: Side, mut bytes: &[u8]) {
        if bytes.len() > TAIL_BYTES_MAX {
            // A long flight: its end is what matters.
            let from = bytes.len() - TAIL_BYTES_MAX;
            let line = bytes[from..].iter().position(|byte| *byte == b'\n').map_or(from, |at| from + at + 1);
            bytes = &bytes[line..];
            self.cut = true;
            self.head = self.pieces.len().min(self.head.max(self.pieces.len()));
        }
        let millis = u32::try_from(self.began.elapsed().as_millis()).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(bytes);
        self.pieces.push(Piece { side, millis, bytes: bytes.len() });
        if !self.cut && self.bytes.len() <= HEAD_BYTES_MAX {
            self.head = self.pieces.len();
        }
        if self.bytes.len() > HEAD_BYTES_MAX + 2 * TAIL_BYTES_MAX {
            self.shorten();
        }
    }

    /// Takes pieces out behind the beginning until the end is as short as it is to be.
    fn shorten(&mut self) {
        let head: usize = self.pieces[..self.head].iter().map(|piece| piece.bytes).sum();
        let mut tail = self.bytes.len() - head;
        let mut until = self.head;
        while tail > TAIL_BYTES_MAX && until + 1 < self.pieces.len() {
            tail -= self.pieces[until].bytes;
            until += 1;
        }
        if until > self.head {
            self.bytes.drain(head..self.bytes.len() - tail);
            self.pieces.drain(self.head..until);
            self.cut = true;
        }
    }

    fn dialogue(&self) -> Dialogue {
        let mut lines: Vec<DialogueLine> = Vec::new();
        let mut at = 0;
        let mut whole = true;
        for (index, piece) in self.pieces.iter().enumerate() {
            let when =
                Timestamp::from_millis(self.began_at.as_millis().saturating_add(u64::from(piece.millis)));
            if self.cut && index == self.head {
                let line = "… some lines are left out …".to_owned();
                lines.push(DialogueLine { at: when, side: Side::Note, line });
                whole = true;
            }
            let text = String::from_utf8_lossy(&self.bytes[at..at + piece.bytes]);
            at += piece.bytes;
            for line in text.split_inclusive('\n') {
                let continues = !whole && lines.last().is_some_and(|last| last.side == piece.side);
                let shown = line.trim_end_matches(['\r', '\n']);
                match lines.last_mut().filter(|_| continues) {
                    Some(last) => last.line.push_str(shown),
                    None => {
                        lines.push(DialogueLine { at: when, side: piece.side, line: shown.to_owned() });
                    }
                }
                whole = line.ends_with('\n');
            }
        }
        for line in &mut lines {
            line.line = one_line(&self.without_secrets(std::mem::take(&mut line.line)), LINE_CHARS_MAX);
        }
        Dialogue { lines }
    }

    fn without_secrets(&self, line: String) -> String {
        self.secrets.iter().fold(line, |line, form| without(line, form))
    }
}

/// The text without this secret, in plain or in base64: a peer may repeat what it was shown.
pub(crate) fn masked(text: String, username: &str, secret: &Secret) -> String {
    forms(username, secret).iter().fold(text, |text, form| without(text, form))
}

/// As AUTH PLAIN shows it, in plain, and in base64; none of what is too short to be told from other words.
fn forms(username: &str, secret: &Secret) -> Vec<String> {
    let plain = secret.expose();
    if plain.len() < SECRET_BYTES_MIN {
        return Vec::new();
    }
    let proof = STANDARD.encode(format!("\0{username}\0{plain}"));
    let encoded = STANDARD.encode(plain);
    let bare = encoded.trim_end_matches('=').to_owned();
    vec![proof, plain.to_owned(), encoded, bare]
}

fn without(text: String, form: &str) -> String {
    if text.contains(form) { text.replace(form, MASK) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(transcript: &Transcript) -> Vec<(Side, String)> {
        let dialogue = transcript.dialogue().expect("recorded");
        dialogue.lines.into_iter().map(|line| (line.side, line.line)).collect()
    }

    fn begun() -> Transcript {
        Transcript::begin(Dialogues::Failures, Timestamp::EPOCH)
    }

    #[tokio::test]
    async fn lines_are_whole_however_they_came() {
        let transcript = begun();
        transcript.received(b"220 m", false);
        transcript.received(b"x ESMTP\r\n", false);
        transcript.sent(b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n", false);
        transcript.note(|| "the connection broke".to_owned());
        let expected = [
            (Side::Server, "220 mx ESMTP"),
            (Side::Client, "MAIL FROM:<a@b>"),
            (Side::Client, "RCPT TO:<c@d>"),
            (Side::Note, "the connection broke"),
        ];
        assert_eq!(lines(&transcript), expected.map(|(side, line)| (side, line.to_owned())));
    }

    // proves: 5.17 secrets, L6
    #[tokio::test]
    async fn no_secret_stands_in_it() {
        let secret = Secret::new("hunter2-canary");
        let proof = STANDARD.encode("\0user\0hunter2-canary");
        let alone = STANDARD.encode("hunter2-canary");
        let transcript = begun();
        transcript.hide("user", &secret);
        transcript.sent(format!("AUTH PLAIN {proof}\r\n").as_bytes(), true);
        transcript.received(b"334 UGFzc3dvcmQ6\r\n", true);
        transcript.sent(format!("{alone}\r\n").as_bytes(), true);
        transcript.received(format!("535 5.7.8 hunter2-canary or {alone} is wrong\r\n").as_bytes(), true);
        transcript.received(format!("535 you said {proof}\r\n").as_bytes(), true);
        transcript.received(b"535 unasked: hunter2-canary\r\n", false);
        let said = lines(&transcript);
        let text: String = said.iter().map(|(_, line)| line.as_str()).collect::<Vec<_>>().join("\n");
        assert_eq!(said[0].1, "AUTH PLAIN ****");
        assert_eq!(said[1].1, "334 ****");
        assert_eq!(said[2].1, "****");
        assert_eq!(said[3].1, "535 5.7.8 **** or **** is wrong", "{text}");
        for hidden in ["hunter2", &proof, alone.trim_end_matches('=')] {
            assert!(!text.contains(hidden), "{text}");
        }
    }

    #[tokio::test]
    async fn it_is_bounded_and_keeps_its_end() {
        let transcript = begun();
        transcript.received(b"220 hello\r\n", false);
        for i in 0..10_000 {
            transcript.sent(format!("RCPT TO:<user{i}@example.org>\r\n").as_bytes(), false);
        }
        let flight: Vec<u8> = (0..5000).flat_map(|i| format!("250 ok {i}\r\n").into_bytes()).collect();
        transcript.received(&flight, false);
        transcript.received(b"554 the last word\r\n", false);
        let said = lines(&transcript);
        let bytes: usize = said.iter().map(|(_, line)| line.len()).sum();
        assert!(bytes <= HEAD_BYTES_MAX + 3 * TAIL_BYTES_MAX, "{bytes}");
        assert_eq!(said.first().map(|(_, line)| line.as_str()), Some("220 hello"));
        assert_eq!(said.last().map(|(_, line)| line.as_str()), Some("554 the last word"));
        assert!(said.iter().any(|(side, line)| *side == Side::Note && line.contains("left out")));
    }

    #[test]
    fn nothing_is_recorded_unless_wanted() {
        let transcript = Transcript::begin(Dialogues::None, Timestamp::EPOCH);
        transcript.sent(b"MAIL\r\n", false);
        transcript.note(|| panic!("not made"));
        assert_eq!(transcript.dialogue(), None);
    }
}
