//! When is the next attempt, and when do we give up?

use std::time::Duration;

use mail::{Envelope, Parameters, RecipientId, Timestamp};

use crate::limits::{
    JITTER_PERCENT_MAX, LIST_PORTION, LIST_PORTION_INTERVAL, NOTICES_KEPT_MAX, RETRY_DELAY_MIN,
};
use crate::outcome::{Trouble, TroubleKind};
use crate::revise::{Hold, Orders};
use crate::route::NextHop;
use crate::settings::{DeliveryExpiration, MtaDeliverySchedule, NotifyFrom};

/// How far a recipient is in its schedule. Kept by the store, changed only here and in `verdict`.
#[derive(Clone, PartialEq, Debug)]
pub struct Progress {
    /// Temporary failures so far; 0 at the first attempt.
    pub retry_num: u32,
    /// When the next attempt is due.
    pub due: Timestamp,
    /// Delay notices sent so far.
    pub notify_num: u32,
    /// When the next delay notice is due; none if no more will be sent.
    pub notify_due: Option<Timestamp>,
    /// When we give up.
    pub expiry: Expiry,
    /// The virtual queue that holds the recipient.
    pub virtual_queue: String,
    /// What the last attempt ran into.
    pub last: Option<Trouble>,
    /// The time that the envelope set for giving up (`BY=…;R`, RFC 2852); no schedule extends it.
    pub envelope_expiry: Option<Timestamp>,
    /// Whether the envelope set the one time of the delay notice (`BY=…;N`); no schedule changes it.
    pub envelope_notice: bool,
    /// Where the last attempt went, or was to go.
    pub last_hop: Option<NextHop>,
    /// What operators have ordered; as a rule nothing.
    pub orders: Option<Box<Orders>>,
}

/// When we give up on a recipient.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expiry {
    /// At this time.
    At(Timestamp),
    /// After this many attempts.
    Attempts(u32),
}

impl Progress {
    /// The first place in a schedule. A hold (RFC 4865) delays the attempt, the notice and the expiry alike.
    pub fn first(schedule: &MtaDeliverySchedule, accepted_at: Timestamp, parameters: &Parameters) -> Self {
        let start = start(accepted_at, parameters);
        Progress {
            retry_num: 0,
            due: start,
            notify_num: 0,
            notify_due: notice_time(schedule, start, 0),
            expiry: expiry(schedule, start),
            virtual_queue: schedule.queue_id.clone(),
            last: None,
            envelope_expiry: None,
            envelope_notice: false,
            last_hop: None,
            orders: None,
        }
    }

    /// The place of the `nth` recipient of a message: a long list comes in portions, so that it holds up no other mail.
    pub fn in_turn(mut self, nth: usize) -> Self {
        let portion = u32::try_from(nth / LIST_PORTION).unwrap_or(u32::MAX);
        self.due = self.due.plus(LIST_PORTION_INTERVAL.saturating_mul(portion));
        self
    }

    /// Before there is a schedule: what the expression that chooses one sees.
    pub fn unscheduled(now: Timestamp) -> Self {
        Progress {
            retry_num: 0,
            due: now,
            notify_num: 0,
            notify_due: None,
            expiry: Expiry::At(Timestamp::NEVER),
            virtual_queue: "default".to_owned(),
            last: None,
            envelope_expiry: None,
            envelope_notice: false,
            last_hop: None,
            orders: None,
        }
    }

    /// To be delivered within so many seconds of acceptance, or returned (`BY=n;R`, RFC 2852 section 4).
    /// A hold does not extend it.
    pub fn returned_after(mut self, accepted_at: Timestamp, seconds: u32) -> Self {
        let at = accepted_at.plus(Duration::from_secs(seconds.into()));
        self.envelope_expiry = Some(at);
        self.expiry = Expiry::At(at);
        self
    }

