//! The functions that need nothing from outside, each with its arity and its cost.

mod hash;
mod list;
mod mail;
mod split;
mod text;

use super::signature::Signature;
use super::value::{Kind, Value};

/// Arguments that a function takes at most.
pub(super) const ARGUMENTS_MAX: usize = 3;

/// The arguments of a call; those that the function does not take are 0.
pub(super) type Arguments<'a> = [Value<'a>; ARGUMENTS_MAX];

/// A function that needs nothing from outside.
pub(super) struct Builtin {
    /// As expressions write it.
    pub(super) name: &'static str,
    /// What its arguments are called.
    pub(super) parameters: &'static [&'static str],
    /// What it yields, in a sentence.
    pub(super) help: &'static str,
    /// What it yields.
    pub(super) kind: Kind,
    /// How its work grows.
    pub(super) cost: Cost,
    /// What it does. Never fails and never panics.
    pub(super) run: for<'a> fn(Arguments<'a>) -> Value<'a>,
}

/// How the work of a function grows with its arguments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cost {
    /// With the sum of their sizes.
    Sum,
    /// With the product of the first two.
    Product,
    /// With the square of the first.
    Square,
}

impl std::fmt::Debug for Builtin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// The function of this name.
pub(super) fn named(name: &str) -> Option<&'static Builtin> {
    BUILTINS.iter().find(|builtin| builtin.name == name)
}

/// All of them, for people.
pub(super) fn signatures() -> impl Iterator<Item = Signature> {
    BUILTINS.iter().map(|builtin| Signature {
        name: builtin.name,
        parameters: builtin.parameters,
        kind: builtin.kind,
        help: builtin.help,
    })
}

/// All names.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    BUILTINS.iter().map(|builtin| builtin.name)
}

const fn builtin(
    name: &'static str,
    parameters: &'static [&'static str],
    kind: Kind,
    run: for<'a> fn(Arguments<'a>) -> Value<'a>,
    help: &'static str,
) -> Builtin {
    Builtin { name, parameters, help, kind, cost: Cost::Sum, run }
}

impl Builtin {
    const fn costing(mut self, cost: Cost) -> Self {
        self.cost = cost;
        self
    }
}

