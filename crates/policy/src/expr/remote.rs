//! The functions that are answered from outside: calls to lookups, answers to values.

use std::fmt;

use mail::MessageId;

use super::check::{Dictionary, StoreKind};
use super::error::{ExprError, Span};
use super::functions::ARGUMENTS_MAX;
use super::lookup::{Argument, Asking, DnsKind, Lookup, LookupValue, Question};
use super::signature::Signature;
use super::suggest::did_you_mean;
use super::tree::{Expr, Node};
use super::value::{Kind, Value};

/// A function that is answered from outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LookupFunction {
    DnsQuery,
    KeyGet,
    KeyExists,
    KeySet,
    CounterIncr,
    CounterGet,
    SqlQuery,
    Header,
    Headers,
    RelayIsUp,
}

/// Name, what the arguments are called, which function, what it yields.
const LOOKUPS: &[(&str, &[&str], LookupFunction, &str)] = &[
    (
        "dns_query",
        &["name", "type"],
        LookupFunction::DnsQuery,
        "What DNS says: ip, ipv4, ipv6, mx, txt or ptr records of a name.",
    ),
    (
        "key_get",
        &["store", "key"],
        LookupFunction::KeyGet,
        "The value of a key in a lookup store; empty if it is not there.",
    ),
    ("key_exists", &["store", "key"], LookupFunction::KeyExists, "Whether a lookup store has the key."),
    ("key_set", &["store", "key", "value"], LookupFunction::KeySet, "Writes a key into a lookup store."),
    (
        "counter_incr",
        &["store", "key", "n"],
        LookupFunction::CounterIncr,
        "Adds to a counter in a lookup store, and yields it.",
    ),
    ("counter_get", &["store", "key"], LookupFunction::CounterGet, "A counter in a lookup store."),
    (
        "sql_query",
        &["store", "statement", "values"],
        LookupFunction::SqlQuery,
        "What an SQL statement yields; ? stands for the parameters.",
    ),
    (
        "header",
        &["name"],
        LookupFunction::Header,
        "The first field of this name in the header of the message.",
    ),
    ("headers", &["name"], LookupFunction::Headers, "All fields of this name in the header of the message."),
    (
        "relay_is_up",
        &["route"],
        LookupFunction::RelayIsUp,
        "Whether a host of the Relay route answered lately.",
    ),
];

/// Who asks, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    /// The message whose header may be looked into.
    pub(super) message: Option<MessageId>,
    /// Between which writes.
    pub(super) turn: Turn,
    /// What a relay is asked about for.
    pub(super) asking: Asking,
}

/// A place between the writes of an evaluation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    pub(super) evaluation: u32,
    pub(super) writes: u32,
}

/// The function of this name, and how many arguments it takes.
pub(super) fn named(name: &str) -> Option<(LookupFunction, usize)> {
    let found = LOOKUPS.iter().find(|(lookup, ..)| *lookup == name);
    found.map(|(_, parameters, function, _)| (*function, parameters.len()))
}

/// All of them, for people.
pub(super) fn signatures() -> impl Iterator<Item = Signature> {
    LOOKUPS.iter().map(|(name, parameters, function, help)| Signature {
        name,
        parameters,
        kind: function.kind(),
        help,
    })
}

/// All names.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    LOOKUPS.iter().map(|(name, ..)| *name)
}

impl LookupFunction {
    /// Which values are possible.
    pub(super) fn kind(self) -> Kind {
        match self {
            LookupFunction::Header => Kind::Text,
            LookupFunction::Headers => Kind::List,
            LookupFunction::KeySet
            | LookupFunction::CounterIncr
            | LookupFunction::CounterGet
            | LookupFunction::RelayIsUp => Kind::Number,
            LookupFunction::DnsQuery
            | LookupFunction::KeyGet
            | LookupFunction::KeyExists
            | LookupFunction::SqlQuery => Kind::Any,
        }
    }
}

/// Whether the arguments that are written down can be right.
pub(super) fn check(
    function: LookupFunction,
    arguments: &[Expr],
    span: Span,
    dictionary: &Dictionary<'_>,
) -> Result<(), ExprError> {
    match function {
        LookupFunction::DnsQuery => check_dns(&arguments[1]),
        LookupFunction::KeyGet
        | LookupFunction::KeyExists
        | LookupFunction::KeySet
        | LookupFunction::CounterIncr
        | LookupFunction::CounterGet => check_store(&arguments[0], dictionary),
        LookupFunction::SqlQuery => {
            check_store(&arguments[0], dictionary)?;
            check_sql(&arguments[0], &arguments[1], dictionary)
        }
        LookupFunction::Header | LookupFunction::Headers => check_header(&arguments[0], span, dictionary),
        LookupFunction::RelayIsUp => check_relay(&arguments[0], dictionary),
    }
}