    /// To be told about once if not delivered within so many seconds of acceptance (`BY=n;N`, RFC 2852 section 4).
    /// A negative number counts back from the expiry.
    pub fn told_after(mut self, accepted_at: Timestamp, seconds: i64) -> Self {
        let span = Duration::from_secs(seconds.unsigned_abs());
        if matches!(self.expiry, Expiry::Attempts(_)) {
            let at = accepted_at.plus(span);
            self.expiry = Expiry::At(at);
            self.envelope_expiry = Some(at);
        }
        let at = match self.expiry {
            Expiry::At(expiry) if seconds < 0 => {
                accepted_at.plus(expiry.since(accepted_at).saturating_sub(span))
            }
            Expiry::At(_) | Expiry::Attempts(_) => accepted_at.plus(span),
        };
        self.notify_due = Some(at);
        self.envelope_notice = true;
        self
    }

    /// When something is to be done about the recipient next: an attempt, a delay notice, or giving up.
    pub fn next_event(&self) -> Timestamp {
        match self.orders.as_deref() {
            None => {}
            Some(orders) if orders.cancelled.is_some() => return Timestamp::EPOCH,
            Some(orders) if orders.held.is_some() || orders.parked => return Timestamp::NEVER,
            Some(_) => {}
        }
        let expiry = match self.expiry {
            Expiry::At(at) => at,
            Expiry::Attempts(_) => Timestamp::NEVER,
        };
        self.due.min(expiry).min(self.notify_due.unwrap_or(Timestamp::NEVER))
    }

    /// Who holds it, if somebody does.
    pub fn held(&self) -> Option<&Hold> {
        self.orders.as_ref()?.held.as_ref()
    }

    /// How often operators have edited it.
    pub fn edits(&self) -> u32 {
        self.orders.as_ref().map_or(0, |orders| orders.edits)
    }

    /// Outside the order of the queue, until what it waits for is resumed.
    pub fn parked(mut self) -> Self {
        self.orders.get_or_insert_default().parked = true;
        self
    }

    /// Whether we give up now: the time is over, or the attempts are used up.
    pub fn expired(&self, now: Timestamp) -> bool {
        if self.held().is_some() {
            return false;
        }
        match self.expiry {
            Expiry::At(at) => at <= now,
            Expiry::Attempts(attempts) => self.retry_num >= attempts,
        }
    }

    /// When we shall have given up, if that is known: what `Will-Retry-Until` says.
    pub fn gives_up_at(&self) -> Option<Timestamp> {
        match self.expiry {
            Expiry::At(at) => Some(at),
            Expiry::Attempts(_) => None,
        }
    }

    /// Whether a delay notice is due.
    pub fn notice_due(&self, now: Timestamp) -> bool {
        self.held().is_none() && self.notify_due.is_some_and(|due| due <= now)
    }

    /// After a delay notice: counted, and the next one set. Several that have become due in the meantime are one.
    pub fn noticed(mut self, schedule: &MtaDeliverySchedule, envelope: &Envelope, now: Timestamp) -> Self {
        let start = start(envelope.accepted_at, &envelope.parameters);
        self.notify_num = self.notify_num.saturating_add(1);
        if let Some(orders) = &mut self.orders {
            // What was ordered is done; the schedule says when the next one is due.
            orders.notice_edit = 0;
        }
        self.notify_due = match schedule.notify_from {
            _ if self.envelope_notice => None,
            NotifyFrom::Previous => notice_time(schedule, now, self.notify_num),
            NotifyFrom::Acceptance => {
                while notice_time(schedule, start, self.notify_num).is_some_and(|at| at <= now) {
                    self.notify_num += 1;
                }
                notice_time(schedule, start, self.notify_num)
            }
        };
        self
    }

