//! What may stand where the cursor is? Variables, functions and names, as far as they begin like what is there.

use std::collections::BTreeSet;

use super::check::{CONSTANTS, SYSTEM_NAMES};
use super::lookup::DnsKind;
use super::signature::Signature;
use super::token::{Placed, Token, tokens};
use super::tree::BinaryOperator;
use super::variables::{Context, Variable};
use super::words::words;
use crate::limits::EXPRESSION_BYTES_MAX;

/// Proposals at most.
const PROPOSALS_MAX: usize = 100;

/// The names that may stand in quotes.
#[derive(Clone, Copy, Debug)]
pub struct CompletionNames<'n> {
    /// What the property yields: `route`, and all routes; no objects if it yields no name.
    pub yields: (&'n str, &'n BTreeSet<String>),
    /// Lookup stores.
    pub stores: &'n BTreeSet<String>,
    /// Relay routes.
    pub relays: &'n BTreeSet<String>,
    /// All routes.
    pub routes: &'n BTreeSet<String>,
    /// Virtual queues.
    pub virtual_queues: &'n BTreeSet<String>,
}

/// What may stand at a place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Completion {
    /// The byte from which on a proposal replaces what is there.
    pub from: usize,
    /// The best first.
    pub items: Vec<Proposal>,
}

/// Something that may stand there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proposal {
    /// What is written.
    pub label: String,
    /// `variable`, `function`, `constant`, or the noun of an object.
    pub kind: String,
    /// Its type or signature.
    pub detail: String,
    /// What it means.
    pub help: String,
}

impl Proposal {
    fn new(label: impl Into<String>, kind: &str, detail: impl Into<String>, help: &str) -> Self {
        Proposal { label: label.into(), kind: kind.to_owned(), detail: detail.into(), help: help.to_owned() }
    }

    fn name(label: &str, noun: &str) -> Self {
        Proposal::new(label, noun, "", "")
    }
}

/// What may stand at a byte of a text. A cursor within a character counts as before it.
pub fn complete(text: &str, cursor: usize, context: Context, names: &CompletionNames<'_>) -> Completion {
    let mut end = cursor.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    if text.len() > EXPRESSION_BYTES_MAX {
        return Completion { from: end, items: Vec::new() };
    }
    let before = &text[..end];
    match open_quote(before) {
        Some(quote) => {
            let found = quoted(&before[..quote], names);
            ranked(&before[quote + 1..], quote + 1, found)
        }
        None => {
            let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let from = before
                .rfind(|c| !is_word(c))
                .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
            ranked(&before[from..], from, bare(context, names))
        }
    }
}

/// Where the text begins that the end is in, if it is in one.
fn open_quote(before: &str) -> Option<usize> {
    let mut open: Option<(usize, u8)> = None;
    let mut escaped = false;
    for (at, byte) in before.bytes().enumerate() {
        match open {
            Some(_) if escaped => escaped = false,
            Some(_) if byte == b'\\' => escaped = true,
            Some((_, quote)) if byte == quote => open = None,
            Some(_) => {}
            None if matches!(byte, b'\'' | b'"') => open = Some((at, byte)),
            None => {}
        }
    }
    open.map(|(at, _)| at)
}

/// Outside of quotes.
fn bare(context: Context, names: &CompletionNames<'_>) -> Vec<Proposal> {
    let variables = Variable::ALL.iter().filter(|variable| variable.is_in(context)).map(|variable| {
        Proposal::new(variable.name(), "variable", plain(variable.kind().name()), variable.meaning())
    });
    let (noun, objects) = names.yields;
    let objects = objects.iter().map(|name| Proposal::name(&format!("'{name}'"), noun));
    let functions = Signature::all().filter(|function| context.has_content() || !of_content(function.name));
    let functions = functions.map(|function| {
        let detail = format!("{} → {}", function.call(), plain(function.kind.name()));
        Proposal::new(function.name, "function", detail, function.help)
    });
    let constants = CONSTANTS.iter().map(|word| Proposal::new(*word, "constant", "", ""));
    objects.chain(variables).chain(functions).chain(constants).collect()
}

