//! Which stages has an attempt passed, and where does it stand? Recorded for those who watch a probe.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mail::{Stage, Timestamp};
use tokio::time::Instant;

/// Stages that are remembered at most: a route may have many hosts.
const STAGES_MAX: usize = 60;
/// Bytes of a detail at most.
const DETAIL_BYTES_MAX: usize = 500;

/// What of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ProbeStage {
    /// Secrets, hosts, addresses, TLS policies.
    Resolve,
    /// The connection, the greeting, EHLO.
    Connect,
    /// STARTTLS and the handshake.
    Tls,
    /// Who we are.
    Auth,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Rcpt,
}

impl ProbeStage {
    /// All, in their order.
    pub const ALL: [ProbeStage; 6] = [
        ProbeStage::Resolve,
        ProbeStage::Connect,
        ProbeStage::Tls,
        ProbeStage::Auth,
        ProbeStage::Mail,
        ProbeStage::Rcpt,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            ProbeStage::Resolve => "resolve",
            ProbeStage::Connect => "connect",
            ProbeStage::Tls => "tls",
            ProbeStage::Auth => "auth",
            ProbeStage::Mail => "mail",
            ProbeStage::Rcpt => "rcpt",
        }
    }

    /// That of a stage of the dialogue; greeting and EHLO belong to what was before them.
    fn of(stage: Stage) -> Option<Self> {
        match stage {
            Stage::Greeting | Stage::Hello | Stage::Reset | Stage::Data | Stage::Content => None,
            Stage::StartTls => Some(ProbeStage::Tls),
            Stage::Auth => Some(ProbeStage::Auth),
            Stage::Mail => Some(ProbeStage::Mail),
            Stage::Rcpt => Some(ProbeStage::Rcpt),
        }
    }
}

/// How a stage stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StageState {
    /// It goes on.
    Running,
    /// It is passed.
    Done,
    /// It ended here.
    Failed,
}

impl StageState {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            StageState::Running => "running",
            StageState::Done => "done",
            StageState::Failed => "failed",
        }
    }
}

/// One stage at one host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StageReport {
    /// Which.
    pub stage: ProbeStage,
    /// How it stands.
    pub state: StageState,
    /// What came of it, in one line.
    pub detail: String,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took, or takes so far.
    pub duration: Duration,
}

/// Records stages; clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Stages(Arc<Mutex<Recorded>>);

#[derive(Debug)]
struct Recorded {
    began: Instant,
    began_at: Timestamp,
    running_since: Instant,
    reports: Vec<StageReport>,
}

impl Stages {
    /// None yet.
    pub(crate) fn begin(now: Timestamp) -> Self {
        let began = Instant::now();
        Stages(Arc::new(Mutex::new(Recorded {
            began,
            began_at: now,
            running_since: began,
            reports: Vec::new(),
        })))
    }

    /// Another stage begins, or this one goes on.
    pub(crate) fn enter(&self, stage: ProbeStage, detail: &str) {
        self.lock().enter(stage, detail);
    }

    /// The dialogue waits for a reply of this stage.
    pub(crate) fn awaiting(&self, stage: Stage) {
        if let Some(stage) = ProbeStage::of(stage) {
            self.enter(stage, "");
        }
    }

    /// Something to know about the stage that goes on.
    pub(crate) fn detail(&self, detail: &str) {
        if let Some(last) = self.lock().reports.last_mut()
            && last.state == StageState::Running
        {
            if !last.detail.is_empty() {
                last.detail.push_str("; ");
            }
            last.detail = shortened(&format!("{}{detail}", last.detail));
        }
    }

    /// The stage that goes on has failed; or an earlier one, whose reply told it only now.
    pub(crate) fn fail(&self, stage: Option<Stage>, why: &str) {
        let mut recorded = self.lock();
        let earlier = stage.and_then(ProbeStage::of);
        if let Some(stage) = earlier {
            match recorded.reports.iter().rposition(|report| report.stage == stage) {
                Some(at) => recorded.reports.truncate(at + 1),
                // Its reply came together with the one before it.
                None => recorded.enter(stage, ""),
            }
        }
        let elapsed = recorded.running_since.elapsed();
        let Some(last) = recorded.reports.last_mut() else { return };
        if last.state == StageState::Running {
            last.duration = elapsed;
        }
        last.state = StageState::Failed;
        last.detail = shortened(why);
    }

    /// All is passed.
    pub(crate) fn finish(&self) {
        self.lock().settle(StageState::Done);
    }

    /// As they stand.
    pub(crate) fn reports(&self) -> Vec<StageReport> {
        let recorded = self.lock();
        let mut reports = recorded.reports.clone();
        if let Some(last) = reports.last_mut().filter(|last| last.state == StageState::Running) {
            last.duration = recorded.running_since.elapsed();
        }
        reports
    }

    fn lock(&self) -> MutexGuard<'_, Recorded> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recorded {
    fn enter(&mut self, stage: ProbeStage, detail: &str) {
        let again = self.reports.last().is_some_and(|last| {
            last.stage == stage && last.state == StageState::Running && detail.is_empty()
        });
        if again {
            return;
        }
        self.settle(StageState::Done);
        if self.reports.len() < STAGES_MAX {
            self.running_since = Instant::now();
            self.reports.push(StageReport {
                stage,
                state: StageState::Running,
                detail: shortened(detail),
                started_at: self.began_at.plus(self.began.elapsed()),
                duration: Duration::ZERO,
            });
        }
    }

    fn settle(&mut self, state: StageState) {
        let elapsed = self.running_since.elapsed();
        if let Some(last) = self.reports.last_mut().filter(|last| last.state == StageState::Running) {
            last.state = state;
            last.duration = elapsed;
        }
    }
}

fn shortened(text: &str) -> String {
    mail::dsn::one_line(text, DETAIL_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(stages: &Stages) -> Vec<(&'static str, &'static str, String)> {
        stages.reports().into_iter().map(|r| (r.stage.name(), r.state.name(), r.detail)).collect()
    }

    #[tokio::test]
    async fn stages_follow_each_other_and_the_last_one_says_how_it_ended() {
        let stages = Stages::begin(Timestamp::EPOCH);
        stages.enter(ProbeStage::Resolve, "");
        stages.detail("192.0.2.1");
        stages.enter(ProbeStage::Connect, "mx 192.0.2.1:25");
        stages.awaiting(Stage::Greeting);
        stages.awaiting(Stage::Mail);
        stages.awaiting(Stage::Rcpt);
        stages.awaiting(Stage::Rcpt);
        assert_eq!(shown(&stages).last().map(|last| last.1), Some("running"));
        stages.detail("250 ok");
        stages.finish();
        let expected = [
            ("resolve", "done", "192.0.2.1"),
            ("connect", "done", "mx 192.0.2.1:25"),
            ("mail", "done", ""),
            ("rcpt", "done", "250 ok"),
        ];
        assert_eq!(shown(&stages), expected.map(|(name, state, detail)| (name, state, detail.to_owned())));
    }

    #[tokio::test]
    async fn a_refusal_belongs_to_the_command_that_was_refused() {
        let stages = Stages::begin(Timestamp::EPOCH);
        stages.awaiting(Stage::Mail);
        stages.awaiting(Stage::Rcpt);
        stages.fail(Some(Stage::Mail), "550 no");
        assert_eq!(shown(&stages), [("mail", "failed", "550 no".to_owned())]);
        for number in 0..100 {
            stages.enter(ProbeStage::Connect, &number.to_string());
        }
        assert_eq!(stages.reports().len(), STAGES_MAX);
    }
}
