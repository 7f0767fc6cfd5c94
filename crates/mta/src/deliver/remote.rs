//! From host to host, until each recipient has its outcome or no host is left.

mod probing;
mod reach;

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;

use mail::{DeliverByMode, Stage};
use policy::mx::{self, Host};
use policy::outcome::{self, Delivered, Incapable, Judgement};
use policy::plan::{Gathered, Proofs, planned_host};
use policy::relay;
use policy::settings::{MtaRoute, MtaTlsStrategy, RelayProtocol};
use policy::tls_outcome::StsFinding;
use policy::{AttemptOutcome, Configuration, NextHop, Trouble, limits};
use store::QueuedRecipient;
use tokio::time::Instant;
use wire::smtp::capabilities::Capabilities;
use wire::smtp::client::{Answer, Step};

use super::dialogue::{ContentFault, Patience};
use super::fit::{Contents, NoOffer, Offer};
use super::smtp::{NoConnection, Transacted, open, shows_content_sent, transact};
use super::tls_notes;
use crate::attempt::{Delivery, Way};
use crate::connections::{Connection, ConnectionKey, Connections};
use crate::events::{Dialogue, Dialogues, Transcript};
use crate::probe::ProbeStage;
use crate::world::World;
use crate::{hosts, mta_sts, secrets};
use probing::stage_of;
use reach::Passed;

/// One delivery on its way from host to host.
pub(crate) struct Remote<'a> {
    world: &'a World,
    configuration: &'a Configuration,
    connections: &'a Connections,
    delivery: &'a Delivery,
    places: Vec<Place<'a>>,
    contents: Contents,
    /// The last time at which another host is begun with; what was begun may take longer.
    begin_until: Instant,
    until: Instant,
    seed: u64,
    /// Addresses that are known to be down.
    passed: Vec<Passed>,
    /// What is said to all hosts.
    transcript: Transcript,
    /// Whether it ends before the content.
    only_asks: bool,
}

/// One recipient, and what is known about it so far.
pub(crate) struct Place<'a> {
    queued: &'a QueuedRecipient,
    pub(crate) outcome: Option<AttemptOutcome>,
    /// What the hosts so far ran into; it stands if no host is left.
    trouble: Option<Trouble>,
    /// Whether a host was reached that it could be offered to.
    reached: bool,
    pub(crate) way: Way,
}

impl Place<'_> {
    /// Whether no host was reached, or none that may take the message later.
    fn is_unmet(&self) -> bool {
        let for_good = self.trouble.as_ref().is_some_and(|trouble| trouble.status.class == 5);
        self.outcome.is_none() && (!self.reached || for_good)
    }
}

impl<'a> Remote<'a> {
    pub(crate) fn new(
        world: &'a World,
        configuration: &'a Configuration,
        connections: &'a Connections,
        delivery: &'a Delivery,
    ) -> Self {
        let now = Instant::now();
        let place =
            |queued| Place { queued, outcome: None, trouble: None, reached: false, way: Way::default() };
        Remote {
            world,
            configuration,
            connections,
            delivery,
            places: delivery.recipients.iter().map(place).collect(),
            contents: Contents::default(),
            begin_until: now + limits::DELIVERY_MAX / 2,
            until: now + limits::DELIVERY_MAX,
            seed: delivery.recipients.first().map_or(0, |first| hosts::seed(&delivery.envelope, first)),
            passed: Vec::new(),
            transcript: Transcript::begin(world.events.wanted().dialogues, world.clock.now()),
            only_asks: false,
        }
    }

    /// Tries the hosts in their order. Every place has an outcome then, unless `cut` came before: what was answered
    /// until then stays answered.
    pub(crate) async fn run(mut self, cut: impl Future<Output = ()>) -> (Vec<Place<'a>>, Option<Dialogue>) {
        let tried = tokio::select! {
            biased;
            tried = self.try_hosts() => tried,
            () = cut => {
                self.transcript.note(|| "the delivery is cut off".to_owned());
                return self.ended();
            }
        };
        if let Err(trouble) = tried {
            let all = self.pending();
            self.note(&all, &trouble);
        }
        for place in &mut self.places {
            let trouble = place.trouble.take();
            place.outcome.get_or_insert_with(|| {
                trouble.unwrap_or_else(|| Trouble::ours("the time for this attempt is over")).outcome()
            });
        }
        self.ended()
    }