fn of_content(function: &str) -> bool {
    matches!(function, "header" | "headers")
}

fn plain(kind: &str) -> &str {
    kind.trim_start_matches("a ")
}

/// In quotes: what stands before them says what is meant.
fn quoted(before: &str, names: &CompletionNames<'_>) -> Vec<Proposal> {
    let all = |names: &BTreeSet<String>, noun: &str| -> Vec<Proposal> {
        names.iter().map(|name| Proposal::name(name, noun)).collect()
    };
    let of_words = |words: &[&str], noun: &str| -> Vec<Proposal> {
        words.iter().map(|word| Proposal::name(word, noun)).collect()
    };
    let Ok((before, _)) = tokens(before) else { return all(names.yields.1, names.yields.0) };
    match asked(&before) {
        Asked::Variable("route") => all(names.routes, "route"),
        Asked::Variable("queue_name") => all(names.virtual_queues, "virtual queue"),
        Asked::Variable(variable) => words(variable).map_or_else(Vec::new, |words| of_words(words, variable)),
        Asked::Argument("relay_is_up", 0) => all(names.relays, "route"),
        Asked::Argument("system", 0) => {
            SYSTEM_NAMES.iter().map(|(name, _)| Proposal::name(name, "system value")).collect()
        }
        Asked::Argument("dns_query", 1) => of_words(&DnsKind::ALL.map(DnsKind::name), "record type"),
        Asked::Argument("email_part", 1) => of_words(&["local", "domain"], "part"),
        Asked::Argument("hash", 1) => of_words(&["md5", "sha1", "sha256", "sha512"], "algorithm"),
        Asked::Argument(
            "key_get" | "key_exists" | "key_set" | "counter_incr" | "counter_get" | "sql_query",
            0,
        ) => all(names.stores, "lookup store"),
        Asked::Argument("if_then", 1 | 2) | Asked::Anything => all(names.yields.1, names.yields.0),
        Asked::Argument(..) => Vec::new(),
    }
}

/// What a text in quotes is for.
enum Asked<'t> {
    /// It is compared with this variable.
    Variable(&'t str),
    /// It is an argument of this function, counted from 0.
    Argument(&'t str, usize),
    /// It stands for itself.
    Anything,
}

fn asked<'t>(before: &[Placed<'t>]) -> Asked<'t> {
    if let [
        ..,
        Placed { token: Token::Name(name), .. },
        Placed { token: Token::Operator(BinaryOperator::Equal | BinaryOperator::NotEqual), .. },
    ] = before
    {
        return Asked::Variable(name);
    }
    let (mut depth, mut commas) = (0_usize, 0);
    for (at, placed) in before.iter().enumerate().rev() {
        match placed.token {
            Token::Close | Token::CloseList => depth += 1,
            Token::Open | Token::OpenList if depth > 0 => depth -= 1,
            Token::Comma if depth == 0 => commas += 1,
            Token::Open => {
                return match at.checked_sub(1).map(|at| &before[at].token) {
                    Some(Token::Name(function)) => Asked::Argument(function, commas),
                    _ => Asked::Anything,
                };
            }
            Token::OpenList => {
                return match before[..at].iter().rev().map(|placed| &placed.token).take(2).collect::<Vec<_>>()
                    [..]
                {
                    [Token::Name("in"), Token::Name(name)] => Asked::Variable(name),
                    _ => Asked::Anything,
                };
            }
            _ => {}
        }
    }
    Asked::Anything
}

/// Those that begin so, then those that have it within.
fn ranked(typed: &str, from: usize, found: Vec<Proposal>) -> Completion {
    let typed = typed.to_lowercase();
    let rank = |proposal: &Proposal| {
        let label = proposal.label.trim_matches('\'').to_lowercase();
        match label.find(&typed) {
            Some(0) => Some(0),
            Some(_) if typed.len() > 1 => Some(1),
            _ => None,
        }
    };
    let mut ranked: Vec<(i32, Proposal)> =
        found.into_iter().filter_map(|proposal| Some((rank(&proposal)?, proposal))).collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    Completion { from, items: ranked.into_iter().map(|(_, proposal)| proposal).take(PROPOSALS_MAX).collect() }
}
