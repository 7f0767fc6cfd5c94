//! What the machine asks, answered: by `policy::admit`, the authenticator, the store.

use std::sync::Arc;
use std::time::Duration;

use mail::header::{Received, With};
use mail::{DeliverBy, Origin, Parameters, Reply, Source, Timestamp};
use policy::admit::{self, Admission};
use wire::smtp::command::{ForwardPath, HelloVerb, Hold, MailFrom, MailParameters, RcptTo};
use wire::smtp::line_ends::LineEndMender;
use wire::smtp::server::Finished;

use super::{Ended, Session};
use crate::accept::{self, Incoming};
use crate::events::RefusedStep;
use crate::inspect::{Inspection, Visitor};
use crate::lookups::learn;

impl Session {
    pub(super) async fn mail(&mut self, mail: MailFrom) {
        let configuration = Arc::clone(&self.around.configuration.borrow());
        let now = self.around.world.clock.now();
        let begun = Admission::begin(
            &self.listener.admission,
            self.origin(),
            mail.reverse_path,
            parameters(mail.parameters, now),
            &self.offered,
            now,
        );
        let admission = match begun {
            Ok(admission) => admission,
            Err(reply) => return self.refuse(RefusedStep::Mail, None, &reply),
        };
        match self.ask_for_mail(&configuration, &admission).await {
            Ok(()) => self.machine.accept_mail(Incoming::new(admission, configuration)),
            Err(reply) => {
                let reverse_path = admission.reverse_path().clone();
                self.tell_refusal(RefusedStep::Mail, Some(reverse_path), None, &reply);
                self.machine.refuse(&reply);
            }
        }
    }

    fn origin(&self) -> Origin {
        Origin {
            source: Source::Unauthenticated,
            listener: self.listener.name.clone(),
            client_ip: self.ends.client_ip(),
            local_port: self.ends.local.port(),
            authenticated_as: self.machine.user().map(str::to_owned),
        }
    }

    pub(super) async fn recipient(&mut self, rcpt: RcptTo) {
        let Some(incoming) = self.machine.transaction() else { return };
        let configuration = Arc::clone(&incoming.configuration);
        let forward_path = match rcpt.forward_path {
            ForwardPath::Address(address) => address,
            ForwardPath::Postmaster => admit::postmaster(&configuration),
        };
        let reserved = match self.ask_for_recipient(&configuration, &forward_path).await {
            Ok(reserved) => reserved,
            Err(reply) => return self.refuse(RefusedStep::Rcpt, Some(forward_path), &reply),
        };
        let told = self.is_heard().then(|| forward_path.clone());
        let around = Arc::clone(&self.around);
        let Some(incoming) = self.machine.transaction() else { return };
        let beginning = || incoming.admission.beginning(around.world.clock.now());
        if let Err(reply) = around.quotas.look(beginning, &forward_path) {
            return self.refuse(RefusedStep::Rcpt, Some(forward_path), &reply);
        }
        let asked = rcpt.parameters;
        learn(&around.world, &configuration, &mut incoming.admission, &forward_path).await;
        match incoming.admission.recipient(&configuration, forward_path, asked.original, asked.notify) {
            Ok(()) => {
                if let Some(reserved) = reserved {
                    reserved.keep();
                }
                self.machine.accept_recipient();
            }
            Err(reply) => self.refuse(RefusedStep::Rcpt, told, &reply),
        }
    }

    pub(super) async fn content_begins(&mut self) {
        self.id = self.around.trace_ids.next();
        let trace_field = self.trace_field();
        let mender = self.machine.mends_line_ends().then(LineEndMender::default);
        let inspection = match self.inspection().await {
            Ok(inspection) => inspection,
            Err(reply) => return self.machine.refuse(&reply),
        };
        let Some(incoming) = self.machine.transaction() else { return };
        match incoming.begin(&self.around.world, trace_field, mender, inspection).await {
            Ok(()) => self.machine.accept_content(),
            Err(error) => self.machine.refuse(&accept::refusal(&error)),
        }
    }

    async fn inspection(&mut self) -> Result<Option<Inspection>, Reply> {
        let Some(Incoming { admission, configuration, .. }) = self.machine.transaction() else {
            return Ok(None);
        };
        if !Inspection::is_due(configuration, admission) {
            return Ok(None);
        }
        let hello = self.machine.hello();
        let visitor = Visitor {
            helo: hello.map_or_else(String::new, |hello| hello.name.clone()),
            is_tls: self.machine.is_tls(),
            is_lmtp: hello.is_some_and(|hello| hello.verb == HelloVerb::Lhlo),
        };
        let Some(Incoming { admission, configuration, .. }) = self.machine.transaction() else {
            return Ok(None);
        };
        Inspection::of(&self.around.world, configuration, admission, visitor).await
    }

    fn trace_field(&mut self) -> Vec<u8> {
        let (tls, authenticated) = (self.machine.is_tls(), self.machine.user().is_some());
        let (verb, helo) = match self.machine.hello() {
            Some(hello) => (hello.verb, hello.name.clone()),
            None => (HelloVerb::Helo, String::new()),
        };
        let (client, at) = (self.ends.client_ip(), self.around.world.clock.wall());
        let mut field = Vec::new();
        let Some(incoming) = self.machine.transaction() else { return field };
        let utf8 = incoming.admission.parameters().smtputf8;
        let with = match verb {
            HelloVerb::Helo => With::Smtp,
            HelloVerb::Ehlo => With::Esmtp { tls, authenticated, utf8 },
            HelloVerb::Lhlo => With::Lmtp { tls, authenticated, utf8 },
        };
        let mut forward_paths = incoming.admission.forward_paths();
        // Several would tell each of the others.
        let recipient = if forward_paths.len() == 1 { forward_paths.next() } else { None };
        let by = &incoming.configuration.hostname;
        Received { helo: &helo, client, by, with, id: &self.id, recipient, at }.append_to(&mut field);
        field
    }

    pub(super) async fn content_ends(&mut self, finished: Finished<Incoming>) -> Result<(), Ended> {
        // What was answered before must not wait for the disk.
        self.flush().await?;
        let limit = self.listener.times.commit;
        let reverse_path = self.is_heard().then(|| finished.transaction.admission.reverse_path().clone());
        let reply = {
            let (world, quotas) = (&self.around.world, &self.around.quotas);
            let committed =
                finished.transaction.commit(world, quotas, &self.id, finished.traits, limit).await;
            committed.map_or_else(|reply| reply, accept::taken)
        };
        if reply.code >= 400 {
            self.tell_refusal(RefusedStep::Content, reverse_path, None, &reply);
        }
        self.machine.finish(&reply);
        Ok(())
    }
}

fn parameters(given: MailParameters, now: Timestamp) -> Parameters {
    Parameters {
        body: given.body,
        ret: given.ret,
        envelope_id: given.envelope_id,
        smtputf8: given.smtputf8,
        require_tls: given.require_tls,
        priority: given.priority.unwrap_or(0),
        hold_until: given.hold.map(|hold| match hold {
            Hold::For(seconds) => now.plus(Duration::from_secs(seconds)),
            Hold::Until(at) => at,
        }),
        deliver_by: given.deliver_by.map(|by| DeliverBy {
            until: now.plus_seconds(by.seconds),
            mode: by.mode,
            trace: by.trace,
        }),
    }
}
