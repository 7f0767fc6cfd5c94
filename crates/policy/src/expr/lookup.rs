//! What an expression must be told from outside, and what it was told.

use std::collections::BTreeMap;

use crate::dns::DnsError;

/// A question that an expression asks of the outside.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Lookup {
    /// `dns_query`.
    Dns {
        /// The name; for [`DnsKind::Ptr`] an IP address.
        name: String,
        /// What is asked for.
        kind: DnsKind,
    },
    /// `key_get`.
    KeyGet {
        /// The store's name; empty for the default one.
        store: String,
        /// The key.
        key: String,
    },
    /// `key_exists`.
    KeyExists {
        /// The store's name; empty for the default one.
        store: String,
        /// The key.
        key: String,
    },
    /// `key_set`.
    KeySet {
        /// The store's name; empty for the default one.
        store: String,
        /// The key.
        key: String,
        /// The value.
        value: String,
    },
    /// `counter_incr`.
    CounterIncr {
        /// The store's name; empty for the default one.
        store: String,
        /// The key.
        key: String,
        /// By how much.
        by: i64,
    },
    /// `counter_get`.
    CounterGet {
        /// The store's name; empty for the default one.
        store: String,
        /// The key.
        key: String,
    },
    /// `sql_query`.
    Sql {
        /// The store's name; empty for the default one.
        store: String,
        /// The statement.
        statement: String,
        /// What its parameters are bound to.
        arguments: Vec<String>,
    },
}

/// What is asked of DNS.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum DnsKind {
    /// Addresses of both families, IPv4 first.
    Ip,
    /// IPv4 addresses.
    Ipv4,
    /// IPv6 addresses.
    Ipv6,
    /// Exchange names in the order of their preference.
    Mx,
    /// TXT records.
    Txt,
    /// The names of an IP address.
    Ptr,
}

/// An answer to a lookup.
#[derive(Clone, PartialEq, Debug)]
pub enum LookupValue {
    /// A text.
    Text(String),
    /// A number.
    Integer(i64),
    /// A list of texts.
    List(Vec<String>),
}

/// What was found out so far.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct LookupAnswers {
    answers: BTreeMap<Lookup, Result<LookupValue, String>>,
}

impl LookupAnswers {
    /// Adds an answer, or the reason why there is none.
    pub fn insert(&mut self, lookup: Lookup, answer: Result<LookupValue, String>) {
        self.answers.insert(lookup, answer);
    }

    /// Adds an answer of DNS. That there is no such name or no such record is an answer: the empty list.
    pub fn insert_dns(&mut self, lookup: Lookup, answer: Result<Vec<String>, DnsError>) {
        let is_txt = matches!(lookup, Lookup::Dns { kind: DnsKind::Txt, .. });
        let answer = match answer {
            Ok(records) if is_txt => Ok(LookupValue::Text(records.concat())),
            Ok(records) => Ok(LookupValue::List(records)),
            Err(DnsError::NoSuchName(_) | DnsError::NoData(_)) => Ok(LookupValue::List(Vec::new())),
            Err(why @ (DnsError::Bogus(_) | DnsError::Failed(_))) => Err(why.to_string()),
        };
        self.insert(lookup, answer);
    }

    /// The answer to a lookup, if it was made.
    pub fn answer(&self, lookup: &Lookup) -> Option<Result<&LookupValue, &str>> {
        self.answers.get(lookup).map(|answer| answer.as_ref().map_err(String::as_str))
    }

    /// How many lookups were made.
    pub fn len(&self) -> usize {
        self.answers.len()
    }

    /// Whether none was made.
    pub fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }
}
