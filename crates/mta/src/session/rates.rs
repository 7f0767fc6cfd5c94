//! May this client go on now? The throttles of connections, of MAIL and of RCPT.

use std::sync::Arc;

use mail::{Address, EnhancedStatus, Reply, Timestamp};
use policy::Configuration;
use policy::admit::Admission;
use policy::session::SessionFacts;
use policy::throttle::{Throttle, demands};
use wire::smtp::server::Protocol;

use super::{Ended, Session, Surroundings};
use crate::events::RefusedStep;
use crate::gather::decide;
use crate::throttles::{Asker, Held, Reservation, Throttles};
use crate::world::World;

/// What a session knows of its client, kept apart from the transaction that is asked about.
struct Client {
    around: Arc<Surroundings>,
    session: SessionFacts<'static>,
    listener: Arc<crate::listen::ListenerSettings>,
    helo_domain: String,
    authenticated_as: String,
}

impl Session {
    /// Turns a client away that connects too often.
    pub(super) async fn ask_for_connection(&mut self) -> Result<(), Ended> {
        let configuration = Arc::clone(&self.around.configuration.borrow());
        let throttles = &configuration.inbound.connection;
        if throttles.is_empty() {
            return Ok(());
        }
        match self.client().reserve(&configuration, throttles, None, None).await {
            Ok(reservation) => {
                reservation.keep();
                Ok(())
            }
            Err(held) => {
                let reply = refusal(421, "Too many connections", &held, self.around.world.clock.now());
                self.tell_refusal(RefusedStep::Connection, None, None, &reply);
                self.machine.close_saying(&reply);
                Err(Ended::Closed)
            }
        }
    }

    /// Whether a transaction may begin now.
    pub(super) async fn ask_for_mail(
        &mut self,
        configuration: &Configuration,
        admission: &Admission,
    ) -> Result<(), Box<Reply>> {
        let throttles = &configuration.inbound.mail;
        if throttles.is_empty() {
            return Ok(());
        }
        match self.client().reserve(configuration, throttles, Some(admission), None).await {
            Ok(reservation) => {
                reservation.keep();
                Ok(())
            }
            Err(held) => Err(Box::new(refusal(451, "Too much mail", &held, self.around.world.clock.now()))),
        }
    }

    /// Whether a recipient may be named now; what is given counts if it is kept.
    pub(super) async fn ask_for_recipient(
        &mut self,
        configuration: &Configuration,
        forward_path: &Address,
    ) -> Result<Option<Reservation>, Box<Reply>> {
        let throttles = &configuration.inbound.rcpt;
        if throttles.is_empty() {
            return Ok(None);
        }
        let client = self.client();
        let Some(incoming) = self.machine.transaction() else { return Ok(None) };
        let admission = Some(&incoming.admission);
        match client.reserve(configuration, throttles, admission, Some(forward_path)).await {
            Ok(reservation) => Ok(Some(reservation)),
            Err(held) => {
                let now = self.around.world.clock.now();
                Err(Box::new(refusal(451, "Too much mail to this recipient", &held, now)))
            }
        }
    }

    fn client(&self) -> Client {
        let lmtp = self.listener.protocol == Protocol::Lmtp;
        Client {
            around: Arc::clone(&self.around),
            session: SessionFacts {
                listener: "",
                client: self.ends.client,
                local: self.ends.local,
                protocol: if lmtp { "lmtp" } else { "smtp" },
                is_tls: self.machine.is_tls(),
                helo_domain: "",
                authenticated_as: "",
                admission: None,
                forward_path: None,
            },
            listener: Arc::clone(&self.listener),
            helo_domain: self.machine.hello().map(|hello| hello.name.clone()).unwrap_or_default(),
            authenticated_as: self.machine.user().unwrap_or_default().to_owned(),
        }
    }
}

impl Client {
    async fn reserve(
        &self,
        configuration: &Configuration,
        throttles: &[Throttle],
        admission: Option<&Admission>,
        forward_path: Option<&Address>,
    ) -> Result<Reservation, Held> {
        let facts = SessionFacts {
            listener: &self.listener.name,
            helo_domain: &self.helo_domain,
            authenticated_as: &self.authenticated_as,
            admission,
            forward_path,
            ..self.session
        };
        reserve(&self.around.world, &self.around.throttles, configuration, throttles, &facts).await
    }
}

/// A place in all throttles that apply. A condition that cannot be decided holds nobody up.
pub(crate) async fn reserve(
    world: &World,
    buckets: &Arc<Throttles>,
    configuration: &Configuration,
    throttles: &[Throttle],
    facts: &SessionFacts<'_>,
) -> Result<Reservation, Held> {
    let wanted = match decide(world, |answers| demands(throttles, configuration, facts, answers)).await {
        Ok(wanted) => wanted,
        Err(trouble) => {
            tracing::warn!(why = trouble.text, "it cannot be said whether a rate limit applies");
            Vec::new()
        }
    };
    buckets.reserve(wanted, Asker::Client, world.clock.now())
}

/// A refusal that says when to come again.
pub(crate) fn refusal(code: u16, what: &str, held: &Held, now: Timestamp) -> Reply {
    let seconds = held.until.since(now).as_millis().div_ceil(1000);
    let text = format!("{what}, come again in {}", words(u64::try_from(seconds).unwrap_or(u64::MAX).max(1)));
    Reply::new(code, Some(EnhancedStatus::new(4, 4, 5)), text)
}

/// A time in words, rounded up.
fn words(seconds: u64) -> String {
    match seconds {
        1 => "a second".to_owned(),
        2..=120 => format!("{seconds} seconds"),
        _ => format!("{} minutes", seconds.div_ceil(60)),
    }
}
