//! What an expression must be told from outside, and what it was told.

use std::collections::BTreeMap;

use mail::MessageId;

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
    /// `header` and `headers`: the values of all fields with a name.
    Header {
        /// The message.
        message: MessageId,
        /// The name, in lower case.
        name: String,
    },
    /// `relay_is_up`.
    RelayIsUp {
        /// The name of a Relay route.
        route: String,
        /// What for.
        asking: Asking,
    },
    /// A question to a lookup store.
    Store {
        /// The store's name; empty for the default one.
        store: String,
        /// The question.
        question: Question,
        /// 0 for what is read before anything is written, so that equal questions are asked once. Else which evaluation
        /// asks, and after how many writes: each write is done, once, and what is read after it sees it.
        turn: u64,
    },
}

/// What somebody does who hears that a relay is up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Asking {
    /// Sends mail there, also when a trial is due.
    ToTry,
    /// Something else, or it was a trial before.
    ToKnow,
}

/// What a lookup store is asked.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Question {
    /// `key_get`.
    Get {
        /// The key.
        key: String,
    },
    /// `key_exists`.
    Exists {
        /// The key.
        key: String,
    },
    /// `key_set`.
    Set {
        /// The key.
        key: String,
        /// The value.
        value: String,
    },
    /// `counter_incr`.
    Increment {
        /// The key.
        key: String,
        /// By how much.
        by: i64,
    },
    /// `counter_get`.
    Count {
        /// The key.
        key: String,
    },
    /// `sql_query`.
    Sql {
        /// The statement.
        statement: String,
        /// What its parameters are bound to.
        arguments: Vec<Argument>,
    },
}

/// What a parameter of an SQL statement is bound to: data, never a part of the statement.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Argument {
    /// A text, or a number with a point in its textual form.
    Text(String),
    /// A whole number.
    Integer(i64),
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
    /// A whole number.
    Integer(i64),
    /// A number with a point.
    Float(f64),
    /// A list.
    List(Vec<LookupValue>),
}

/// What was found out so far.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct LookupAnswers {
    answers: BTreeMap<Lookup, Result<LookupValue, String>>,
}

impl Question {
    /// Whether it may change what the store holds.
    pub fn writes(&self) -> bool {
        match self {
            Question::Set { .. } | Question::Increment { .. } => true,
            Question::Get { .. } | Question::Exists { .. } | Question::Count { .. } => false,
            Question::Sql { statement, .. } => !is_select(statement),
        }
    }
}

/// Whether a statement only reads, by its first word.
fn is_select(statement: &str) -> bool {
    let text = statement.trim_start_matches(|c: char| c.is_whitespace() || c == '(');
    // A comment is no first word.
    let first = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next();
    first.is_some_and(|word| word.eq_ignore_ascii_case("select"))
}

impl LookupValue {
    /// A list of texts.
    pub fn texts(texts: impl IntoIterator<Item = String>) -> Self {
        LookupValue::List(texts.into_iter().map(LookupValue::Text).collect())
    }
}

/// What DNS says. That there is no such name or no such record is an answer: the empty list.
pub fn dns_value(kind: DnsKind, answer: Result<Vec<String>, DnsError>) -> Result<LookupValue, String> {
    match answer {
        Ok(records) if kind == DnsKind::Txt => Ok(LookupValue::Text(records.concat())),
        Ok(records) => Ok(LookupValue::texts(records)),
        Err(DnsError::NoSuchName(_) | DnsError::NoData(_)) => Ok(LookupValue::List(Vec::new())),
        Err(why @ (DnsError::Bogus(_) | DnsError::Failed(_))) => Err(why.to_string()),
    }
}

impl LookupAnswers {
    /// Adds an answer, or the reason why there is none.
    pub fn insert(&mut self, lookup: Lookup, answer: Result<LookupValue, String>) {
        self.answers.insert(lookup, answer);
    }

    /// Adds an answer of DNS.
    pub fn insert_dns(&mut self, lookup: Lookup, answer: Result<Vec<String>, DnsError>) {
        let kind = match &lookup {
            Lookup::Dns { kind, .. } => *kind,
            Lookup::Header { .. } | Lookup::RelayIsUp { .. } | Lookup::Store { .. } => DnsKind::Ip,
        };
        self.insert(lookup, dns_value(kind, answer));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_reads_if_it_begins_with_select() {
        let writes = |statement: &str| {
            Question::Sql { statement: statement.to_owned(), arguments: Vec::new() }.writes()
        };
        for statement in ["SELECT 1", " select a from b", "\n(Select 1)", "sElEcT(1)"] {
            assert!(!writes(statement), "{statement}");
        }
        for statement in ["INSERT INTO a VALUES (1)", "selection", "", "WITH a AS (SELECT 1) DELETE FROM b"] {
            assert!(writes(statement), "{statement}");
        }
        for statement in
            ["/*select*/ DELETE FROM a", "-- select\nUPDATE a SET b = 1", "select_all(1)", "; select 1"]
        {
            assert!(writes(statement), "{statement}");
        }
    }
}
