//! The functions that need nothing from outside, each with its arity and its cost.

mod hash;
mod list;
mod mail;
mod split;
mod text;

use super::value::{Kind, Value};

/// Arguments that a function takes at most.
pub(super) const ARGUMENTS_MAX: usize = 3;

/// The arguments of a call; those that the function does not take are 0.
pub(super) type Arguments<'a> = [Value<'a>; ARGUMENTS_MAX];

/// A function that needs nothing from outside.
pub(super) struct Builtin {
    /// As expressions write it.
    pub(super) name: &'static str,
    /// How many arguments it takes.
    pub(super) arity: usize,
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

/// All of them, each with its arity and what it yields.
#[cfg(test)]
pub(super) fn signatures() -> impl Iterator<Item = (&'static str, usize, Kind)> {
    BUILTINS.iter().map(|builtin| (builtin.name, builtin.arity, builtin.kind))
}

/// All names.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    BUILTINS.iter().map(|builtin| builtin.name)
}

const fn builtin(
    name: &'static str,
    arity: usize,
    kind: Kind,
    run: for<'a> fn(Arguments<'a>) -> Value<'a>,
) -> Builtin {
    Builtin { name, arity, kind, cost: Cost::Sum, run }
}

impl Builtin {
    const fn costing(mut self, cost: Cost) -> Self {
        self.cost = cost;
        self
    }
}

static BUILTINS: &[Builtin] = &[
    builtin("count", 1, Kind::Number, list::count),
    builtin("sort", 2, Kind::Any, list::sort),
    builtin("dedup", 1, Kind::Any, list::dedup).costing(Cost::Square),
    builtin("winnow", 1, Kind::Any, list::winnow),
    builtin("is_intersect", 2, Kind::Number, list::is_intersect).costing(Cost::Product),
    builtin("contains", 2, Kind::Number, list::contains),
    builtin("contains_ignore_case", 2, Kind::Number, list::contains_ignore_case),
    builtin("is_empty", 1, Kind::Number, list::is_empty),
    builtin("is_number", 1, Kind::Number, list::is_number),
    builtin("if_then", 3, Kind::Any, list::if_then),
    builtin("eq_ignore_case", 2, Kind::Number, text::eq_ignore_case),
    builtin("starts_with", 2, Kind::Number, text::starts_with),
    builtin("ends_with", 2, Kind::Number, text::ends_with),
    builtin("len", 1, Kind::Number, text::len),
    builtin("count_chars", 1, Kind::Number, text::count_chars),
    builtin("count_spaces", 1, Kind::Number, text::count_spaces),
    builtin("count_uppercase", 1, Kind::Number, text::count_uppercase),
    builtin("count_lowercase", 1, Kind::Number, text::count_lowercase),
    builtin("trim", 1, Kind::Any, text::trim),
    builtin("trim_start", 1, Kind::Any, text::trim_start),
    builtin("trim_end", 1, Kind::Any, text::trim_end),
    builtin("to_lowercase", 1, Kind::Any, text::to_lowercase),
    builtin("to_uppercase", 1, Kind::Any, text::to_uppercase),
    builtin("is_uppercase", 1, Kind::Any, text::is_uppercase),
    builtin("is_lowercase", 1, Kind::Any, text::is_lowercase),
    builtin("has_digits", 1, Kind::Any, text::has_digits),
    builtin("substring", 3, Kind::Text, text::substring),
    builtin("strip_prefix", 2, Kind::Any, text::strip_prefix),
    builtin("strip_suffix", 2, Kind::Any, text::strip_suffix),
    builtin("lines", 1, Kind::Any, split::lines),
    builtin("split", 2, Kind::List, split::split),
    builtin("rsplit", 2, Kind::List, split::rsplit),
    builtin("split_once", 2, Kind::Any, split::split_once),
    builtin("rsplit_once", 2, Kind::Any, split::rsplit_once),
    builtin("split_n", 3, Kind::List, split::split_n),
    builtin("split_words", 1, Kind::List, split::split_words),
    builtin("is_email", 1, Kind::Number, mail::is_email),
    builtin("email_part", 2, Kind::Any, mail::email_part),
    builtin("is_ip_addr", 1, Kind::Number, mail::is_ip_addr),
    builtin("is_ipv4_addr", 1, Kind::Number, mail::is_ipv4_addr),
    builtin("is_ipv6_addr", 1, Kind::Number, mail::is_ipv6_addr),
    builtin("is_ip_in_cidr", 2, Kind::Number, mail::is_ip_in_cidr),
    builtin("ip_reverse_name", 1, Kind::Text, mail::ip_reverse_name),
    builtin("hash", 2, Kind::Text, hash::hash),
    builtin("hash_bucket", 2, Kind::Number, hash::hash_bucket),
];
