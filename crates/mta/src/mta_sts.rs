//! Which MTA-STS policy does a domain publish now? Asks DNS, fetches from the web, and keeps what came. RFC 8461.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use mail::{Domain, Timestamp};
use policy::dns::DnsError;
use policy::mta_sts::{self, Failed, Kept, Step};
use policy::settings::{MtaTlsStrategy, TlsLevel};
use policy::tls_outcome::{StsFailure, StsFinding, TlsResult};
use policy::{Trouble, clock, limits};
use store::StoreError;
use tokio::sync::OnceCell;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::web::is_certificate_error;
use crate::world::{WebLimits, World};

/// Where policies are kept in the store.
const SPACE: &str = "mta-sts";
/// Policies that are read from the store at once.
const PAGE: usize = 500;
/// Fetches that failed and are remembered.
const FAILED_MAX: usize = 10_000;
/// How often it is looked which policies are to be fetched anew.
const REFRESH_INTERVAL: Duration = Duration::from_secs(15 * 60);
/// Policies that are fetched anew at one look.
const REFRESHED_MAX: usize = 200;
/// How long one of these fetches may take.
const REFRESH_TIME_MAX: Duration = Duration::from_secs(60);

/// A fetch that several wait for.
type Flight = Shared<BoxFuture<'static, Result<Kept, StsFailure>>>;

/// The policies of all domains, as far as they are known.
#[derive(Default)]
pub struct StsPolicies {
    known: Mutex<Known>,
    /// Set once what the store has is in memory.
    loaded: OnceCell<()>,
}

#[derive(Default)]
struct Known {
    kept: BTreeMap<Domain, Entry>,
    failed: BTreeMap<Domain, Failed>,
    flights: BTreeMap<Domain, Flight>,
}

struct Entry {
    kept: Kept,
    /// Whether mail went to the domain since it was fetched, so that it is worth another fetch.
    used: bool,
}

/// What is known of a domain's policy when mail goes there by MX. Trouble if it cannot be told at all.
///
/// A domain without a policy costs one lookup of DNS, which has a cache of its own.
pub async fn finding(
    world: &World,
    policies: &Arc<StsPolicies>,
    domain: &Domain,
    strategy: &MtaTlsStrategy,
) -> Result<StsFinding, Trouble> {
    if strategy.mta_sts == TlsLevel::Disable || domain.literal().is_some() {
        return Ok(StsFinding::NotAsked);
    }
    policies.load(world).await.map_err(|error| Trouble::ours(error.to_string()))?;
    let texts = world.resolver.txt(&mta_sts::record_name(domain)).await.map(|answer| answer.records);
    let now = world.clock.now();
    let (kept, step) = policies.step(domain, &texts, now);
    let asks_nothing = matches!(step, Step::Use(StsFinding::NoPolicy | StsFinding::Unavailable(_)));
    if !asks_nothing && clock::is_before_release(now) {
        // Neither how old a policy is nor whether a certificate is valid can be told.
        return Err(Trouble::ours(format!("the policy of {domain} cannot be followed: our clock is wrong")));
    }
    match step {
        Step::Use(finding) => Ok(finding),
        Step::Fetch(id) => {
            let fetched = policies.fetch(world, domain, id, strategy.mta_sts_timeout).await;
            if let Err(failure) = &fetched {
                tracing::info!(%domain, why = failure.text, kept = kept.is_some(), "no MTA-STS policy");
            }
            Ok(mta_sts::after_fetch(kept.as_ref(), &fetched, now))
        }
    }
}

/// Fetches policies anew that are in use, before they expire. Runs until `stop`.
pub async fn refresh(world: World, policies: Arc<StsPolicies>, stop: CancellationToken) {
    let mut ticks = interval(REFRESH_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        for domain in policies.due(world.clock.now()) {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = refresh_one(&world, &policies, &domain) => {}
            }
        }
    }
}

/// Fetches one policy anew, if its domain still has one.
async fn refresh_one(world: &World, policies: &Arc<StsPolicies>, domain: &Domain) {
    let Ok(answer) = world.resolver.txt(&mta_sts::record_name(domain)).await else { return };
    if let mta_sts::Record::Id(id) = mta_sts::record(&answer.records)
        && let Err(failure) = policies.fetch(world, domain, id, REFRESH_TIME_MAX).await
    {
        tracing::warn!(%domain, why = failure.text, "the MTA-STS policy cannot be fetched anew");
    }
}

impl StsPolicies {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what the store has, once.
    async fn load(&self, world: &World) -> Result<(), StoreError> {
        self.loaded.get_or_try_init(|| self.read_all(world)).await.map(drop)
    }

    async fn read_all(&self, world: &World) -> Result<(), StoreError> {
        let now = world.clock.now();
        let mut after: Option<bytes::Bytes> = None;
        let mut count = 0;
        while count < limits::STS_POLICIES_MAX {
            let page = world.store.scan(SPACE, after.as_deref(), PAGE, now).await?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = Some(last.clone());
            count += page.len();
            let mut known = self.known();
            for (key, value) in &page {
                let domain = std::str::from_utf8(key).ok().and_then(|name| Domain::parse(name).ok());
                match (domain, Kept::decode(value)) {
                    (Some(domain), Some(kept)) => {
                        known.kept.insert(domain, Entry { kept, used: false });
                    }
                    _ => tracing::error!(key = %String::from_utf8_lossy(key), "a kept policy cannot be read"),
                }
            }
        }
        Ok(())
    }

