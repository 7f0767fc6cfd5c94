//! Which DNS records does a mail domain need, and which of them are there?

use std::sync::Arc;

use mail::dkim::KeyRecord;
use mta::Resolver;
use policy::dns::{Answer, DnsError, Family};
use serde_json::{Value, json};

/// Bytes of one string in a TXT record at most (RFC 1035 section 3.3.14).
const TXT_STRING_BYTES_MAX: usize = 255;

/// A record to publish.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Wanted {
    /// What it is for.
    pub(crate) purpose: &'static str,
    /// Where it stands, without the trailing dot.
    pub(crate) name: String,
    /// What it says.
    pub(crate) data: Data,
    /// Mail suffers without it.
    pub(crate) needed: bool,
}

/// What a record says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Data {
    /// Some address: which one is not known here.
    Address,
    /// `MX preference exchange`.
    Mx(u16, String),
    /// A text that begins with a version; another one of that version may be as good.
    Txt(String),
    /// A DKIM key.
    Key(KeyRecord),
    /// `SRV 0 1 port target`.
    Srv(u16, String),
    /// `CNAME target`.
    Cname(String),
    /// `TLSA 3 1 1 hash` (RFC 7672 section 3.1).
    Tlsa(Vec<u8>),
}

impl Data {
    /// The type.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Data::Address => "A/AAAA",
            Data::Mx(..) => "MX",
            Data::Txt(_) | Data::Key(_) => "TXT",
            Data::Srv(..) => "SRV",
            Data::Cname(_) => "CNAME",
            Data::Tlsa(_) => "TLSA",
        }
    }

    /// The value as in a zone file, names with their trailing dot.
    pub(crate) fn value(&self) -> String {
        match self {
            Data::Address => "the address of this host".to_owned(),
            Data::Mx(preference, exchange) => format!("{preference} {exchange}."),
            Data::Txt(text) => text.clone(),
            Data::Key(key) => key.to_string(),
            Data::Srv(port, target) => format!("0 1 {port} {target}."),
            Data::Cname(target) => format!("{target}."),
            Data::Tlsa(hash) => format!("3 1 1 {}", hex(hash)),
        }
    }
}

impl Wanted {
    /// A line of a zone file; none for what only an operator knows.
    pub(crate) fn zone_line(&self) -> Option<String> {
        let value = match &self.data {
            Data::Address => return None,
            Data::Txt(_) | Data::Key(_) => {
                let text = self.data.value().replace('\\', "\\\\").replace('"', "\\\"");
                let strings = text.as_bytes().chunks(TXT_STRING_BYTES_MAX);
                let strings: Vec<_> =
                    strings.map(|bytes| format!("\"{}\"", String::from_utf8_lossy(bytes))).collect();
                strings.join(" ")
            }
            data => data.value(),
        };
        Some(format!("{}. 3600 IN {} {value}", self.name, self.data.kind()))
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        json!({
            "purpose": self.purpose,
            "name": self.name,
            "type": self.data.kind(),
            "value": self.data.value(),
            "needed": self.needed,
            "zoneLine": self.zone_line(),
        })
    }
}

/// What DNS says about a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// It is there, or one that is as good.
    There,
    /// There is another; what it says.
    Differs(String),
    /// There is none.
    Missing,
    /// DNS did not answer.
    Unknown(String),
}

impl State {
    /// In one word.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            State::There => "there",
            State::Differs(_) => "differs",
            State::Missing => "missing",
            State::Unknown(_) => "unknown",
        }
    }

    /// What there is instead, or why it cannot be said.
    pub(crate) fn detail(&self) -> &str {
        match self {
            State::There | State::Missing => "",
            State::Differs(text) | State::Unknown(text) => text,
        }
    }
}

/// Compares each with DNS, all at once.
pub(crate) async fn compare_all(resolver: &Arc<dyn Resolver>, wanted: &[Wanted]) -> Vec<State> {
    let mut asking = tokio::task::JoinSet::new();
    for (nth, one) in wanted.iter().cloned().enumerate() {
        let resolver = Arc::clone(resolver);
        asking.spawn(async move { (nth, compare(resolver.as_ref(), &one).await) });
    }
    let mut states = vec![State::Unknown("it was not asked for".to_owned()); wanted.len()];
    while let Some(done) = asking.join_next().await {
        if let Ok((nth, state)) = done
            && let Some(place) = states.get_mut(nth)
        {
            *place = state;
        }
    }
    states
}

async fn compare(resolver: &dyn Resolver, wanted: &Wanted) -> State {
    let name = wanted.name.as_str();
    match &wanted.data {
        Data::Address => address(resolver, name).await,
        Data::Mx(_, exchange) => match mail::Domain::parse(name) {
            Ok(domain) => mx(resolver.mx(&domain).await, exchange),
            Err(error) => State::Unknown(error.to_string()),
        },
        Data::Txt(text) => txt(resolver.txt(name).await, text),
        Data::Key(key) => dkim(resolver.txt(name).await, key),
        Data::Srv(port, target) => {
            let shown = |port: u16, target: &str| format!("{port} {}", lower(target));
            let all = resolver.srv(name).await;
            any(all.map(|all| all.map(|srv| shown(srv.port, &srv.target))), &shown(*port, target))
        }
        Data::Cname(target) => cname(resolver, name, target).await,
        Data::Tlsa(hash) => {
            let shown = |usage: u8, selector: u8, matching: u8, data: &[u8]| {
                format!("{usage} {selector} {matching} {}", hex(data))
            };
            let all = resolver.tlsa(name).await;
            let all = all.map(|all| all.map(|one| shown(one.usage, one.selector, one.matching, &one.data)));
            any(all, &shown(3, 1, 1, hash))
        }
    }
}

