//! What DNS says, for `mail-auth`: all of it comes through [`World`]'s resolver.
//!
//! `mail-auth` has a resolver of its own and a cache before it. Here the cache always answers. What it does not know
//! yet it notes down and answers with trouble; what was noted is looked up and the check is made again, until nothing
//! new is asked. So a check runs to its end without waiting, and its own resolver, which knows no server, is never
//! asked.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use futures_util::future::join_all;
use mail::Domain;
use mail_auth::common::parse::TxtRecordParser;
use mail_auth::common::verify::DomainKey;
use mail_auth::dmarc::Dmarc;
use mail_auth::hickory_resolver::proto::op::ResponseCode;
use mail_auth::spf::{Mechanism, Spf};
use mail_auth::{DnsError as Unknown, DnssecStatus, Error, MX, Parameters, RecordSet, ResolverCache, Txt};
use policy::dns::{DnsError, Family};

use crate::world::World;

/// Lookups at most: for SPF, and for all else.
const LOOKUPS_MAX: usize = 80;

/// A lookup.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Wanted {
    Txt(String),
    Mx(String),
    V4(String),
    V6(String),
    Ptr,
}

/// What was found out about one message's names so far.
pub(super) struct Answers {
    client: IpAddr,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    wanted: BTreeSet<Wanted>,
    asked: usize,
    /// Something was wanted that may not be asked any more.
    used_up: bool,
    txt: BTreeMap<String, Txt>,
    mx: BTreeMap<String, Option<RecordSet<MX>>>,
    v4: BTreeMap<String, Option<RecordSet<Ipv4Addr>>>,
    v6: BTreeMap<String, Option<RecordSet<Ipv6Addr>>>,
    ptr: Option<RecordSet<Box<str>>>,
    /// A name was asked for about which DNS has said nothing.
    failed: bool,
    /// Some record asks whether a name exists at all.
    has_exists: bool,
}

impl Answers {
    pub(super) fn about(client: IpAddr) -> Self {
        Answers { client, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The parameters of a check that asks here.
    pub(super) fn parameters<'a, P>(
        &'a self,
        of: P,
    ) -> Parameters<'a, P, Answers, Answers, Answers, Answers, Answers> {
        Parameters::new(of)
            .with_txt_cache(self)
            .with_mx_cache(self)
            .with_ptr_cache(self)
            .with_ipv4_cache(self)
            .with_ipv6_cache(self)
    }

    /// Says beforehand that these TXT records will be asked for.
    pub(super) fn want_txt(&self, names: impl IntoIterator<Item = String>) {
        let mut state = self.state();
        let new: Vec<_> = names.into_iter().filter(|name| !state.txt.contains_key(name)).collect();
        state.wanted.extend(new.into_iter().map(Wanted::Txt));
    }

    /// Whether an address or MX lookup failed that the last check made use of; asks only once.
    pub(super) fn take_failed(&self) -> bool {
        std::mem::take(&mut self.state().failed)
    }

    /// Whether something was wanted beyond the limit.
    pub(super) fn is_used_up(&self) -> bool {
        self.state().used_up
    }

    /// Another check begins: it may ask as much as the one before, and keeps what is known.
    pub(super) fn begin_anew(&self) {
        let mut state = self.state();
        state.wanted.clear();
        (state.asked, state.used_up, state.failed) = (0, false, false);
    }

    /// Looks up what is wanted, all at once. Says whether there was anything.
    pub(super) async fn look_up(&self, world: &World) -> bool {
        let (wanted, has_exists) = {
            let mut state = self.state();
            let left = LOOKUPS_MAX.saturating_sub(state.asked);
            let is_more = state.wanted.len() > left;
            let wanted: Vec<_> = std::mem::take(&mut state.wanted).into_iter().take(left).collect();
            state.asked += wanted.len();
            state.used_up = is_more;
            (wanted, state.has_exists)
        };
        let found =
            join_all(wanted.into_iter().map(|wanted| self.look_up_one(world, wanted, has_exists))).await;
        !found.is_empty()
    }