    /// The same place in another schedule, which was chosen after a temporary failure. What the envelope set stays.
    pub fn moved_to(mut self, schedule: &MtaDeliverySchedule, envelope: &Envelope) -> Self {
        let start = start(envelope.accepted_at, &envelope.parameters);
        if self.virtual_queue != schedule.queue_id {
            self.virtual_queue.clone_from(&schedule.queue_id);
        }
        let by_schedule = match (expiry(schedule, start), self.orders.as_deref()) {
            (Expiry::At(at), Some(orders)) => Expiry::At(at.plus(orders.time_held)),
            (by_schedule, _) => by_schedule,
        };
        let ordered = self.orders.as_ref().is_some_and(|orders| orders.expiry_edit > 0);
        self.expiry = match (by_schedule, self.envelope_expiry) {
            _ if ordered => self.expiry,
            (Expiry::At(at), Some(limit)) => Expiry::At(at.min(limit)),
            (Expiry::Attempts(_), Some(limit)) => Expiry::At(limit),
            (by_schedule, None) => by_schedule,
        };
        let ordered_notice = self.orders.as_ref().is_some_and(|orders| orders.notice_edit > 0);
        if !self.envelope_notice && !ordered_notice {
            let by_schedule = notice_time(schedule, start, self.notify_num);
            self.notify_due = match (schedule.notify_from, self.notify_due) {
                (NotifyFrom::Previous, Some(due)) if self.notify_num > 0 => by_schedule.and(Some(due)),
                (NotifyFrom::Previous | NotifyFrom::Acceptance, _) => by_schedule,
            };
        }
        self
    }
}

/// When the recipient is tried again after a temporary failure that `progress` does not count yet;
/// none if there is no further attempt because time or attempts are used up.
///
/// A time at or beyond the expiry is only ever a full interval, never the jitter's doing: then the
/// recipient waits for its expiry.
pub fn next_attempt(
    schedule: &MtaDeliverySchedule,
    recipient: RecipientId,
    progress: &Progress,
    now: Timestamp,
) -> Option<Timestamp> {
    let delay = interval(schedule, progress.retry_num);
    let plain = now.plus(delay);
    let spread = plain.plus(jitter(delay, recipient, progress.retry_num));
    match progress.expiry {
        Expiry::At(at) if at <= now => None,
        Expiry::At(at) if plain < at && spread >= at => Some(plain),
        Expiry::Attempts(attempts) if progress.retry_num.saturating_add(1) >= attempts => None,
        Expiry::At(_) | Expiry::Attempts(_) => Some(spread),
    }
}

/// The schedule of a recipient for which none can be chosen now: the place it has, with the waits of the fresh system.
pub fn schedule_kept(progress: &Progress, envelope: &Envelope) -> MtaDeliverySchedule {
    let start = start(envelope.accepted_at, &envelope.parameters);
    let notices = usize::try_from(progress.notify_num).unwrap_or(usize::MAX).min(NOTICES_KEPT_MAX);
    MtaDeliverySchedule {
        name: String::new(),
        description: None,
        queue_id: progress.virtual_queue.clone(),
        retry: [120, 300, 600, 900, 1800, 3600, 7200].map(Duration::from_secs).to_vec(),
        notify: progress.notify_due.map_or_else(Vec::new, |due| vec![due.since(start); notices + 1]),
        notify_from: NotifyFrom::Acceptance,
        expiry: match progress.expiry {
            Expiry::At(at) => DeliveryExpiration::Ttl(at.since(start)),
            Expiry::Attempts(attempts) => DeliveryExpiration::Attempts(attempts),
        },
    }
}

/// The schedule of a notification for which none can be chosen: the one of the fresh system.
pub fn notification_schedule() -> MtaDeliverySchedule {
    MtaDeliverySchedule {
        name: "dsn".to_owned(),
        description: None,
        queue_id: "dsn".to_owned(),
        retry: [900, 1800, 3600, 7200].map(Duration::from_secs).to_vec(),
        notify: Vec::new(),
        notify_from: NotifyFrom::Acceptance,
        expiry: DeliveryExpiration::Attempts(10),
    }
}

/// What `last_status` shows: the outcome of the last attempt in words that people match on.
pub fn last_status(progress: &Progress) -> String {
    match &progress.last {
        None => "Scheduled".to_owned(),
        Some(trouble) => format!("Temporary Failure for {}: {}", trouble.host, cause(trouble)),
    }
}

