//! How does a text stand in the index, and what must be there if it has a text?
//!
//! For each place in a message the index has the set of all three letters that follow one another in it, and the set of
//! its words. A text of one to three letters is found exactly: as the begin of such a triple. Of a longer one all
//! triples must be there, which nearly always means that it is; if a word begins with it, it certainly is.

use std::collections::BTreeSet;

use super::matching::{Folded, Place, Wanted, is_signature};

/// Bytes of one text that are indexed. A message with more must be looked at.
const INDEXED_BYTES_MAX: usize = 512 * 1024;
/// Letters of a word that are indexed.
const WORD_LETTERS_MAX: usize = 24;
/// Triples of a text that are asked for.
const TRIPLES_MAX: usize = 24;
/// Follows the end of each text, so that its last letters begin a triple too; in no text.
const END: char = '\0';

/// The tokens of a message with spaces between, and whether that is all of it.
pub(crate) fn tokens(text: &Folded) -> (String, bool) {
    let mut out = Tokens::default();
    for (class, text) in [
        ('f', &text.from),
        ('t', &text.to),
        ('c', &text.cc),
        ('k', &text.bcc),
        ('s', &text.subject),
        ('h', &text.header),
        ('b', &text.body),
    ] {
        out.text(class, text);
    }
    let names: BTreeSet<&str> = text.headers.iter().map(|(name, _)| &name[..]).collect();
    names.iter().for_each(|name| out.token('n', name.chars().chain([END])));
    (out.out, out.is_whole)
}

struct Tokens {
    out: String,
    is_whole: bool,
    triples: Vec<[char; 3]>,
}

impl Default for Tokens {
    fn default() -> Self {
        Tokens { out: String::new(), is_whole: true, triples: Vec::new() }
    }
}

impl Tokens {
    fn text(&mut self, class: char, text: &str) {
        if text.is_empty() {
            return;
        }
        let mut end = text.len().min(INDEXED_BYTES_MAX);
        self.is_whole &= end == text.len();
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let text = &text[..end];
        self.triples.clear();
        let mut letters = text.chars().chain([END, END]);
        let (mut first, mut second) = (letters.next().unwrap_or(END), letters.next().unwrap_or(END));
        for third in letters {
            self.triples.push([first, second, third]);
            (first, second) = (second, third);
        }
        let mut triples = std::mem::take(&mut self.triples);
        triples.sort_unstable();
        triples.dedup();
        triples.iter().for_each(|triple| self.token(class, triple.iter().copied()));
        self.triples = triples;
        let mut words: Vec<&str> =
            text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 3).collect();
        words.sort_unstable();
        words.dedup();
        words
            .iter()
            .for_each(|word| self.token(class.to_ascii_uppercase(), word.chars().take(WORD_LETTERS_MAX)));
    }

    fn token(&mut self, class: char, letters: impl Iterator<Item = char>) {
        if !self.out.is_empty() {
            self.out.push(' ');
        }
        put_class(&mut self.out, class);
        letters.for_each(|c| put(&mut self.out, c));
    }
}

/// The index does not know capitals.
fn put_class(out: &mut String, class: char) {
    if class.is_ascii_uppercase() {
        out.push('w');
    }
    out.push(class.to_ascii_lowercase());
}

/// A letter as ASCII letters and digits. No letter begins as another does, so that begins of texts are begins of tokens.
fn put(out: &mut String, c: char) {
    if c.is_ascii_digit() || matches!(c, 'a'..='y') {
        out.push(c);
        return;
    }
    out.push('z');
    let mut rest = u32::from(c);
    let mut digits = [b'0'; 4];
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdefghijklmnopqrstuvwxyz"[(rest % 36) as usize];
        rest /= 36;
    }
    out.push_str(std::str::from_utf8(&digits).unwrap_or_default());
}

/// What is asked of the index, in the language of FTS5.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Asked {
    /// Messages that have this have the text; nothing if there is no such question.
    pub(crate) surely: Option<String>,
    /// Messages that do not have this have not.
    pub(crate) perhaps: Option<String>,
}

/// What to ask for a text.
pub(crate) fn ask(wanted: &Wanted) -> Asked {
    let needle = &wanted.needle[..];
    let class = match &wanted.place {
        Place::From => 'f',
        Place::To => 't',
        Place::Cc => 'c',
        Place::Bcc => 'k',
        Place::Subject => 's',
        Place::Body => 'b',
        Place::Header(name) => return header(name, needle),
        Place::Anywhere => return anywhere(needle),
    };
    if needle.chars().count() <= 3 {
        return Asked { surely: Some(begins(class, needle)), perhaps: None };
    }
    Asked { surely: word(class, needle), perhaps: Some(triples(class, needle)) }
}

fn header(name: &str, needle: &str) -> Asked {
    let mut token = String::from("n");
    name.chars().chain([END]).for_each(|c| put(&mut token, c));
    if needle.is_empty() {
        return Asked { surely: Some(quoted(&token)), perhaps: None };
    }
    let text = match needle.chars().count() {
        _ if is_signature(name) => None,
        0..=3 => Some(begins('h', needle)),
        _ => Some(triples('h', needle)),
    };
    let perhaps = text.map_or_else(|| quoted(&token), |text| format!("{} AND ({text})", quoted(&token)));
    Asked { surely: None, perhaps: Some(perhaps) }
}

fn anywhere(needle: &str) -> Asked {
    let classes = ['h', 'b', 'f', 't', 'c', 'k', 's'];
    let either = |one: &dyn Fn(char) -> String| classes.map(|class| format!("({})", one(class))).join(" OR ");
    if needle.chars().count() <= 3 {
        return Asked { surely: Some(either(&|class| begins(class, needle))), perhaps: None };
    }
    let is_word = word('b', needle).is_some();
    let surely = is_word.then(|| either(&|class| word(class, needle).unwrap_or_default()));
    Asked { surely, perhaps: Some(either(&|class| triples(class, needle))) }
}

/// Tokens that begin with it.
fn begins(class: char, needle: &str) -> String {
    let mut token = String::new();
    put_class(&mut token, class);
    needle.chars().for_each(|c| put(&mut token, c));
    if needle.chars().count() == 3 { quoted(&token) } else { quoted(&token) + " *" }
}

/// Words that begin with it, if it is like a word.
fn word(class: char, needle: &str) -> Option<String> {
    let is_word = needle.chars().all(char::is_alphanumeric) && needle.chars().count() <= WORD_LETTERS_MAX;
    is_word
        .then(|| begins(class.to_ascii_uppercase(), needle))
        .map(|asked| asked.trim_end_matches(" *").to_owned() + " *")
}

/// All its triples.
fn triples(class: char, needle: &str) -> String {
    let letters: Vec<char> = needle.chars().collect();
    let mut tokens = BTreeSet::new();
    for triple in letters.windows(3) {
        let mut token = String::new();
        put_class(&mut token, class);
        triple.iter().for_each(|c| put(&mut token, *c));
        tokens.insert(token);
    }
    tokens.iter().take(TRIPLES_MAX).map(|token| quoted(token)).collect::<Vec<_>>().join(" AND ")
}

fn quoted(token: &str) -> String {
    format!("\"{token}\"")
}
