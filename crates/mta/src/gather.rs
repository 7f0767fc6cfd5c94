//! Finds out what an expression must be told from outside, then lets it decide.

use policy::Trouble;
use policy::dns::{Answer, DnsError, Family};
use policy::expr::{DnsKind, Lookup, LookupAnswers, LookupValue};
use policy::route::Choice;

use crate::world::World;

/// How often an expression may ask for more: one lookup may depend on another's answer.
const ROUNDS_MAX: usize = 8;
/// Lookups for one decision at most; for a decision about several recipients, for each of them.
const LOOKUPS_MAX: usize = 32;

/// Asks until there is a decision, with all that was found out so far.
pub async fn decide<T>(world: &World, ask: impl Fn(&LookupAnswers) -> Choice<T>) -> Result<T, Trouble> {
    decide_for(world, 1, ask).await
}

/// The same for a decision about so many recipients.
pub(crate) async fn decide_for<T>(
    world: &World,
    recipients: usize,
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
                for lookup in lookups {
                    answer(world, lookup, &mut answers).await;
                }
            }
        }
    }
    Err(Trouble::ours("an expression asks for more lookups than are allowed"))
}

async fn answer(world: &World, lookup: Lookup, answers: &mut LookupAnswers) {
    match &lookup {
        Lookup::Dns { name, kind } => {
            let answer = ask_dns(world, name, *kind).await;
            answers.insert_dns(lookup, answer);
        }
        // There is nothing yet that knows better.
        Lookup::RelayIsUp { .. } => answers.insert(lookup, Ok(LookupValue::Integer(1))),
        Lookup::Header { .. } => answers.insert(lookup, Err("not available in this version".to_owned())),
        Lookup::Store { store, question, .. } => {
            let answer = world.lookups.answer(store, question).await;
            answers.insert(lookup, answer);
        }
    }
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