    /// All places, with what was said if that is kept.
    fn ended(self) -> (Vec<Place<'a>>, Option<Dialogue>) {
        let well = |place: &Place<'_>| matches!(place.outcome, Some(AttemptOutcome::Delivered(_)));
        let kept = match self.world.events.wanted().dialogues {
            Dialogues::None => false,
            Dialogues::Failures => !self.places.iter().all(well),
            Dialogues::All => true,
        };
        let dialogue = if kept { self.transcript.dialogue() } else { None };
        (self.places, dialogue)
    }

    async fn try_hosts(&mut self) -> Result<(), Trouble> {
        self.enter(ProbeStage::Resolve, "");
        let next_hop = &self.delivery.next_hop;
        let route = hosts::route(self.configuration, next_hop)?;
        let rules = self.connections.rules();
        let proofs = secrets::proofs(self.world, route).await?;
        let named = hosts::hosts(self.world, route, next_hop, rules, self.seed).await;
        let told =
            |trouble: &Trouble| tls_notes::no_hosts(self.world, self.connections, self.delivery, trouble);
        for host in named.inspect_err(told)? {
            if self.pending().is_empty() || Instant::now() >= self.begin_until {
                break;
            }
            if self.at_host(route, &host, &proofs).await.is_break() {
                break;
            }
        }
        if !self.passed.is_empty() && Instant::now() < self.begin_until {
            self.last_resort().await;
        }
        Ok(())
    }

    /// Places without an outcome.
    fn pending(&self) -> Vec<usize> {
        (0..self.places.len()).filter(|place| self.places[*place].outcome.is_none()).collect()
    }

    /// Notes what a host ran into for these places: the next host may do better.
    fn note(&mut self, places: &[usize], trouble: &Trouble) {
        if !places.is_empty() {
            self.tell_failure(None, trouble);
        }
        for &place in places {
            let place = &mut self.places[place];
            let trouble = trouble.clone();
            place.trouble = Some(match place.trouble.take() {
                Some(earlier) => earlier.or_later(trouble),
                None => trouble,
            });
        }
    }

    /// Ends these places.
    fn end(&mut self, places: &[usize], outcome: &AttemptOutcome) {
        self.tell(None, outcome);
        for &place in places {
            self.places[place].outcome = Some(outcome.clone());
        }
    }