    async fn look_up_one(&self, world: &World, wanted: Wanted, has_exists: bool) {
        let resolver = &world.resolver;
        match wanted {
            Wanted::Txt(name) => {
                let found = resolver.txt(plain(&name)).await.map(|answer| answer.records);
                let txt = parse_txt(&name, found);
                let mut state = self.state();
                state.has_exists |= matches!(&txt, Txt::Spf(spf) if asks_for_existence(spf));
                state.txt.insert(name, without_existence(txt));
            }
            Wanted::Mx(name) => {
                let found = match Domain::parse(plain(&name)) {
                    Ok(domain) => known(resolver.mx(&domain).await.map(|answer| answer.records)),
                    Err(_) => Some(Vec::new()),
                };
                let found = found.map(|mut records| {
                    records.sort_by_key(|record| record.preference);
                    let host = |exchange: String| exchange.into_boxed_str();
                    set(records.into_iter().map(|record| MX {
                        preference: record.preference,
                        exchanges: [host(record.exchange)].into(),
                    }))
                });
                self.state().mx.insert(name, found);
            }
            Wanted::V4(name) => {
                let found = addresses(world, &name, Family::V4).await;
                let v4 = |ip| if let IpAddr::V4(ip) = ip { Some(ip) } else { None };
                self.state().v4.insert(name, found.map(|ips| set(ips.into_iter().filter_map(v4))));
            }
            Wanted::V6(name) => {
                let mut found = addresses(world, &name, Family::V6).await;
                // RFC 7208 section 5.7: `exists` asks for A records, whatever the client's address. One that no client
                // has stands for them.
                if has_exists && addresses(world, &name, Family::V4).await.is_some_and(|ips| !ips.is_empty())
                {
                    found.get_or_insert_default().push(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
                }
                let v6 = |ip| if let IpAddr::V6(ip) = ip { Some(ip) } else { None };
                self.state().v6.insert(name, found.map(|ips| set(ips.into_iter().filter_map(v6))));
            }
            Wanted::Ptr => {
                // RFC 7208 section 5.5: without an answer the mechanism does not match.
                let found = resolver.ptr(self.client).await.map(|answer| answer.records).unwrap_or_default();
                let named = |name: String| plain(&name).to_lowercase().into_boxed_str();
                self.state().ptr = Some(set(found.into_iter().map(named)));
            }
        }
    }
}

/// Without the dot at its end.
fn plain(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

fn set<T>(records: impl Iterator<Item = T>) -> RecordSet<T> {
    RecordSet { rrset: records.collect(), dnssec_status: DnssecStatus::Indeterminate }
}

async fn addresses(world: &World, name: &str, family: Family) -> Option<Vec<IpAddr>> {
    known(world.resolver.addresses(plain(name), family).await.map(|answer| answer.records))
}

/// The records; nothing if nothing is known.
fn known<T>(found: Result<Vec<T>, DnsError>) -> Option<Vec<T>> {
    match found {
        Ok(records) => Some(records),
        Err(DnsError::NoSuchName(_) | DnsError::NoData(_)) => Some(Vec::new()),
        Err(DnsError::Bogus(_) | DnsError::Failed(_)) => None,
    }
}

/// The record that the name is there for.
fn parse_txt(name: &str, found: Result<Vec<String>, DnsError>) -> Txt {
    let records = match found {
        Ok(records) => records,
        Err(DnsError::NoSuchName(_)) => {
            return Txt::Error(Error::Dns(Unknown::RecordNotFound(ResponseCode::NXDomain)));
        }
        Err(DnsError::NoData(_)) => {
            return Txt::Error(Error::Dns(Unknown::RecordNotFound(ResponseCode::NoError)));
        }
        Err(DnsError::Bogus(why) | DnsError::Failed(why)) => {
            return Txt::Error(Error::Dns(Unknown::Resolver(why)));
        }
    };
    if name.contains("._domainkey.") {
        return first::<DomainKey>(&records).into();
    }
    let is_dmarc = name.starts_with("_dmarc.");
    let begins = |text: &&String| match is_dmarc {
        true => text.starts_with("v=DMARC1"),
        false => text.get(..6).is_some_and(|head| head.eq_ignore_ascii_case("v=spf1")),
    };
    match (is_dmarc, records.iter().filter(begins).count()) {
        // RFC 9989 section 4.10: several are as good as none.
        (true, 2..) => Txt::Error(Error::Dns(Unknown::InvalidRecordType)),
        (true, _) => first::<Dmarc>(&records).into(),
        // RFC 7208 section 4.5.
        (false, 2..) => Txt::Error(Error::ParseError),
        (false, _) => first::<Spf>(&records).into(),
    }
}

fn first<T: TxtRecordParser>(records: &[String]) -> Result<T, Error> {
    let mut parsed = Err(Error::Dns(Unknown::InvalidRecordType));
    for record in records {
        parsed = T::parse(record.as_bytes());
        if parsed.is_ok() {
            break;
        }
    }
    parsed
}

fn asks_for_existence(spf: &Spf) -> bool {
    spf.directives.iter().any(|directive| matches!(directive.mechanism, Mechanism::Exists { .. }))
}

/// `exists` would take any answer of the cache for a yes: it is asked as `a` that every address matches. Explanations
/// are not sent to anybody.
fn without_existence(txt: Txt) -> Txt {
    let Txt::Spf(spf) = txt else { return txt };
    let mut spf = Arc::unwrap_or_clone(spf);
    spf.exp = None;
    for directive in &mut spf.directives {
        if let Mechanism::Exists { macro_string } = &directive.mechanism {
            directive.mechanism =
                Mechanism::A { macro_string: macro_string.clone(), ip4_mask: 0, ip6_mask: 0 };
        }
    }
    Txt::Spf(Arc::new(spf))
}

/// Learns the text behind a key that can only be hashed.
#[derive(Default)]
struct Speller(Vec<u8>);

impl Hasher for Speller {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

fn spelled<Q: Hash + ?Sized>(key: &Q) -> String {
    let mut speller = Speller::default();
    key.hash(&mut speller);
    // A text is hashed with a byte after it that no text has.
    let text = speller.0.strip_suffix(&[0xff]).unwrap_or(&speller.0);
    String::from_utf8_lossy(text).into_owned()
}

/// Answers a lookup of addresses or MX hosts.
macro_rules! cache {
    ($records:ty, $field:ident, $wanted:path) => {
        impl ResolverCache<Box<str>, RecordSet<$records>> for Answers {
            fn get<Q>(&self, name: &Q) -> Option<RecordSet<$records>>
            where
                Box<str>: Borrow<Q>,
                Q: Hash + Eq + ?Sized,
            {
                let name = spelled(name);
                let mut state = self.state();
                let found = state.$field.get(&name).cloned();
                match found {
                    Some(Some(records)) => return Some(records),
                    Some(None) => state.failed = true,
                    None => {
                        state.wanted.insert($wanted(name));
                    }
                }
                Some(set(std::iter::empty()))
            }

            fn remove<Q>(&self, _: &Q) -> Option<RecordSet<$records>>
            where
                Box<str>: Borrow<Q>,
                Q: Hash + Eq + ?Sized,
            {
                None
            }

            fn insert(&self, _: Box<str>, _: RecordSet<$records>, _: Instant) {}
        }
    };
}

cache!(MX, mx, Wanted::Mx);
cache!(Ipv4Addr, v4, Wanted::V4);
cache!(Ipv6Addr, v6, Wanted::V6);

impl ResolverCache<Box<str>, Txt> for Answers {
    fn get<Q>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let name = spelled(name);
        // Where to report to, and who else may sign: both are not made use of.
        if name.starts_with("_report.") || name.contains("._atps.") {
            return Some(Txt::Error(Error::Dns(Unknown::RecordNotFound(ResponseCode::NXDomain))));
        }
        let mut state = self.state();
        let found = state.txt.get(&name).cloned();
        Some(found.unwrap_or_else(|| {
            state.wanted.insert(Wanted::Txt(name));
            Txt::Error(Error::Dns(Unknown::Resolver("too many lookups".to_owned())))
        }))
    }

    fn remove<Q>(&self, _: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        None
    }

    fn insert(&self, _: Box<str>, _: Txt, _: Instant) {}
}

impl ResolverCache<IpAddr, RecordSet<Box<str>>> for Answers {
    fn get<Q>(&self, _: &Q) -> Option<RecordSet<Box<str>>>
    where
        IpAddr: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let mut state = self.state();
        if state.ptr.is_none() {
            state.wanted.insert(Wanted::Ptr);
        }
        Some(state.ptr.clone().unwrap_or_else(|| set(std::iter::empty())))
    }

    fn remove<Q>(&self, _: &Q) -> Option<RecordSet<Box<str>>>
    where
        IpAddr: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        None
    }

    fn insert(&self, _: IpAddr, _: RecordSet<Box<str>>, _: Instant) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_spelled() {
        assert_eq!(spelled::<str>("_dmarc.example.org."), "_dmarc.example.org.");
        assert_eq!(spelled::<str>(""), "");
    }
}