fn check_dns(kind: &Expr) -> Result<(), ExprError> {
    let Node::Text(text) = &kind.node else { return Ok(()) };
    if DnsKind::named(text).is_some() {
        return Ok(());
    }
    let all = DnsKind::ALL.map(DnsKind::name).join(", ");
    Err(ExprError::new(kind.span, format!("dns_query cannot ask for '{text}'"))
        .hint(format!("it can ask for {all}")))
}

fn is_default(store: &str) -> bool {
    matches!(store, "" | "*")
}

fn check_store(store: &Expr, dictionary: &Dictionary<'_>) -> Result<(), ExprError> {
    match &store.node {
        Node::Text(name) if !is_default(name) && !dictionary.stores.contains_key(name) => {
            let hint = did_you_mean(name, dictionary.stores.keys().map(String::as_str))
                .unwrap_or_else(|| "the default store is ''; others are StoreLookup objects".to_owned());
            Err(ExprError::new(store.span, format!("there is no lookup store '{name}'")).hint(hint))
        }
        _ => Ok(()),
    }
}

fn check_sql(store: &Expr, statement: &Expr, dictionary: &Dictionary<'_>) -> Result<(), ExprError> {
    if let Node::Text(name) = &store.node
        && dictionary.stores.get(name) != Some(&StoreKind::Sql)
    {
        let message = match is_default(name) {
            true => "the default store knows no SQL".to_owned(),
            false => format!("the lookup store '{name}' is in memory and knows no SQL"),
        };
        return Err(ExprError::new(store.span, message).hint("Sqlite and PostgreSql stores know SQL"));
    }
    match &statement.node {
        Node::Text(text) if text.trim().is_empty() => {
            Err(ExprError::new(statement.span, "the SQL statement is empty"))
        }
        // Whatever a client sends would become a part of the statement.
        Node::Text(_) => Ok(()),
        _ => Err(ExprError::new(statement.span, "the SQL statement must be a text in quotes")
            .hint("values are bound to its parameters: sql_query('db', 'select … where a = ?', [rcpt])")),
    }
}

fn check_header(name: &Expr, span: Span, dictionary: &Dictionary<'_>) -> Result<(), ExprError> {
    if !dictionary.context.has_content() {
        let message = format!("the content is not known in {}", dictionary.context.name());
        return Err(
            ExprError::new(span, message).hint("header and headers are known once there is a message")
        );
    }
    match &name.node {
        Node::Text(text) if !is_field_name(text) => {
            Err(ExprError::new(name.span, format!("'{text}' is no name of a header field")))
        }
        _ => Ok(()),
    }
}

/// RFC 5322 section 3.6.8.
fn is_field_name(text: &str) -> bool {
    const BYTES_MAX: usize = 100;
    let fits = |b: u8| (33..=126).contains(&b) && b != b':';
    !text.is_empty() && text.len() <= BYTES_MAX && text.bytes().all(fits)
}

fn check_relay(route: &Expr, dictionary: &Dictionary<'_>) -> Result<(), ExprError> {
    match &route.node {
        Node::Text(name) if !dictionary.relays.contains(name) => {
            let error = ExprError::new(route.span, format!("there is no Relay route '{name}'"));
            let all = || {
                let all = dictionary.relays.iter().map(|name| format!("'{name}'")).take(10);
                format!("there are {}", all.collect::<Vec<_>>().join(", "))
            };
            let near = did_you_mean(name, dictionary.relays.iter().map(String::as_str));
            Err(error.hint_if(near.or_else(|| (!dictionary.relays.is_empty()).then(all))))
        }
        _ => Ok(()),
    }
}

