//! Calls of lookup functions to lookups, answers to values.

use std::fmt;

use super::check::LookupFunction;
use super::functions::ARGUMENTS_MAX;
use super::lookup::{DnsKind, Lookup, LookupValue};
use super::value::Value;

/// The lookup that a call asks for; or its value, if there is nothing to look up.
pub(super) fn lookup<'a>(
    function: LookupFunction,
    arguments: [Value<'a>; ARGUMENTS_MAX],
) -> Result<Lookup, Value<'a>> {
    let [first, second, third] = arguments;
    if function == LookupFunction::DnsQuery {
        return dns(&first, &second);
    }
    let text = |value: &Value<'_>| value.to_text().into_owned();
    let store = match first.to_text().as_ref() {
        "*" => String::new(),
        name => name.to_owned(),
    };
    Ok(match function {
        LookupFunction::DnsQuery | LookupFunction::KeyGet => Lookup::KeyGet { store, key: text(&second) },
        LookupFunction::KeyExists => Lookup::KeyExists { store, key: text(&second) },
        LookupFunction::KeySet => Lookup::KeySet { store, key: text(&second), value: text(&third) },
        LookupFunction::CounterIncr => Lookup::CounterIncr { store, key: text(&second), by: third.integer() },
        LookupFunction::CounterGet => Lookup::CounterGet { store, key: text(&second) },
        LookupFunction::SqlQuery => {
            let arguments = match &third {
                Value::List(list) => list.items().iter().map(text).collect(),
                scalar => vec![text(scalar)],
            };
            Lookup::Sql { store, statement: text(&second), arguments }
        }
    })
}

fn dns<'a>(name: &Value<'_>, kind: &Value<'_>) -> Result<Lookup, Value<'a>> {
    let kind = match kind.to_text().to_ascii_lowercase().as_str() {
        "ip" => DnsKind::Ip,
        "ipv4" => DnsKind::Ipv4,
        "ipv6" => DnsKind::Ipv6,
        "mx" => DnsKind::Mx,
        "txt" => DnsKind::Txt,
        "ptr" => DnsKind::Ptr,
        _ => return Err(Value::text("")),
    };
    let name = name.to_text().trim_end_matches('.').to_ascii_lowercase();
    let is_ip = name.parse::<std::net::IpAddr>().is_ok();
    // An empty name would ask for the root.
    if name.is_empty() || is_ip != (kind == DnsKind::Ptr) {
        return Err(Value::list(Vec::new()));
    }
    Ok(Lookup::Dns { name, kind })
}

/// Whether it goes to a lookup store.
pub(super) fn is_store(lookup: &Lookup) -> bool {
    !matches!(lookup, Lookup::Dns { .. })
}

/// An answer as a value.
pub(super) fn value(answer: &LookupValue) -> Value<'_> {
    match answer {
        LookupValue::Text(text) => Value::text(text),
        LookupValue::Integer(number) => Value::Integer(*number),
        LookupValue::List(texts) => Value::list(texts.iter().map(|text| Value::text(text)).collect()),
    }
}

impl DnsKind {
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
            Lookup::KeyGet { store, key } => write!(f, "key_get('{store}', '{key}')"),
            Lookup::KeyExists { store, key } => write!(f, "key_exists('{store}', '{key}')"),
            Lookup::KeySet { store, key, .. } => write!(f, "key_set('{store}', '{key}', …)"),
            Lookup::CounterIncr { store, key, by } => write!(f, "counter_incr('{store}', '{key}', {by})"),
            Lookup::CounterGet { store, key } => write!(f, "counter_get('{store}', '{key}')"),
            Lookup::Sql { store, statement, .. } => write!(f, "sql_query('{store}', '{statement}', …)"),
        }
    }
}