    /// Tries one host for all that are pending; breaks if no other host may be tried.
    async fn at_host(&mut self, route: &MtaRoute, host: &Host, proofs: &Proofs) -> ControlFlow<()> {
        let rules = self.connections.rules();
        let pending = self.pending();
        self.enter(ProbeStage::Resolve, "");
        let found = match hosts::find(self.world, route, host, rules).await {
            Ok(found) => found,
            Err(trouble) => {
                self.note(&pending, &trouble);
                return ControlFlow::Continue(());
            }
        };
        self.tell_found(host, &found);
        // Those that follow are of equal or worse preference (RFC 5321 section 5.1).
        if !mx::is_configured(host.role) && mx::is_ourselves(&found.addresses, rules) {
            self.note_loop(&pending);
            return ControlFlow::Break(());
        }
        if let Some(trouble) = relay::is_ourselves(host, &found.addresses, rules) {
            self.note(&pending, &trouble);
            return ControlFlow::Continue(());
        }
        let mut waiting = VecDeque::from(pending);
        while let Some(first) = waiting.pop_front() {
            let strategy = match self.tls_strategy(first, host).await {
                Ok(strategy) => strategy,
                Err(trouble) => {
                    self.end(&[first], &trouble.outcome());
                    continue;
                }
            };
            let group = self.group(first, &strategy.name, &mut waiting, host).await;
            let sts = match self.sts(&strategy).await {
                Ok(sts) => sts,
                Err(trouble) => {
                    self.end(&group, &trouble.outcome());
                    continue;
                }
            };
            let envelope = &self.delivery.envelope;
            let domain = match &self.delivery.next_hop {
                NextHop::Mx { domain, .. } => Some(domain),
                NextHop::Local { .. } | NextHop::Relay { .. } => None,
            };
            let dane = hosts::dane(self.world, domain, host, &found, &strategy, rules).await;
            let gathered = Gathered { addresses: &found.addresses, proofs, sts: &sts, dane: &dane };
            match planned_host(route, &strategy, envelope, host, gathered, rules) {
                Ok(planned) => self.at_addresses(&planned, &sts, &group).await,
                Err(trouble) => {
                    let seen = (&*host.name, &gathered);
                    tls_notes::left_out(self.world, self.connections, self.delivery, seen, &trouble);
                    self.note(&group, &trouble);
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// The place with all of `waiting` that have the same TLS strategy at this host; they are taken out. Security is
    /// chosen for each recipient, never for the one that happens to come first.
    async fn group(
        &self,
        first: usize,
        strategy: &str,
        waiting: &mut VecDeque<usize>,
        host: &Host,
    ) -> Vec<usize> {
        let mut group = vec![first];
        for place in std::mem::take(waiting) {
            match self.tls_strategy(place, host).await {
                Ok(other) if other.name == strategy => group.push(place),
                Ok(_) | Err(_) => waiting.push_back(place),
            }
        }
        group
    }

    async fn tls_strategy(&self, place: usize, host: &Host) -> Result<Arc<MtaTlsStrategy>, Trouble> {
        let queued = self.places[place].queued;
        let (envelope, next_hop) = (&self.delivery.envelope, &self.delivery.next_hop);
        hosts::tls_strategy(self.world, self.configuration, envelope, queued, next_hop, &host.name).await
    }

    /// What is known of the MTA-STS policy of the recipient domain; only MX hosts have one (RFC 8461 section 1).
    async fn sts(&self, strategy: &MtaTlsStrategy) -> Result<StsFinding, Trouble> {
        match &self.delivery.next_hop {
            NextHop::Mx { domain, .. } => {
                mta_sts::finding(self.world, self.connections.sts(), domain, strategy).await
            }
            NextHop::Local { .. } | NextHop::Relay { .. } => Ok(StsFinding::NotAsked),
        }
    }

    fn loops(&self) -> Trouble {
        match &self.delivery.next_hop {
            NextHop::Mx { domain, .. } => mx::loops(domain),
            NextHop::Local { .. } | NextHop::Relay { .. } => Trouble::ours("mail loops back to this server"),
        }
    }

    fn note_loop(&mut self, places: &[usize]) {
        let trouble = self.loops();
        self.note(places, &trouble);
    }

    /// Runs transactions over a connection until each of these places was answered. Gives those back that may go to
    /// the host's next address: the connection was an old one that had died, and this address takes no new one.
    async fn over(
        &mut self,
        mut connection: Connection,
        key: &Arc<ConnectionKey>,
        patience: &Patience,
        group: &[usize],
    ) -> Vec<usize> {
        if self.only_asks {
            connection.client.only_ask();
        }
        let mut todo = group.to_vec();
        let mut content_sent = false;
        while !todo.is_empty() {
            let offered = *connection.client.capabilities();
            let offer = match self.offer(&offered, &key.host, &mut todo).await {
                Ok(offer) => offer,
                Err(NoOffer::Unfit(trouble)) => {
                    self.note(&todo, &trouble);
                    break;
                }
                Err(NoOffer::Trouble(trouble)) => {
                    self.end(&todo, &trouble.outcome());
                    break;
                }
            };
            if todo.is_empty() {
                break;
            }
            for &place in &todo {
                self.places[place].way = Way { made: offer.made, ..connection.way.clone() };
            }
            let queued: Vec<&QueuedRecipient> = todo.iter().map(|place| self.places[*place].queued).collect();
            let envelope = &self.delivery.envelope;
            let now = self.world.clock.now();
            let transacted =
                transact(&mut connection, envelope, &queued, &offer, now, (patience, &self.transcript)).await;
            match transacted {
                Err(lack) => {
                    self.note(&todo, &outcome::incapable(lack, &key.host));
                    break;
                }
                Ok(transacted) if connection.way.reused && is_stale(&transacted) => {
                    // It had died while it idled. Nothing was taken, so that a new one is no risk.
                    self.transcript.note(|| "the kept connection had died; a new one is opened".to_owned());
                    let transcript = &self.transcript;
                    connection =
                        match open(self.world, self.connections, Arc::clone(key), patience, transcript).await
                        {
                            Ok(connection) => connection,
                            Err(NoConnection::Address(trouble)) => {
                                self.note_at(key, &todo, &trouble);
                                return todo;
                            }
                            Err(
                                NoConnection::Host(trouble)
                                | NoConnection::Insecure(trouble, _)
                                | NoConnection::Ours(trouble),
                            ) => {
                                self.note_at(key, &todo, &trouble);
                                return Vec::new();
                            }
                        };
                }
                Ok(transacted) => {
                    let usable = connection.client.step() == Step::Ready;
                    todo = self.judge(&todo, transacted, key, &offered, usable, &mut content_sent);
                }
            }
        }
        self.connections.give_back(connection);
        Vec::new()
    }

    /// What this peer is sent. Takes from `todo` those recipients whose address needs SMTPUTF8 where it is not offered.
    async fn offer(
        &mut self,
        offered: &Capabilities,
        host: &str,
        todo: &mut Vec<usize>,
    ) -> Result<Offer, NoOffer> {
        let forward_path = |place: &usize| &self.places[*place].queued.recipient.forward_path;
        if !offered.smtputf8 {
            let lacking: Vec<usize> =
                todo.iter().copied().filter(|place| forward_path(place).needs_smtputf8()).collect();
            todo.retain(|place| !lacking.contains(place));
            self.note(&lacking, &outcome::incapable(Incapable::NoSmtpUtf8, host));
        }
        let places = &self.places;
        let forward_paths = todo.iter().map(|place| &places[*place].queued.recipient.forward_path);
        self.contents.offer(self.world, &self.delivery.envelope, offered, host, forward_paths).await
    }

    /// Books what the peer said. Gives those back that found the transaction full: they go into another one.
    fn judge(
        &mut self,
        places: &[usize],
        transacted: Transacted,
        key: &ConnectionKey,
        offered: &Capabilities,
        usable: bool,
        content_sent: &mut bool,
    ) -> Vec<usize> {
        let sent_now = transacted.answers.iter().any(shows_content_sent);
        *content_sent |= sent_now;
        let mut again = Vec::new();
        for (&place, answer) in places.iter().zip(transacted.answers) {
            let full = matches!(&answer, Answer::Refused(Stage::Rcpt, reply) if outcome::is_too_many_recipients(reply));
            if full && sent_now && usable {
                again.push(place);
                continue;
            }
            let stage = stage_of(&answer);
            let judgement = match (answer, &transacted.fault) {
                (Answer::Unanswered(..), Some(fault)) => of_fault(fault, &key.host),
                (answer, _) => self.judgement(place, answer, key, offered, *content_sent),
            };
            match judgement {
                Judgement::Final(outcome) => {
                    self.tell(stage, &outcome);
                    self.places[place].outcome = Some(outcome);
                }
                Judgement::NextHost(trouble) => {
                    self.tell_failure(stage, &trouble);
                    self.note(&[place], &trouble);
                }
            }
        }
        again
    }

    /// Whether the sender is told of the handing on: it asked for that, or who tells it of the delay is not known any
    /// more (RFC 2852 section 4).
    fn is_traced(&self, offered: &Capabilities) -> bool {
        let by = self.delivery.envelope.parameters.deliver_by;
        by.is_some_and(|by| by.trace || (by.mode == DeliverByMode::Notify && offered.deliver_by.is_none()))
    }

    fn judgement(
        &self,
        place: usize,
        answer: Answer,
        key: &ConnectionKey,
        offered: &Capabilities,
        content_sent: bool,
    ) -> Judgement {
        let recipient = &self.places[place].queued.recipient;
        let host = key.host.as_str();
        match answer {
            Answer::Taken(reply) => {
                let last_hop = key.protocol == RelayProtocol::Lmtp;
                Judgement::Final(AttemptOutcome::Delivered(Delivered {
                    host: host.to_owned(),
                    reply,
                    last_hop,
                    dsn_handed_on: offered.dsn && recipient.notify.explicit,
                    traced: !last_hop && self.is_traced(offered),
                }))
            }
            Answer::Refused(stage, reply) => {
                let command = match stage {
                    Stage::Mail => format!("MAIL FROM:<{}>", self.delivery.envelope.reverse_path),
                    Stage::Rcpt => format!("RCPT TO:<{}>", recipient.forward_path),
                    _ => stage.to_string(),
                };
                outcome::refused(stage, &reply, &command, host, content_sent)
            }
            Answer::Unanswered(stage, why) => match outcome::broken(stage, &why.to_string(), host, false) {
                Judgement::NextHost(trouble) if content_sent => Judgement::Final(trouble.outcome()),
                judgement => judgement,
            },
            Answer::InDoubt(why) => {
                let message = self.delivery.envelope.message;
                tracing::warn!(id = %message, recipient = %recipient.forward_path, host, %why, "duplicate_risk");
                outcome::broken(Stage::Content, &why.to_string(), host, true)
            }
        }
    }
}

/// Whether a kept connection had ended before this transaction: nothing was answered, or only that it is over.
fn is_stale(transacted: &Transacted) -> bool {
    let over = |answer: &Answer| matches!(answer, Answer::Refused(Stage::Reset | Stage::Mail, reply) if reply.code == 421);
    !transacted.answered || transacted.answers.iter().all(over)
}

fn of_fault(fault: &ContentFault, host: &str) -> Judgement {
    match fault {
        ContentFault::BareLineEnd => Judgement::NextHost(outcome::incapable(Incapable::NoBinaryMime, host)),
        ContentFault::Unreadable(why) => {
            Judgement::Final(Trouble::ours(format!("cannot read the content: {why}")).outcome())
        }
    }
}
