//! Finds out what an expression must be told from outside, then lets it decide.

use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use mail::MessageId;
use mail::field_text::field_text;
use policy::Trouble;
use policy::dns::{Answer, DnsError, Family};
use policy::expr::{DnsKind, Lookup, LookupAnswers, LookupValue, dns_value};
use policy::limits::LOOKUPS_PER_DECISION_MAX;
use policy::route::Choice;
use store::Content;

use crate::world::World;

/// How often an expression may ask for more: one lookup may depend on another's answer.
const ROUNDS_MAX: usize = LOOKUPS_PER_DECISION_MAX + 1;
/// Lookups for one decision at most; for a decision about several recipients, for each of them.
const LOOKUPS_MAX: usize = 32;
/// Lookups that are made at once.
const ASKED_AT_ONCE: usize = 16;
/// Bytes of content in which fields are looked for.
const HEADER_BYTES_MAX: u64 = 64 * 1024;

/// Asks until there is a decision, with all that was found out so far.
pub async fn decide<T>(world: &World, ask: impl Fn(&LookupAnswers) -> Choice<T>) -> Result<T, Trouble> {
    decide_for(world, 1, None, ask).await
}

/// The same for a decision about so many recipients of a message that is not in the queue yet; with its content, if
/// there is any.
pub async fn decide_for<T>(
    world: &World,
    recipients: usize,
    content: Option<&Content>,
    ask: impl Fn(&LookupAnswers) -> Choice<T>,
) -> Result<T, Trouble> {
    let lookups_max = LOOKUPS_MAX.saturating_mul(recipients);
    let mut answers = LookupAnswers::default();
    for _ in 0..ROUNDS_MAX {
        match ask(&answers) {
            Choice::Decided(decided) => return Ok(decided),
            Choice::Undecidable(trouble) => return Err(trouble),
            Choice::Needs(lookups) => {
                if answers.len().saturating_add(lookups.len()) > lookups_max {
                    break;
                }
                let asked = lookups.into_iter().map(|lookup| answer(world, content, lookup));
                let mut answered = stream::iter(asked).buffered(ASKED_AT_ONCE);
                while let Some((lookup, answer)) = answered.next().await {
                    answers.insert(lookup, answer);
                }
            }
        }
    }
    Err(Trouble::ours("an expression asks for more lookups than are allowed"))
}

type Answered = (Lookup, Result<LookupValue, String>);

async fn answer(world: &World, content: Option<&Content>, lookup: Lookup) -> Answered {
    let answer = match &lookup {
        Lookup::Dns { name, kind } => dns_value(*kind, ask_dns(world, name, *kind).await),
        Lookup::RelayIsUp { route, asking } => {
            Ok(LookupValue::Integer(world.health.relay_is_up(route, *asking, world.clock.now()).into()))
        }
        Lookup::Header { message, name } => header(world, content, *message, name).await,
        Lookup::Store { store, question, .. } => world.lookups.answer(store, question).await,
    };
    (lookup, answer)
}

/// The values of all fields with a name. What is not in the queue and has no content yet has no fields.
async fn header(
    world: &World,
    content: Option<&Content>,
    message: MessageId,
    name: &str,
) -> Result<LookupValue, String> {
    let stored;
    let content = match content {
        Some(content) => content,
        None if message == MessageId(0) => return Ok(LookupValue::List(Vec::new())),
        None => {
            let found = world.store.content(message).await.map_err(|error| error.to_string())?;
            stored = found.ok_or_else(|| "the content is not there".to_owned())?;
            &stored
        }
    };
    let start = beginning(content).await.map_err(|error| format!("cannot read the content: {error}"))?;
    Ok(LookupValue::texts(mail::header::fields(&start, name).map(field_text)))
}

async fn beginning(content: &Content) -> std::io::Result<Bytes> {
    let file = match content {
        Content::Memory(bytes) => {
            let length = usize::try_from(HEADER_BYTES_MAX).unwrap_or(usize::MAX);
            return Ok(bytes.slice(..length.min(bytes.len())));
        }
        Content::File(file) => Arc::clone(file),
    };
    let read = move || {
        let mut start = Vec::new();
        file.open()?.take(HEADER_BYTES_MAX.min(file.len)).read_to_end(&mut start)?;
        Ok(Bytes::from(start))
    };
    tokio::task::spawn_blocking(read).await.map_err(std::io::Error::other)?
}

async fn ask_dns(world: &World, name: &str, kind: DnsKind) -> Result<Vec<String>, DnsError> {
    let resolver = &world.resolver;
    let texts = |answer: Answer<std::net::IpAddr>| answer.records.iter().map(ToString::to_string).collect();
    match kind {
        DnsKind::Ipv4 => resolver.addresses(name, Family::V4).await.map(texts),
        DnsKind::Ipv6 => resolver.addresses(name, Family::V6).await.map(texts),
        DnsKind::Ip => both(
            resolver.addresses(name, Family::V4).await.map(texts),
            resolver.addresses(name, Family::V6).await.map(texts),
        ),
        DnsKind::Mx => {
            let domain = mail::Domain::parse(name).map_err(|error| DnsError::Failed(error.to_string()))?;
            let mut records = resolver.mx(&domain).await?.records;
            records.sort_by(|a, b| (a.preference, &a.exchange).cmp(&(b.preference, &b.exchange)));
            Ok(records.into_iter().map(|record| record.exchange).collect())
        }
        DnsKind::Txt => resolver.txt(name).await.map(|answer| answer.records),
        DnsKind::Ptr => {
            let ip = name.parse().map_err(|_| DnsError::Failed(format!("'{name}' is not an IP address")))?;
            resolver.ptr(ip).await.map(|answer| answer.records)
        }
    }
}

/// What both families have; that nothing is known of one counts only if the other has nothing.
fn both(
    v4: Result<Vec<String>, DnsError>,
    v6: Result<Vec<String>, DnsError>,
) -> Result<Vec<String>, DnsError> {
    match (v4, v6) {
        (Ok(mut v4), Ok(v6)) => {
            v4.extend(v6);
            Ok(v4)
        }
        (Ok(found), Err(_)) | (Err(_), Ok(found)) => Ok(found),
        (Err(why), Err(absence)) if absence.is_absence() => Err(why),
        (Err(_), Err(other)) => Err(other),
    }
}