/// The lookup that a call asks for; or its value, if there is nothing to look up.
pub(super) fn lookup<'a>(
    function: LookupFunction,
    arguments: [Value<'a>; ARGUMENTS_MAX],
    asker: Asker,
) -> Result<Lookup, Value<'a>> {
    let [first, second, third] = arguments;
    let text = |value: &Value<'_>| value.to_text().into_owned();
    let question = match function {
        LookupFunction::DnsQuery => return dns(&first, &second),
        LookupFunction::Header | LookupFunction::Headers => return header(function, &first, asker),
        LookupFunction::RelayIsUp => {
            return Ok(Lookup::RelayIsUp { route: text(&first), asking: asker.asking });
        }
        LookupFunction::KeyGet => Question::Get { key: text(&second) },
        LookupFunction::KeyExists => Question::Exists { key: text(&second) },
        LookupFunction::KeySet => Question::Set { key: text(&second), value: text(&third) },
        LookupFunction::CounterIncr => Question::Increment { key: text(&second), by: third.integer() },
        LookupFunction::CounterGet => Question::Count { key: text(&second) },
        LookupFunction::SqlQuery => {
            let arguments = match &third {
                Value::List(list) => list.items().iter().map(argument).collect(),
                scalar => vec![argument(scalar)],
            };
            Question::Sql { statement: text(&second), arguments }
        }
    };
    let store = first.to_text();
    let store = if is_default(&store) { String::new() } else { store.into_owned() };
    let Turn { evaluation, writes } = asker.turn;
    let turn = match writes == 0 && !question.writes() {
        true => 0,
        false => (u64::from(evaluation) + 1) << 32 | u64::from(writes),
    };
    Ok(Lookup::Store { store, question, turn })
}

fn argument(value: &Value<'_>) -> Argument {
    match value {
        Value::Integer(number) => Argument::Integer(*number),
        Value::Text(_) | Value::Float(_) | Value::List(_) | Value::Constant(_) => {
            Argument::Text(value.to_text().into_owned())
        }
    }
}

fn header<'a>(function: LookupFunction, name: &Value<'_>, asker: Asker) -> Result<Lookup, Value<'a>> {
    let name = name.to_text().to_ascii_lowercase();
    match asker.message {
        Some(message) if is_field_name(&name) => Ok(Lookup::Header { message, name }),
        Some(_) | None if function == LookupFunction::Headers => Err(Value::list(Vec::new())),
        Some(_) | None => Err(Value::text("")),
    }
}

fn dns<'a>(name: &Value<'_>, kind: &Value<'_>) -> Result<Lookup, Value<'a>> {
    let Some(kind) = DnsKind::named(&kind.to_text()) else { return Err(Value::text("")) };
    let name = name.to_text().trim_end_matches('.').to_ascii_lowercase();
    let is_ip = name.parse::<std::net::IpAddr>().is_ok();
    // An empty name would ask for the root.
    if name.is_empty() || is_ip != (kind == DnsKind::Ptr) {
        return Err(Value::list(Vec::new()));
    }
    Ok(Lookup::Dns { name, kind })
}

/// An answer as the value of a call.
pub(super) fn value<'a>(function: LookupFunction, answer: &'a LookupValue) -> Value<'a> {
    match (function, answer) {
        (LookupFunction::Header, LookupValue::List(all)) => all.first().map_or(Value::text(""), plain),
        _ => plain(answer),
    }
}

fn plain(answer: &LookupValue) -> Value<'_> {
    match answer {
        LookupValue::Text(text) => Value::text(text),
        LookupValue::Integer(number) => Value::Integer(*number),
        LookupValue::Float(number) => Value::Float(*number),
        LookupValue::List(items) => Value::list(items.iter().map(plain).collect()),
    }
}

impl DnsKind {
    pub(super) const ALL: [DnsKind; 6] =
        [DnsKind::Ip, DnsKind::Ipv4, DnsKind::Ipv6, DnsKind::Mx, DnsKind::Txt, DnsKind::Ptr];

    fn named(name: &str) -> Option<Self> {
        DnsKind::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }

    /// As expressions write it.
    pub fn name(self) -> &'static str {
        match self {
            DnsKind::Ip => "ip",
            DnsKind::Ipv4 => "ipv4",
            DnsKind::Ipv6 => "ipv6",
            DnsKind::Mx => "mx",
            DnsKind::Txt => "txt",
            DnsKind::Ptr => "ptr",
        }
    }
}

impl fmt::Display for Lookup {
    /// As a call: `dns_query('example.org', 'mx')`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lookup::Dns { name, kind } => write!(f, "dns_query('{name}', '{}')", kind.name()),
            Lookup::Header { name, .. } => write!(f, "header('{name}')"),
            Lookup::RelayIsUp { route, .. } => write!(f, "relay_is_up('{route}')"),
            Lookup::Store { store, question, .. } => match question {
                Question::Get { key } => write!(f, "key_get('{store}', '{key}')"),
                Question::Exists { key } => write!(f, "key_exists('{store}', '{key}')"),
                Question::Set { key, .. } => write!(f, "key_set('{store}', '{key}', …)"),
                Question::Increment { key, by } => write!(f, "counter_incr('{store}', '{key}', {by})"),
                Question::Count { key } => write!(f, "counter_get('{store}', '{key}')"),
                Question::Sql { statement, .. } => write!(f, "sql_query('{store}', '{statement}', …)"),
            },
        }
    }
}