/// The cause of a trouble in words: `Unexpected response for RCPT TO: Code: 450, …`, `DNS lookup failed: …`.
pub fn cause(trouble: &Trouble) -> String {
    match (trouble.kind, &trouble.reply) {
        (TroubleKind::UnexpectedReply, Some((command, reply))) => {
            let enhanced = reply.enhanced.map_or_else(|| "0.0.0".to_owned(), |status| status.to_string());
            format!(
                "Unexpected response for {command}: Code: {}, Enhanced code: {enhanced}, Message: {}",
                reply.code,
                reply.text.replace('\n', " ")
            )
        }
        (TroubleKind::UnexpectedReply, None) => format!("Unexpected response: {}", trouble.text),
        (TroubleKind::Dns, _) => format!("DNS lookup failed: {}", trouble.text),
        (TroubleKind::Connection, _) => format!("Connection failed: {}", trouble.text),
        (TroubleKind::Tls, _) => format!("TLS error: {}", trouble.text),
        (TroubleKind::Dane, _) => format!("DANE authentication failure: {}", trouble.text),
        (TroubleKind::MtaSts, _) => format!("MTA-STS auth failed: {}", trouble.text),
        (TroubleKind::Rate, _) => "Rate limited".to_owned(),
        (TroubleKind::Concurrency, _) => "Too many concurrent connections to remote server".to_owned(),
        (TroubleKind::Io, _) => format!("Queue error: {}", trouble.text),
    }
}

/// From when all times of a recipient count.
pub(crate) fn start(accepted_at: Timestamp, parameters: &Parameters) -> Timestamp {
    parameters.hold_until.map_or(accepted_at, |until| until.max(accepted_at))
}

fn expiry(schedule: &MtaDeliverySchedule, start: Timestamp) -> Expiry {
    match schedule.expiry {
        DeliveryExpiration::Ttl(ttl) => Expiry::At(start.plus(ttl)),
        DeliveryExpiration::Attempts(attempts) => Expiry::Attempts(attempts),
    }
}

fn notice_time(schedule: &MtaDeliverySchedule, start: Timestamp, notify_num: u32) -> Option<Timestamp> {
    let nth = usize::try_from(notify_num).unwrap_or(usize::MAX);
    schedule.notify.get(nth).map(|after| start.plus(*after))
}

/// The wait after so many failures; the last one repeats.
fn interval(schedule: &MtaDeliverySchedule, retry_num: u32) -> Duration {
    let nth = usize::try_from(retry_num).unwrap_or(usize::MAX);
    let waits = &schedule.retry;
    waits.get(nth).or(waits.last()).copied().unwrap_or(RETRY_DELAY_MIN).max(RETRY_DELAY_MIN)
}

