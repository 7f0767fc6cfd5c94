//! Tells those who listen that a client came and went, and what it was refused.

use mail::{Address, Reply, ReversePath};

use super::{Ends, Session, Surroundings};
use crate::events::{ClientConnection, ConnectionChange, Event, Refused, RefusedStep};
use crate::listen::ListenerSettings;

/// That a client's connection came or went.
pub(crate) fn connection(
    around: &Surroundings,
    listener: &ListenerSettings,
    ends: Ends,
    change: ConnectionChange,
) {
    let events = &around.world.events;
    if events.wanted().events {
        events.report(Event::Connection(Box::new(ClientConnection {
            at: around.world.clock.now(),
            client: ends.client_ip(),
            listener: listener.name.clone(),
            change,
        })));
    }
}

impl Session {
    /// Whether it is worth to keep what a refusal would be about.
    pub(super) fn is_heard(&self) -> bool {
        self.around.world.events.wanted().events
    }

    /// Refuses, and says so to those who listen.
    pub(super) fn refuse(&mut self, step: RefusedStep, forward_path: Option<Address>, reply: &Reply) {
        self.tell_refusal(step, None, forward_path, reply);
        self.machine.refuse(reply);
    }

    /// That this was refused.
    pub(super) fn tell_refusal(
        &mut self,
        step: RefusedStep,
        reverse_path: Option<ReversePath>,
        forward_path: Option<Address>,
        reply: &Reply,
    ) {
        if !self.is_heard() {
            return;
        }
        let of_transaction =
            self.machine.transaction().map(|incoming| incoming.admission.reverse_path().clone());
        let world = &self.around.world;
        world.events.report(Event::Refused(Box::new(Refused {
            at: world.clock.now(),
            client: self.ends.client_ip(),
            listener: self.listener.name.clone(),
            authenticated_as: self.machine.user().map(str::to_owned),
            step,
            reverse_path: reverse_path.or(of_transaction),
            forward_path,
            reply: reply.clone(),
        })));
    }
}