fn absent(error: DnsError) -> State {
    if error.is_absence() { State::Missing } else { State::Unknown(error.to_string()) }
}

fn lower(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn any(all: Result<Answer<String>, DnsError>, wanted: &str) -> State {
    match all {
        Err(error) => absent(error),
        Ok(all) if all.records.iter().any(|one| one == wanted) => State::There,
        Ok(all) => State::Differs(all.records.join(", ")),
    }
}

async fn address(resolver: &dyn Resolver, name: &str) -> State {
    let mut worst = State::Missing;
    for family in [Family::V4, Family::V6] {
        match resolver.addresses(name, family).await {
            Ok(_) => return State::There,
            Err(error) if error.is_absence() => {}
            Err(error) => worst = State::Unknown(error.to_string()),
        }
    }
    worst
}

/// Mail must come here; other hosts may be there besides.
fn mx(all: Result<Answer<policy::dns::MxRecord>, DnsError>, exchange: &str) -> State {
    match all {
        Err(error) => absent(error),
        Ok(all) if all.records.iter().any(|one| lower(&one.exchange) == lower(exchange)) => State::There,
        Ok(all) => {
            let shown = all.records.iter().map(|one| format!("{} {}", one.preference, one.exchange));
            State::Differs(shown.collect::<Vec<_>>().join(", "))
        }
    }
}

/// Of the texts of one version there may be one only.
fn txt(all: Result<Answer<String>, DnsError>, wanted: &str) -> State {
    let version = |text: &str| text.split([' ', ';']).next().unwrap_or_default().to_ascii_lowercase();
    let all = match all {
        Err(error) => return absent(error),
        Ok(all) => all.records,
    };
    let of_version: Vec<&String> = all.iter().filter(|text| version(text) == version(wanted)).collect();
    match of_version.as_slice() {
        [] => State::Missing,
        [one] if as_good(one, wanted) => State::There,
        several => State::Differs(several.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(" | ")),
    }
}

/// Whether an operator's own words do what ours do. SPF must let the hosts send that take mail; all others are a
/// matter of taste.
fn as_good(found: &str, wanted: &str) -> bool {
    if !wanted.starts_with("v=spf1") {
        return true;
    }
    let terms: Vec<String> = found.split_whitespace().map(str::to_ascii_lowercase).collect();
    let lets = ["mx", "+mx", "a", "+a"];
    let named = ["ip4:", "ip6:", "include:", "a:", "mx:", "redirect="];
    terms
        .iter()
        .any(|term| lets.contains(&term.as_str()) || named.iter().any(|start| term.starts_with(start)))
}

fn dkim(all: Result<Answer<String>, DnsError>, key: &KeyRecord) -> State {
    let all = match all {
        Err(error) => return absent(error),
        Ok(all) => all.records,
    };
    let found: Vec<KeyRecord> = all.iter().filter_map(|text| KeyRecord::parse(text)).collect();
    match found.as_slice() {
        [one] if one.kind == key.kind && one.public_key == key.public_key => State::There,
        [] => State::Differs("no DKIM key".to_owned()),
        [_] => State::Differs("another key".to_owned()),
        several => State::Differs(format!("{} keys", several.len())),
    }
}

/// An address of its own is as good as an alias.
async fn cname(resolver: &dyn Resolver, name: &str, target: &str) -> State {
    let mut state = State::Missing;
    for family in [Family::V4, Family::V6] {
        match resolver.addresses(name, family).await {
            Ok(answer) => match answer.canonical {
                Some(canonical) if lower(&canonical) != lower(target) => state = State::Differs(canonical),
                Some(_) | None => return State::There,
            },
            Err(error) if error.is_absence() => {}
            Err(error) => state = State::Unknown(error.to_string()),
        }
    }
    state
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use policy::dns::Security;

    use super::*;

    #[test]
    fn an_operators_own_words_may_be_as_good() {
        let texts = |all: &[&str]| Ok(Answer::unchecked(all.iter().map(|one| (*one).to_owned()).collect()));
        let check = |all: &[&str], wanted: &str, expected: &str| {
            assert_eq!(txt(texts(all), wanted).name(), expected, "{all:?}");
        };
        check(&["v=spf1 mx -all"], "v=spf1 mx -all", "there");
        check(&["other", "v=spf1 ip4:192.0.2.1 ~all"], "v=spf1 mx -all", "there");
        check(&["v=spf1 -all"], "v=spf1 mx -all", "differs");
        check(&["v=spf1 mx -all", "v=spf1 a -all"], "v=spf1 mx -all", "differs");
        check(&["google-site-verification=x"], "v=spf1 mx -all", "missing");
        check(&["v=DMARC1; p=reject"], "v=DMARC1; p=quarantine", "there");
        let failed = txt(Err(DnsError::Failed("SERVFAIL".to_owned())), "v=spf1 mx -all");
        assert_eq!(failed, State::Unknown("SERVFAIL".to_owned()));
        assert_eq!(txt(Err(DnsError::NoSuchName(Security::Unchecked)), "v=spf1"), State::Missing);
    }

    #[test]
    fn a_long_text_is_cut_into_strings() {
        let data = Data::Txt(format!("v=X \"{}", "y".repeat(300)));
        let wanted = Wanted { purpose: "x", name: "a.example".to_owned(), data, needed: false };
        let line = wanted.zone_line().unwrap();
        assert!(
            line.starts_with("a.example. 3600 IN TXT \"v=X \\\"yyy") && line.contains("y\" \"y"),
            "{line}"
        );
    }
}