static BUILTINS: &[Builtin] = &[
    builtin(
        "count",
        &["x"],
        Kind::Number,
        list::count,
        "Elements of a list; of a text 0 if it is empty, else 1.",
    ),
    builtin("sort", &["list", "ascending"], Kind::Any, list::sort, "The list in order."),
    builtin("dedup", &["list"], Kind::Any, list::dedup, "The first of equal elements.").costing(Cost::Square),
    builtin("winnow", &["list"], Kind::Any, list::winnow, "Without empty texts."),
    builtin(
        "is_intersect",
        &["a", "b"],
        Kind::Number,
        list::is_intersect,
        "Whether two lists, or a list and a value, have something in common.",
    )
    .costing(Cost::Product),
    builtin(
        "contains",
        &["x", "y"],
        Kind::Number,
        list::contains,
        "Whether a list has an element, or a text has a part.",
    ),
    builtin(
        "contains_ignore_case",
        &["x", "y"],
        Kind::Number,
        list::contains_ignore_case,
        "Whether a list has an element, or a text has a part, upper and lower case alike.",
    ),
    builtin("is_empty", &["x"], Kind::Number, list::is_empty, "Whether a text or list is empty."),
    builtin(
        "is_number",
        &["x"],
        Kind::Number,
        list::is_number,
        "Whether the value is a number; the text '5' is not.",
    ),
    builtin("if_then", &["condition", "a", "b"], Kind::Any, list::if_then, "A or b; both are worked out."),
    builtin(
        "eq_ignore_case",
        &["a", "b"],
        Kind::Number,
        text::eq_ignore_case,
        "Whether two texts are equal but for the case of ASCII letters.",
    ),
    builtin(
        "starts_with",
        &["text", "start"],
        Kind::Number,
        text::starts_with,
        "Whether the text begins so.",
    ),
    builtin("ends_with", &["text", "end"], Kind::Number, text::ends_with, "Whether the text ends so."),
    builtin("len", &["x"], Kind::Number, text::len, "Bytes of a text, elements of a list."),
    builtin("count_chars", &["text"], Kind::Number, text::count_chars, "Characters."),
    builtin("count_spaces", &["text"], Kind::Number, text::count_spaces, "Characters that are white space."),
    builtin("count_uppercase", &["text"], Kind::Number, text::count_uppercase, "Upper-case letters."),
    builtin("count_lowercase", &["text"], Kind::Number, text::count_lowercase, "Lower-case letters."),
    builtin(
        "trim",
        &["text"],
        Kind::Any,
        text::trim,
        "The text, or each of a list, without white space around it.",
    ),
    builtin(
        "trim_start",
        &["text"],
        Kind::Any,
        text::trim_start,
        "The text, or each of a list, without white space before it.",
    ),
    builtin(
        "trim_end",
        &["text"],
        Kind::Any,
        text::trim_end,
        "The text, or each of a list, without white space after it.",
    ),
    builtin(
        "to_lowercase",
        &["text"],
        Kind::Any,
        text::to_lowercase,
        "The text, or each of a list, in lower case.",
    ),
    builtin(
        "to_uppercase",
        &["text"],
        Kind::Any,
        text::to_uppercase,
        "The text, or each of a list, in upper case.",
    ),
    builtin(
        "is_uppercase",
        &["text"],
        Kind::Any,
        text::is_uppercase,
        "Of the text, or each of a list: whether all letters are upper case.",
    ),
    builtin(
        "is_lowercase",
        &["text"],
        Kind::Any,
        text::is_lowercase,
        "Of the text, or each of a list: whether all letters are lower case.",
    ),
    builtin(
        "has_digits",
        &["text"],
        Kind::Any,
        text::has_digits,
        "Of the text, or each of a list: whether there is a digit.",
    ),
    builtin("substring", &["text", "start", "length"], Kind::Text, text::substring, "By characters, from 0."),
    builtin(
        "strip_prefix",
        &["text", "start"],
        Kind::Any,
        text::strip_prefix,
        "Of the text, or each of a list: what follows start; empty if the text does not begin so.",
    ),
    builtin(
        "strip_suffix",
        &["text", "end"],
        Kind::Any,
        text::strip_suffix,
        "Of the text, or each of a list: what stands before end; empty if the text does not end so.",
    ),
    builtin("lines", &["text"], Kind::Any, split::lines, "A list of its lines."),
    builtin("split", &["text", "separator"], Kind::List, split::split, "The parts between the separators."),
    builtin(
        "rsplit",
        &["text", "separator"],
        Kind::List,
        split::rsplit,
        "The parts between the separators, from the end.",
    ),
    builtin(
        "split_once",
        &["text", "separator"],
        Kind::Any,
        split::split_once,
        "A list of two; empty text if the separator is not there.",
    ),
    builtin(
        "rsplit_once",
        &["text", "separator"],
        Kind::Any,
        split::rsplit_once,
        "A list of two, parted at the last separator; empty text if there is none.",
    ),
    builtin("split_n", &["text", "separator", "n"], Kind::List, split::split_n, "Split n times at most."),
    builtin("split_words", &["text"], Kind::List, split::split_words, "The words of letters and digits."),
    builtin("is_email", &["text"], Kind::Number, mail::is_email, "Whether it looks like an address."),
    builtin(
        "email_part",
        &["address", "part"],
        Kind::Any,
        mail::email_part,
        "Of the text, or each of a list: 'local' or 'domain'.",
    ),
    builtin("is_ip_addr", &["text"], Kind::Number, mail::is_ip_addr, "Whether it is an IP address."),
    builtin("is_ipv4_addr", &["text"], Kind::Number, mail::is_ipv4_addr, "Whether it is an IPv4 address."),
    builtin("is_ipv6_addr", &["text"], Kind::Number, mail::is_ipv6_addr, "Whether it is an IPv6 address."),
    builtin(
        "is_ip_in_cidr",
        &["ip", "network"],
        Kind::Number,
        mail::is_ip_in_cidr,
        "Whether the address lies in the network, such as 192.0.2.0/24.",
    ),
    builtin(
        "ip_reverse_name",
        &["ip"],
        Kind::Text,
        mail::ip_reverse_name,
        "As DNS block lists want it, without in-addr.arpa.",
    ),
    builtin(
        "hash",
        &["text", "algorithm"],
        Kind::Text,
        hash::hash,
        "In hexadecimal, by md5, sha1, sha256 or sha512.",
    ),
    builtin(
        "hash_bucket",
        &["text", "n"],
        Kind::Number,
        hash::hash_bucket,
        "0 to n - 1, always the same for the same text.",
    ),
];
