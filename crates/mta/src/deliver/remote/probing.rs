//! A delivery that ends before its content would be sent, and what those are told who watch it.

use mail::Stage;
use policy::mx::Host;
use policy::{AttemptOutcome, Configuration, Trouble, limits};
use store::Content;
use tokio::time::Instant;
use wire::smtp::client::Answer;

use super::super::fit::Contents;
use super::Remote;
use crate::attempt::Delivery;
use crate::connections::Connections;
use crate::events::Transcript;
use crate::hosts::Found;
use crate::probe::ProbeStage;
use crate::world::World;

impl<'a> Remote<'a> {
    /// A delivery that ends when the recipients are answered, and leaves no trace.
    pub(crate) fn probing(
        world: &'a World,
        configuration: &'a Configuration,
        connections: &'a Connections,
        delivery: &'a Delivery,
        (content, transcript): (Content, Transcript),
    ) -> Self {
        let now = Instant::now();
        Remote {
            contents: Contents::given(content),
            transcript,
            only_asks: true,
            begin_until: now + limits::PROBE_MAX / 2,
            until: now + limits::PROBE_MAX,
            ..Remote::new(world, configuration, connections, delivery)
        }
    }
}

impl Remote<'_> {
    pub(super) fn enter(&self, stage: ProbeStage, detail: &str) {
        if let Some(stages) = self.transcript.stages() {
            stages.enter(stage, detail);
        }
    }

    pub(super) fn tell_found(&self, host: &Host, found: &Found) {
        if let Some(stages) = self.transcript.stages() {
            let addresses: Vec<String> = found.addresses.iter().map(ToString::to_string).collect();
            stages.detail(&format!("{}: {}", host.name, addresses.join(", ")));
        }
    }

    pub(super) fn tell_failure(&self, stage: Option<Stage>, trouble: &Trouble) {
        if let Some(stages) = self.transcript.stages() {
            stages.fail(stage, &trouble.text);
        }
    }

    pub(super) fn tell(&self, stage: Option<Stage>, outcome: &AttemptOutcome) {
        match outcome {
            AttemptOutcome::Delivered(_) => {}
            AttemptOutcome::Deferred(trouble)
            | AttemptOutcome::Failed(trouble)
            | AttemptOutcome::Postponed { trouble, .. } => self.tell_failure(stage, trouble),
        }
    }
}

/// The command that the answer is about, if it is no good.
pub(super) fn stage_of(answer: &Answer) -> Option<Stage> {
    match answer {
        Answer::Refused(stage, _) | Answer::Unanswered(stage, _) => Some(*stage),
        Answer::Taken(_) | Answer::InDoubt(_) => None,
    }
}
