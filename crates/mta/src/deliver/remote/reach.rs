//! Which address of a host answers? Those that are known to be down are passed over while there is another.

use std::sync::Arc;

use mail::Timestamp;
use policy::Trouble;
use policy::facts::HostFacts;
use policy::health::shows_down;
use policy::mx::{self, HostRole};
use policy::plan::{Endpoint, PlannedHost};
use policy::source::{ehlo_name, source};
use policy::tls_outcome::StsFinding;

use super::super::dialogue::Patience;
use super::super::smtp::{NoConnection, open};
use super::super::tls_notes;
use super::Remote;
use crate::attempt::Way;
use crate::connections::{Connection, ConnectionKey};
use crate::health::{Change, record};
use crate::hosts;
use crate::pace;
use crate::throttles::{Held, Reservation};

/// An address that was passed over for these places.
pub(super) struct Passed {
    trial: Timestamp,
    host: PlannedHost,
    sts: StsFinding,
    endpoint: Endpoint,
    places: Vec<usize>,
}

/// What came of an address.
enum Met {
    /// Whatever there is to say about these places is said.
    Over,
    /// The next address of the host may do, for these.
    NextAddress(Vec<usize>),
}

impl Remote<'_> {
    /// Tries the addresses of a host until one can be reached.
    pub(super) async fn at_addresses(&mut self, host: &PlannedHost, sts: &StsFinding, group: &[usize]) {
        let mut group = group.to_vec();
        for endpoint in host.endpoints() {
            let now = self.world.clock.now();
            if !self.world.health.admits(&endpoint, now, self.seed) {
                let trial = self.world.health.trial(&endpoint).unwrap_or(now);
                let (host, sts, places) = (host.clone(), sts.clone(), group.clone());
                self.passed.push(Passed { trial, host, sts, endpoint, places });
                continue;
            }
            match self.at_endpoint(host, sts, endpoint, &group).await {
                Met::Over => return,
                Met::NextAddress(left) => group = left,
            }
        }
    }

    /// Where nothing else could be reached, one address that was passed over is tried after all: the one whose trial
    /// is next. Nothing is put off that was not tried, and nothing is returned for what other hosts lack while one is
    /// only down.
    pub(super) async fn last_resort(&mut self) {
        let mut passed = std::mem::take(&mut self.passed);
        passed.sort_by_key(|passed| passed.trial);
        for Passed { host, sts, endpoint, places, .. } in passed {
            let unmet = |place: &usize| self.places[*place].is_unmet();
            let places: Vec<usize> = places.into_iter().filter(unmet).collect();
            if places.is_empty() {
                continue;
            }
            let _met = self.at_endpoint(&host, &sts, endpoint, &places).await;
            for place in places {
                self.places[place].reached = true;
            }
        }
    }

    async fn at_endpoint(
        &mut self,
        host: &PlannedHost,
        sts: &StsFinding,
        endpoint: Endpoint,
        group: &[usize],
    ) -> Met {
        let (key, patience) = match self.key(host, endpoint, group[0]).await {
            Ok(found) => found,
            Err(trouble) => {
                self.end(group, &trouble.outcome());
                return Met::Over;
            }
        };
        let reserved = match self.reserve(&key, group[0]).await {
            Ok(reserved) => reserved,
            Err(held) => {
                self.end(group, &held.outcome());
                return Met::Over;
            }
        };
        let connection = self.connection(&key, sts, &patience, host.role).await;
        if let Some(reserved) = reserved.filter(|_| !matches!(connection, Err(NoConnection::Ours(_)))) {
            reserved.keep();
        }
        if let Some(change) = self.learn(&key, &connection).filter(|_| !self.only_asks) {
            record(self.world, change).await;
        }
        match connection {
            Ok(connection) => {
                for &place in group {
                    self.places[place].reached = true;
                }
                let left = self.over(connection, &key, &patience, group).await;
                if left.is_empty() { Met::Over } else { Met::NextAddress(left) }
            }
            Err(NoConnection::Address(trouble)) => {
                self.note_at(&key, group, &trouble);
                Met::NextAddress(group.to_vec())
            }
            Err(NoConnection::Host(trouble) | NoConnection::Insecure(trouble, _)) => {
                self.note_at(&key, group, &trouble);
                Met::Over
            }
            Err(NoConnection::Ours(trouble)) => {
                self.end(group, &trouble.outcome());
                Met::Over
            }
        }
    }

    /// Tells all other deliveries what this one has found out about the address.
    fn learn(&self, key: &ConnectionKey, connection: &Result<Connection, NoConnection>) -> Option<Change> {
        let (health, now) = (&self.world.health, self.world.clock.now());
        match connection {
            Ok(connection) if connection.way.reused => None,
            Ok(_) => health.answered(&key.address, &key.host, now),
            Err(NoConnection::Address(trouble) | NoConnection::Host(trouble)) if shows_down(trouble) => {
                health.failed(&key.address, &key.host, trouble, now)
            }
            Err(_) => None,
        }
    }

    /// A place in the rates of this host.
    async fn reserve(&self, key: &ConnectionKey, place: usize) -> Result<Option<Reservation>, Held> {
        let host = HostFacts { mx: &key.host, remote_ip: key.address.ip(), local_ip: key.source };
        let (throttles, queued) = (self.connections.throttles(), self.places[place].queued);
        pace::at_host(self.world, self.configuration, throttles, self.delivery, queued, host).await
    }

    /// What a connection to this address must be like for this recipient.
    async fn key(
        &self,
        host: &PlannedHost,
        address: Endpoint,
        place: usize,
    ) -> Result<(Arc<ConnectionKey>, Patience), Trouble> {
        let queued = self.places[place].queued;
        let envelope = &self.delivery.envelope;
        let ip = address.ip();
        let strategy = hosts::connection_strategy(
            self.world,
            self.configuration,
            envelope,
            queued,
            &self.delivery.next_hop,
            &host.name,
            ip,
        )
        .await?;
        let retry_num = queued.progress.retry_num;
        let turn = || self.connections.turn();
        let source = ip.and_then(|ip| source(&strategy, ip, envelope, retry_num, turn));
        let hello = ehlo_name(&strategy, source, self.configuration.hostname.as_str()).to_owned();
        let key = ConnectionKey {
            address,
            host: host.name.clone(),
            source: source.map(|source| source.source_ip),
            hello,
            tls: host.tls.clone(),
            proofs: host.proofs.clone(),
            protocol: host.protocol,
        };
        Ok((Arc::new(key), Patience::new(&strategy, host.tls_timeout, self.until)))
    }

    /// A connection that is kept, or else a new one.
    async fn connection(
        &self,
        key: &Arc<ConnectionKey>,
        sts: &StsFinding,
        patience: &Patience,
        role: HostRole,
    ) -> Result<Connection, NoConnection> {
        if let Some(connection) = self.connections.take(key) {
            self.transcript.note(|| format!("over the kept connection to {} {}", key.host, key.address));
            return Ok(connection);
        }
        let opened = open(self.world, self.connections, Arc::clone(key), patience, &self.transcript).await;
        tls_notes::opened(self.world, self.connections, self.delivery, (key, sts), &opened);
        let connection = opened?;
        let names_us =
            connection.client.peer_name().eq_ignore_ascii_case(self.configuration.hostname.as_str());
        if !mx::is_configured(role) && names_us && !self.connections.rules().allow_loopback {
            self.connections.retire(connection);
            return Err(NoConnection::Host(self.loops()));
        }
        Ok(connection)
    }

    pub(super) fn note_at(&mut self, key: &ConnectionKey, places: &[usize], trouble: &Trouble) {
        for &place in places {
            self.places[place].way =
                Way { host: key.host.clone(), address: Some(key.address.clone()), ..Way::default() };
        }
        self.note(places, trouble);
    }
}