/// Spreads what failed together, the same way each time it is asked.
fn jitter(delay: Duration, recipient: RecipientId, retry_num: u32) -> Duration {
    let share = mix(recipient.0 ^ (u64::from(retry_num) << 56)) % 1000;
    let delay_max = delay.saturating_mul(JITTER_PERCENT_MAX) / 100;
    let millis = delay_max.as_millis().saturating_mul(u128::from(share)) / 1000;
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// Every bit of the input reaches every bit of the result.
pub(crate) fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use mail::{ContentTraits, EnhancedStatus, MessageId, Origin, Reply, ReversePath, Source};
    use proptest::prelude::*;

    use super::*;
    use crate::outcome::{AttemptOutcome, Scope};
    use crate::verdict::{Verdict, expired, judge, postponed};

    const ACCEPTED: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn minutes(minutes: u64) -> Duration {
        Duration::from_secs(minutes * 60)
    }

    fn hours(hours: u64) -> Duration {
        minutes(hours * 60)
    }

    fn schedule(retry: &[Duration], notify: &[Duration], expiry: DeliveryExpiration) -> MtaDeliverySchedule {
        MtaDeliverySchedule {
            name: "remote".to_owned(),
            description: None,
            queue_id: "remote".to_owned(),
            retry: retry.to_vec(),
            notify: notify.to_vec(),
            notify_from: NotifyFrom::Acceptance,
            expiry,
        }
    }

    // proves: K8
    #[test]
    fn a_long_list_comes_in_portions() {
        let place = |nth| {
            let first = Progress::first(&three_days(&[hours(1)]), ACCEPTED, &Parameters::default());
            first.in_turn(nth).due.since(ACCEPTED)
        };
        let dues = [0, LIST_PORTION - 1, LIST_PORTION, 100_000].map(place);
        let interval = LIST_PORTION_INTERVAL;
        assert_eq!(dues, [Duration::ZERO, Duration::ZERO, interval, interval * 200]);
        assert!(place(usize::MAX) > hours(1), "no overflow");
    }

    fn three_days(retry: &[Duration]) -> MtaDeliverySchedule {
        schedule(retry, &[hours(24), hours(72)], DeliveryExpiration::Ttl(hours(72)))
    }

    fn envelope(parameters: Parameters) -> Envelope {
        Envelope {
            message: MessageId(1),
            reverse_path: ReversePath::Null,
            accepted_at: ACCEPTED,
            origin: Origin {
                source: Source::Authenticated,
                listener: "smtp".to_owned(),
                client_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
                local_port: 25,
                authenticated_as: None,
            },
            parameters,
            traits: ContentTraits::default(),
            size: 100,
            recipients: Vec::new(),
        }
    }

    fn trouble() -> Trouble {
        Trouble {
            scope: Scope::Recipient,
            kind: TroubleKind::UnexpectedReply,
            status: EnhancedStatus::new(4, 2, 0),
            text: "mx.example.org said: 450 4.2.0 later".to_owned(),
            host: "mx.example.org".to_owned(),
            reply: Some((
                "RCPT TO".to_owned(),
                Reply::new(450, Some(EnhancedStatus::new(4, 2, 0)), "later\nplease"),
            )),
            in_doubt: false,
        }
    }

    fn deferred() -> AttemptOutcome {
        AttemptOutcome::Deferred(trouble())
    }

    /// Runs attempts that all fail for now: the minutes at which they are made, and how it ends.
    fn run(schedule: &MtaDeliverySchedule, attempts_max: usize) -> (Vec<u64>, Option<Trouble>) {
        let envelope = envelope(Parameters::default());
        let mut progress = Progress::first(schedule, ACCEPTED, &envelope.parameters);
        let mut times = Vec::new();
        while times.len() < attempts_max {
            let now = progress.due;
            if progress.expired(now) {
                let Verdict::Failed(trouble) = expired(&progress) else { panic!("expired, so failed") };
                return (times, Some(trouble));
            }
            times.push(now.since(ACCEPTED).as_secs());
            match judge(schedule, &envelope, RecipientId(0), &progress, deferred(), now) {
                Verdict::Retry(next) => progress = next,
                Verdict::Failed(trouble) => return (times, Some(trouble)),
                Verdict::Delivered(_) => panic!("not delivered"),
            }
        }
        (times, None)
    }

    #[test]
    fn the_last_interval_repeats() {
        let (times, end) = run(&three_days(&[minutes(2), minutes(5), minutes(10)]), 5);
        assert_eq!(end, None);
        let plain = [0, 2, 7, 17, 27];
        for (time, plain) in times.iter().zip(plain) {
            let least = plain * 60;
            assert!((least..=least + least / 10).contains(time), "{times:?}");
        }
    }

    // proves: 5.17 attempts expiry
    #[test]
    fn gives_up_right_after_the_last_allowed_attempt() {
        let schedule = schedule(&[minutes(1)], &[], DeliveryExpiration::Attempts(3));
        let (times, end) = run(&schedule, 10);
        assert_eq!(times.len(), 3);
        let end = end.unwrap();
        assert_eq!(end.status, EnhancedStatus::new(5, 2, 0));
        assert_eq!(end.reply, trouble().reply, "the reply stays as it was said");
    }

    #[test]
    fn gives_up_by_time_with_the_last_trouble() {
        let schedule = schedule(&[minutes(2)], &[], DeliveryExpiration::Ttl(minutes(5)));
        let (times, end) = run(&schedule, 10);
        assert_eq!(times.len(), 3);
        assert_eq!(end.map(|trouble| trouble.kind), Some(TroubleKind::UnexpectedReply));
    }

    #[test]
    fn never_tried_is_said_so() {
        let schedule = three_days(&[minutes(2)]);
        let progress = Progress::first(&schedule, ACCEPTED, &Parameters::default());
        assert!(!progress.expired(ACCEPTED.plus(hours(72) - Duration::from_millis(1))));
        assert!(progress.expired(ACCEPTED.plus(hours(72))));
        let Verdict::Failed(trouble) = expired(&progress) else { panic!("expired, so failed") };
        assert_eq!(trouble.kind, TroubleKind::Io);
        assert_eq!(trouble.text, "message expired without any delivery attempt");
    }

    #[test]
    fn notices_count_from_acceptance() {
        let schedule = schedule(&[hours(1)], &[hours(24), hours(72)], DeliveryExpiration::Ttl(hours(24 * 5)));
        let envelope = envelope(Parameters::default());
        let first = Progress::first(&schedule, ACCEPTED, &envelope.parameters);
        assert_eq!(first.notify_due, Some(ACCEPTED.plus(hours(24))));
        let second = first.clone().noticed(&schedule, &envelope, ACCEPTED.plus(hours(24)));
        assert_eq!((second.notify_num, second.notify_due), (1, Some(ACCEPTED.plus(hours(72)))));
        let none = second.noticed(&schedule, &envelope, ACCEPTED.plus(hours(72)));
        assert_eq!((none.notify_num, none.notify_due), (2, None));
        let late = first.noticed(&schedule, &envelope, ACCEPTED.plus(hours(80)));
        assert_eq!((late.notify_num, late.notify_due), (2, None), "two that are overdue are one");
    }

    // proves: 5.10.4
    #[test]
    fn notices_count_from_the_one_before_where_the_schedule_says_so() {
        let plain = schedule(&[hours(1)], &[hours(24), hours(72)], DeliveryExpiration::Ttl(hours(24 * 5)));
        let schedule = MtaDeliverySchedule { notify_from: NotifyFrom::Previous, ..plain };
        let envelope = envelope(Parameters::default());
        let first = Progress::first(&schedule, ACCEPTED, &envelope.parameters);
        let second = first.noticed(&schedule, &envelope, ACCEPTED.plus(hours(25)));
        assert_eq!(second.notify_due, Some(ACCEPTED.plus(hours(97))));
        let failed = second.moved_to(&schedule, &envelope);
        assert_eq!(failed.notify_due, Some(ACCEPTED.plus(hours(97))), "a failure does not change that");
        let last = failed.noticed(&schedule, &envelope, ACCEPTED.plus(hours(97)));
        assert_eq!((last.notify_num, last.notify_due), (2, None));
    }

    // proves: B7
    #[test]
    fn what_failed_together_comes_back_spread_out() {
        let schedule = three_days(&[minutes(10)]);
        let progress = Progress::first(&schedule, ACCEPTED, &Parameters::default());
        let mut seconds = std::collections::BTreeMap::new();
        for id in 0..60_000 {
            // Ids as they are given to messages that come one after another.
            let due =
                next_attempt(&schedule, RecipientId((ACCEPTED.as_millis() << 20) + id), &progress, ACCEPTED);
            *seconds.entry(due.unwrap().as_millis() / 1000).or_insert(0) += 1;
        }
        let mean = 60_000 / 60;
        assert!(seconds.values().all(|count| *count < 2 * mean), "{seconds:?}");
        assert!(seconds.len() >= 60);
    }

    // proves: B3
    #[test]
    fn a_wait_is_as_long_when_clocks_are_put_forward_or_back() {
        let schedule = three_days(&[hours(2)]);
        let progress = Progress::first(&schedule, ACCEPTED, &Parameters::default());
        let wait = |now: Timestamp| {
            let progress = Progress { expiry: Expiry::At(Timestamp::NEVER), ..progress.clone() };
            next_attempt(&schedule, RecipientId(7), &progress, now).unwrap().since(now)
        };
        let waits = ["2026-01-15T00:30:00Z", "2026-03-29T00:30:00Z", "2026-10-25T00:30:00Z"]
            .map(|text| wait(Timestamp::parse_rfc3339(text).unwrap()));
        assert!(waits.iter().all(|each| *each == waits[0]), "{waits:?}");
    }

    // proves: 5.14.2
    #[test]
    fn the_next_event_is_the_earliest_of_attempt_notice_and_expiry() {
        let at = |seconds| ACCEPTED.plus(Duration::from_secs(seconds));
        let place = |due, notify_due: Option<u64>, expiry| Progress {
            due: at(due),
            notify_due: notify_due.map(at),
            expiry: Expiry::At(at(expiry)),
            ..Progress::unscheduled(ACCEPTED)
        };
        assert_eq!(place(1, Some(2), 3).next_event(), at(1));
        assert_eq!(place(3, Some(1), 2).next_event(), at(1));
        assert_eq!(place(3, Some(2), 1).next_event(), at(1));
        assert_eq!(place(3, None, 5).next_event(), at(3));
        let by_attempts = Progress { expiry: Expiry::Attempts(1), ..place(3, None, 1) };
        assert_eq!(by_attempts.next_event(), at(3));
    }

    // proves: 5.10.4, 5.10.5
    #[test]
    fn hold_and_deliver_by_together() {
        let schedule = schedule(&[minutes(2)], &[hours(15)], DeliveryExpiration::Ttl(hours(72)));
        let minute = Duration::from_secs(60);
        let held = Parameters { hold_until: Some(ACCEPTED.plus(minute)), ..Parameters::default() };
        let place = Progress::first(&schedule, ACCEPTED, &held).returned_after(ACCEPTED, 3600);
        assert_eq!(place.due, ACCEPTED.plus(minute));
        assert_eq!(place.expiry, Expiry::At(ACCEPTED.plus(hours(1))));
        assert_eq!(place.notify_due, Some(ACCEPTED.plus(hours(15) + minute)));
        let told = Progress::first(&schedule, ACCEPTED, &Parameters::default()).told_after(ACCEPTED, 3600);
        assert_eq!(told.notify_due, Some(ACCEPTED.plus(hours(1))));
    }

    #[test]
    fn a_hold_delays_attempt_notice_and_expiry() {
        let held = Parameters { hold_until: Some(ACCEPTED.plus(hours(1))), ..Parameters::default() };
        let progress = Progress::first(&three_days(&[minutes(2)]), ACCEPTED, &held);
        assert_eq!(progress.due, ACCEPTED.plus(hours(1)));
        assert_eq!(progress.notify_due, Some(ACCEPTED.plus(hours(25))));
        assert_eq!(progress.expiry, Expiry::At(ACCEPTED.plus(hours(73))));
        assert_eq!(progress.next_event(), progress.due);
    }

    // proves: 5.10.4
    #[test]
    fn deliver_by_is_not_extended_by_hold_nor_by_schedule() {
        let held =
            Parameters { hold_until: Some(ACCEPTED.plus(Duration::from_secs(60))), ..Parameters::default() };
        let schedule = three_days(&[minutes(2)]);
        let progress = Progress::first(&schedule, ACCEPTED, &held).returned_after(ACCEPTED, 3600);
        assert_eq!(progress.expiry, Expiry::At(ACCEPTED.plus(hours(1))));
        let mut moved = progress.moved_to(&schedule, &envelope(held));
        assert_eq!(moved.expiry, Expiry::At(ACCEPTED.plus(hours(1))));
        // RFC 3463 section 3.5: the status says that the time is over, not what was in the way.
        moved.last = Some(Trouble::ours("busy"));
        let Verdict::Failed(trouble) = expired(&moved) else { panic!("it has expired") };
        assert_eq!(trouble.status, EnhancedStatus::new(5, 4, 7));
    }

    // proves: 5.10.5
    #[test]
    fn deliver_by_notice_comes_once() {
        let schedule = three_days(&[minutes(2)]);
        let envelope = envelope(Parameters::default());
        let first = Progress::first(&schedule, ACCEPTED, &envelope.parameters);
        let told = first.clone().told_after(ACCEPTED, 3600);
        assert_eq!(told.notify_due, Some(ACCEPTED.plus(hours(1))));
        let told = told.noticed(&schedule, &envelope, ACCEPTED.plus(hours(1))).moved_to(&schedule, &envelope);
        assert_eq!(told.notify_due, None);
        assert_eq!(first.told_after(ACCEPTED, -3600).notify_due, Some(ACCEPTED.plus(hours(71))));
    }

    // proves: 5.17 schedule moves queue
    #[test]
    fn another_schedule_moves_to_another_virtual_queue_and_keeps_the_count() {
        let envelope = envelope(Parameters::default());
        let mut progress = Progress::first(&three_days(&[minutes(2)]), ACCEPTED, &envelope.parameters);
        progress.retry_num = 1;
        let slow = MtaDeliverySchedule {
            queue_id: "slow".to_owned(),
            ..schedule(&[minutes(1), hours(5)], &[], DeliveryExpiration::Ttl(hours(100)))
        };
        let Verdict::Retry(next) = judge(&slow, &envelope, RecipientId(7), &progress, deferred(), ACCEPTED)
        else {
            panic!("time is left")
        };
        assert_eq!((next.retry_num, next.virtual_queue.as_str()), (2, "slow"));
        assert_eq!((next.expiry, next.notify_due), (Expiry::At(ACCEPTED.plus(hours(100))), None));
        assert!(next.due >= ACCEPTED.plus(hours(5)));
    }

    #[test]
    fn a_limit_of_ours_is_no_attempt() {
        let schedule = three_days(&[minutes(2)]);
        let envelope = envelope(Parameters::default());
        let progress = Progress::first(&schedule, ACCEPTED, &envelope.parameters);
        let limited = Trouble { kind: TroubleKind::Rate, reply: None, ..trouble() };
        let outcome = AttemptOutcome::Deferred(limited.clone());
        let Verdict::Retry(next) = judge(&schedule, &envelope, RecipientId(7), &progress, outcome, ACCEPTED)
        else {
            panic!("time is left")
        };
        assert_eq!((next.retry_num, next.due), (0, ACCEPTED.plus(minutes(1))));
        assert_eq!(Verdict::Retry(next), postponed(&progress, ACCEPTED.plus(minutes(1)), limited));
    }

    #[test]
    fn without_a_choice_the_place_is_kept() {
        let envelope = envelope(Parameters::default());
        let mut progress = Progress::first(&three_days(&[minutes(2)]), ACCEPTED, &envelope.parameters);
        (progress.notify_num, progress.notify_due) = (1, Some(ACCEPTED.plus(hours(72))));
        let kept = schedule_kept(&progress, &envelope);
        assert_eq!(progress.clone().moved_to(&kept, &envelope), progress);
    }

    #[track_caller]
    fn check_status(last: Option<Trouble>, expected: &str) {
        let first = Progress::first(&three_days(&[minutes(2)]), ACCEPTED, &Parameters::default());
        assert_eq!(last_status(&Progress { last, ..first }), expected);
    }

    #[test]
    fn last_status_reads_as_people_match_on() {
        check_status(None, "Scheduled");
        check_status(
            Some(trouble()),
            "Temporary Failure for mx.example.org: Unexpected response for RCPT TO: \
             Code: 450, Enhanced code: 4.2.0, Message: later please",
        );
        let refused = Trouble {
            kind: TroubleKind::Connection,
            text: "connection refused".to_owned(),
            reply: None,
            ..trouble()
        };
        check_status(
            Some(refused),
            "Temporary Failure for mx.example.org: Connection failed: connection refused",
        );
    }

    proptest! {
        // proves: B7
        #[test]
        fn an_attempt_comes_after_its_interval_and_not_much_later(
            seconds in 0u64..400_000, retry_num in 0u32..200, recipient: u64, ttl in 1u64..1_000_000,
        ) {
            let delay = Duration::from_secs(seconds);
            let schedule = schedule(&[delay], &[], DeliveryExpiration::Ttl(Duration::from_secs(ttl)));
            let mut progress = Progress::first(&schedule, ACCEPTED, &Parameters::default());
            progress.retry_num = retry_num;
            let due = next_attempt(&schedule, RecipientId(recipient), &progress, ACCEPTED).unwrap();
            let delay = delay.max(RETRY_DELAY_MIN);
            let waited = due.since(ACCEPTED);
            prop_assert!(waited >= delay && waited <= delay + delay / 10);
            let end = ACCEPTED.plus(Duration::from_secs(ttl));
            prop_assert!(ACCEPTED.plus(delay) >= end || due < end, "the jitter costs no attempt");
            prop_assert_eq!(Some(due), next_attempt(&schedule, RecipientId(recipient), &progress, ACCEPTED));
        }
    }
}