    fn step(
        &self,
        domain: &Domain,
        texts: &Result<Vec<String>, DnsError>,
        now: Timestamp,
    ) -> (Option<Kept>, Step) {
        let mut known = self.known();
        let texts = texts.as_ref().map(Vec::as_slice);
        let failed = known.failed.get(domain).cloned();
        let entry = known.kept.get_mut(domain);
        let step = mta_sts::step(entry.as_ref().map(|entry| &entry.kept), texts, failed.as_ref(), now);
        let kept = entry.map(|entry| {
            entry.used = true;
            entry.kept.clone()
        });
        (kept, step)
    }

    /// Fetches a policy, or waits for who does already.
    async fn fetch(
        self: &Arc<Self>,
        world: &World,
        domain: &Domain,
        id: String,
        time_max: Duration,
    ) -> Result<Kept, StsFailure> {
        let flight = {
            let mut known = self.known();
            let new = || one_fetch(world.clone(), Arc::downgrade(self), domain.clone(), id, time_max);
            known.flights.entry(domain.clone()).or_insert_with(new).clone()
        };
        flight.await
    }

    /// Notes what a fetch came to.
    fn landed(&self, domain: &Domain, id: &str, fetched: &Result<Kept, StsFailure>, now: Timestamp) {
        let mut known = self.known();
        known.flights.remove(domain);
        match fetched {
            Ok(kept) => {
                known.failed.remove(domain);
                known.make_room(now);
                known.kept.insert(domain.clone(), Entry { kept: kept.clone(), used: false });
            }
            Err(failure) => {
                if known.failed.len() >= FAILED_MAX {
                    known.failed.retain(|_, failed| now < failed.at.plus(limits::STS_RETRY_AFTER));
                }
                if known.failed.len() >= FAILED_MAX {
                    known.failed.pop_first();
                }
                let failed = Failed { id: id.to_owned(), at: now, failure: failure.clone() };
                known.failed.insert(domain.clone(), failed);
            }
        }
    }

    /// Domains whose policies should be fetched anew; forgets those that have expired.
    fn due(&self, now: Timestamp) -> Vec<Domain> {
        let mut known = self.known();
        known.kept.retain(|_, entry| entry.kept.is_in_force(now));
        let due = known.kept.iter().filter(|(_, entry)| entry.used && mta_sts::refresh_due(&entry.kept, now));
        due.take(REFRESHED_MAX).map(|(domain, _)| domain.clone()).collect()
    }
}

impl Known {
    /// Where there are too many, the one that expires first goes.
    fn make_room(&mut self, now: Timestamp) {
        if self.kept.len() < limits::STS_POLICIES_MAX {
            return;
        }
        self.kept.retain(|_, entry| entry.kept.is_in_force(now));
        if self.kept.len() >= limits::STS_POLICIES_MAX {
            let first = self.kept.iter().min_by_key(|(_, entry)| entry.kept.expires());
            if let Some(domain) = first.map(|(domain, _)| domain.clone()) {
                self.kept.remove(&domain);
            }
        }
    }
}

/// One fetch, up to where its result is known to all. It goes on as long as anybody waits for it.
fn one_fetch(
    world: World,
    policies: Weak<StsPolicies>,
    domain: Domain,
    id: String,
    time_max: Duration,
) -> Flight {
    let fetching = async move {
        let web_limits = WebLimits { body_bytes_max: limits::STS_POLICY_BYTES_MAX, time_max };
        let answer = world.web.fetch(&mta_sts::policy_url(&domain), web_limits).await;
        let now = world.clock.now();
        let fetched = match answer {
            Ok(answer) => mta_sts::page(answer.status, answer.content_type.as_deref(), &answer.body),
            Err(error) => Err(not_fetched(&error)),
        };
        let kept = |policy| Kept { id: id.clone(), policy: Arc::new(policy), fetched_at: now };
        let fetched = fetched.map(kept);
        if let Some(policies) = policies.upgrade() {
            policies.landed(&domain, &id, &fetched, now);
        }
        if let Ok(kept) = &fetched {
            tracing::info!(%domain, id, mode = kept.policy.mode.name(), "fetched an MTA-STS policy");
            let (key, expires) = (domain.as_str().as_bytes(), Some(kept.expires()));
            if let Err(error) = world.store.put(SPACE, key, kept.encode().into(), expires, now).await {
                tracing::error!(%domain, %error, "cannot keep the MTA-STS policy for after a restart");
            }
        }
        fetched
    };
    fetching.boxed().shared()
}

fn not_fetched(error: &io::Error) -> StsFailure {
    let result = if is_certificate_error(error) {
        TlsResult::StsWebPkiInvalid
    } else if error.kind() == io::ErrorKind::FileTooLarge {
        TlsResult::StsPolicyInvalid
    } else {
        TlsResult::StsPolicyFetchError
    };
    let is_temporary = result != TlsResult::StsPolicyInvalid;
    StsFailure { result, is_temporary, text: format!("the policy cannot be fetched: {error}") }
}
