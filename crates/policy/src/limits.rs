//! Every limit, with its unit, and the relations between them.

use std::time::Duration;

use mail::Timestamp;

/// The shortest wait between two attempts, whatever a schedule says.
pub const RETRY_DELAY_MIN: Duration = Duration::from_secs(1);
/// Percent by which a wait may be stretched so that what failed together does not come back together.
pub const JITTER_PERCENT_MAX: u32 = 10;
/// The wait after a rate or concurrency limit of ours was met.
pub const LIMITED_DELAY: Duration = Duration::from_secs(60);

/// How far into the future those that a rate of ours holds up are told times; or two periods, if that is longer.
pub const POSTPONED_MAX: Duration = Duration::from_secs(60 * 60);
/// How long a time that was promised is kept free if nobody claims one.
pub const PROMISE_KEPT_FOR: Duration = Duration::from_secs(30);
/// Buckets of throttles at most, for clients and for deliveries; who finds no place is not counted.
pub const BUCKETS_MAX: usize = 100_000;

/// For how long a recipient is tried that had used up its time and is revived.
pub const REVIVED_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// Recipients that one transaction revises.
pub const REVISIONS_MAX: usize = 1_000;
/// Virtual queues and next hops that are paused at once.
pub const PAUSES_MAX: usize = 1_000;
/// Characters of the reason of a hold.
pub const HOLD_REASON_CHARS_MAX: usize = 500;

/// Recipients of one message that are due at once; so many more follow after each [`LIST_PORTION_INTERVAL`].
pub const LIST_PORTION: usize = 500;
/// The wait between two portions of a long list, in which other mail has its turn.
pub const LIST_PORTION_INTERVAL: Duration = Duration::from_millis(250);

/// Recipients at most of a message that a list passes on.
pub const LIST_RECIPIENTS_MAX: usize = 50_000;

/// Attempts that come from one source address before another one has its turn.
pub const SOURCE_KEPT_ATTEMPTS: u32 = 5;

/// How long the test of a route may take.
pub const PROBE_MAX: Duration = Duration::from_secs(90);

/// Wrong passwords from one client within [`GUESSES_CLIENT_WINDOW`] at most; more are not even looked at.
pub const GUESSES_CLIENT_MAX: u32 = 5;
/// How long a client's wrong passwords are remembered.
pub const GUESSES_CLIENT_WINDOW: Duration = Duration::from_secs(60);
/// Wrong passwords for one account within [`GUESSES_ACCOUNT_WINDOW`] at most, from clients that it never came from.
pub const GUESSES_ACCOUNT_MAX: u32 = 20;
/// How long the wrong passwords for an account are remembered.
pub const GUESSES_ACCOUNT_WINDOW: Duration = Duration::from_secs(60 * 60);
/// Clients, accounts, and pairs of both that are remembered at most, each.
pub const GUESSES_REMEMBERED_MAX: usize = 10_000;

/// A time before which this program was not released (2026-11-24): no clock that is right says an earlier one.
pub const RELEASED: Timestamp = Timestamp::from_millis(1_795_478_400_000);
/// The greatest leap of the wall clock that is believed.
pub const CLOCK_LEAP_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// Percent of the whole time of a message that a gap must be longer than, for its time to be given back.
pub const GAP_OF_LIFETIME_PERCENT: u32 = 10;
/// How often it is written down that we run.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(10 * 60);
/// Delay notices whose number is kept while no schedule can be chosen.
pub const NOTICES_KEPT_MAX: usize = 100;

/// One delivery attempt, from `begin` to its report, takes at most this long.
pub const DELIVERY_MAX: Duration = Duration::from_secs(30 * 60);
/// An attempt that has not ended this long after it should have is cut off.
pub const DELIVERY_GRACE: Duration = Duration::from_secs(60);
/// Writing what became of a delivery is tried for at most this long.
pub const SETTLE_MAX: Duration = Duration::from_secs(10 * 60);
/// How long a claim holds; what needs no attempt is written within it.
pub const CLAIM_LEASE: Duration = Duration::from_secs(15 * 60);
/// How long a claim holds after `begin`.
pub const LEASE: Duration = Duration::from_secs(60 * 60);
/// Recipients of one delivery, and so of one transaction with the peer (RFC 5321 section 4.5.3.1.8).
pub const RECIPIENTS_PER_TRANSACTION_MAX: usize = 100;
/// Recipients that one call of `claim` takes.
pub const CLAIM_RECIPIENTS_MAX: usize = 500;
/// With less room than this for recipients, none are claimed.
pub const CLAIM_ROOM_MIN: usize = 100;
/// Tasks of the queue manager that are not deliveries; with more than this, nothing is claimed.
pub const ERRANDS_MAX: usize = 64;
/// The longest time without looking into the store for what is due.
pub const CLAIM_INTERVAL_MAX: Duration = Duration::from_secs(150);
/// The wait after a claim that found nothing, before the clock may cause another.
pub const CLAIM_INTERVAL_MIN: Duration = Duration::from_millis(100);
/// How often room is made at most where too much waits for its turn.
pub const RELIEF_INTERVAL: Duration = Duration::from_secs(1);
/// The first wait after the store could not do it; doubles each time.
pub const STORE_BACKOFF_MIN: Duration = Duration::from_millis(100);
/// The longest such wait.
pub const STORE_BACKOFF_MAX: Duration = Duration::from_secs(30);
/// How long attempts may go on after we are told to stop.
pub const SHUTDOWN_MAX: Duration = Duration::from_secs(30);
/// How long after that what happened may be written.
pub const SHUTDOWN_SETTLE_MAX: Duration = Duration::from_secs(30);
/// Crashes of deliveries of one message, after which it is held.
pub const PANICS_MAX: u32 = 3;
/// The wait after a delivery crashed.
pub const PANIC_DELAY: Duration = Duration::from_secs(10);
/// How long a message is held whose deliveries crash.
pub const POISON_DELAY: Duration = Duration::from_secs(60 * 60);
/// Messages whose crashes are counted.
pub const PANICKED_MESSAGES_MAX: usize = 10_000;
/// Claimed recipients that wait for their turn, on one node.
pub const WAITING_RECIPIENTS_MAX: usize = 5_000;

const _: () = assert!(SETTLE_MAX.as_secs() < CLAIM_LEASE.as_secs());
const _: () =
    assert!(DELIVERY_MAX.as_secs() + DELIVERY_GRACE.as_secs() + SETTLE_MAX.as_secs() < LEASE.as_secs());
const _: () = assert!(STORE_BACKOFF_MIN.as_millis() < STORE_BACKOFF_MAX.as_millis());
const _: () = assert!(CLAIM_ROOM_MIN <= CLAIM_RECIPIENTS_MAX);
const _: () = assert!(CLAIM_RECIPIENTS_MAX <= WAITING_RECIPIENTS_MAX);
const _: () = assert!(RECIPIENTS_PER_TRANSACTION_MAX <= CLAIM_RECIPIENTS_MAX);

/// Deliveries to a next hop that nothing is known about, at once.
pub const DESTINATION_START: usize = 5;
/// Deliveries to the hosts of one domain at most, at once, on one node.
pub const MX_DELIVERIES_MAX: usize = 20;
/// Deliveries to one relay at most, at once, on one node.
pub const RELAY_DELIVERIES_MAX: usize = 50;
/// Deliveries to the local store at most, at once; the virtual queue's cap is what counts.
pub const LOCAL_DELIVERIES_MAX: usize = 1_000;
/// Failures to reach a next hop, in a row, after which it is down.
pub const DOWN_AFTER: u32 = 5;
/// Failures this long ago do not count any more.
pub const FAILURES_FORGOTTEN_AFTER: Duration = Duration::from_secs(10 * 60);
/// The first wait before a next hop that is down is tried again; doubles with each trial that fails.
pub const TRIAL_DELAY_MIN: Duration = Duration::from_secs(30);
/// The longest such wait.
pub const TRIAL_DELAY_MAX: Duration = Duration::from_secs(5 * 60);
/// How long a next hop that answered is taken to be well.
pub const PROVEN_FOR: Duration = Duration::from_secs(10 * 60);

const _: () = assert!(DESTINATION_START <= MX_DELIVERIES_MAX && MX_DELIVERIES_MAX <= RELAY_DELIVERIES_MAX);
const _: () = assert!(TRIAL_DELAY_MIN.as_secs() <= TRIAL_DELAY_MAX.as_secs());
const _: () = assert!(TRIAL_DELAY_MAX.as_secs() < FAILURES_FORGOTTEN_AFTER.as_secs());

/// A delivery to so many recipients at most is a letter, and does not wait behind those of a long list.
pub const LETTER_RECIPIENTS_MAX: usize = 10;
/// Deliveries of a higher priority in a row, while something waits longer than they do; then that has its turn.
pub const PASSED_OVER_MAX: u32 = 9;
/// Deliveries at once of a virtual queue that the configuration does not name any more.
pub const VIRTUAL_QUEUE_CAP_DEFAULT: usize = 25;
/// Failures to reach one address of a host, in a row, after which the next host is preferred.
pub const HOST_DOWN_AFTER: u32 = 2;
/// Within which time the share of a host that answers again grows to the whole.
pub const HOST_BACK_WITHIN: Duration = Duration::from_secs(60);
/// Addresses of hosts about which something is remembered.
pub const HOSTS_REMEMBERED_MAX: usize = 10_000;
/// Failures to reach a relay, in a row, after which it is down.
pub const RELAY_DOWN_AFTER: u32 = 3;
/// Hosts of one relay that one attempt looks at.
pub const RELAY_HOSTS_MAX: usize = 16;
/// Next hops that something is remembered about, unless more are busy at once.
pub const DESTINATIONS_MAX: usize = 20_000;
/// A delivery that has waited this long for its turn may be sent away to make room.
pub const CROWDED_AFTER: Duration = Duration::from_secs(10);
/// What a next hop works off within this time may wait in memory.
pub const WORKED_OFF_WITHIN: Duration = Duration::from_secs(30);
/// The shortest time for which a delivery is sent away to make room.
pub const CROWDED_DELAY_MIN: Duration = Duration::from_secs(60);
/// The longest such time.
pub const CROWDED_DELAY_MAX: Duration = Duration::from_secs(15 * 60);

const _: () = assert!(CROWDED_DELAY_MIN.as_secs() <= CROWDED_DELAY_MAX.as_secs());

/// Bytes of an expression's text.
pub const EXPRESSION_BYTES_MAX: usize = 16 * 1024;
/// Levels of an expression's tree: parsing and evaluating call themselves once a level.
pub const EXPRESSION_DEPTH_MAX: usize = 64;
/// Nodes of an expression's tree.
pub const EXPRESSION_NODES_MAX: usize = 4_000;
/// Branches of an expression property.
pub const EXPRESSION_BRANCHES_MAX: usize = 1_000;
/// Steps of one evaluation: a node, an element of a list or 64 bytes of a text are a step each.
pub const EVALUATION_STEPS_MAX: u32 = 500_000;
/// Bytes of a text that an evaluation makes.
pub const EVALUATION_TEXT_BYTES_MAX: usize = 64 * 1024;
/// Bytes of memory that a compiled regular expression may take.
pub const REGEX_BYTES_MAX: usize = 256 * 1024;
/// Bytes of a text that a regular expression is matched against.
pub const REGEX_INPUT_BYTES_MAX: usize = 32 * 1024;
/// Lookups of one decision.
pub const LOOKUPS_PER_DECISION_MAX: usize = 16;

/// Bytes of the header that a notification returns.
pub const DSN_HEADER_BYTES_MAX: u64 = 16 * 1024;
/// Bytes of a message that a notification returns whole, if it was asked to.
pub const DSN_MESSAGE_BYTES_MAX: u64 = 128 * 1024;

const _: () = assert!(DSN_HEADER_BYTES_MAX <= DSN_MESSAGE_BYTES_MAX);

/// Bytes of an MTA-STS policy.
pub const STS_POLICY_BYTES_MAX: usize = 64 * 1024;
/// Hosts that an MTA-STS policy names.
pub const STS_MX_PATTERNS_MAX: usize = 500;
/// Bytes of the id in an MTA-STS record (RFC 8461 section 3.1).
pub const STS_ID_BYTES_MAX: usize = 32;
/// The shortest time that a policy may ask to be kept.
pub const STS_AGE_MIN: Duration = Duration::from_secs(60 * 60);
/// The longest such time (RFC 8461 section 3.2).
pub const STS_AGE_MAX: Duration = Duration::from_secs(31_557_600);
/// How long a policy is kept that asks for less or for more.
pub const STS_AGE_DEFAULT: Duration = Duration::from_secs(24 * 60 * 60);
/// The wait after a policy could not be fetched (RFC 8461 section 3.3).
pub const STS_RETRY_AFTER: Duration = Duration::from_secs(5 * 60);
/// Domains whose policies are kept.
pub const STS_POLICIES_MAX: usize = 50_000;

const _: () = assert!(STS_AGE_MIN.as_secs() <= STS_AGE_DEFAULT.as_secs());
const _: () = assert!(STS_AGE_DEFAULT.as_secs() <= STS_AGE_MAX.as_secs());

/// The time over which notifications to one address are counted.
pub const NOTICES_WINDOW: Duration = Duration::from_secs(60 * 60);
/// Notifications in an hour to one address that its owner sent from; later ones wait.
pub const NOTICES_PER_HOUR_MAX: u32 = 300;
/// Notifications in an hour to one address that a stranger gave; there are no later ones.
pub const NOTICES_TO_STRANGERS_PER_HOUR_MAX: u32 = 20;
/// Addresses for which notifications are counted.
pub const NOTICE_ADDRESSES_MAX: usize = 10_000;

const _: () = assert!(NOTICES_TO_STRANGERS_PER_HOUR_MAX <= NOTICES_PER_HOUR_MAX);

/// Bytes of a packed TLS report, unless the settings say another limit.
pub const TLS_REPORT_BYTES_MAX: usize = 25 * 1024 * 1024;
/// Days for which it is remembered what became of messages, unless settings say otherwise.
pub const HISTORY_DAYS: usize = 30;
/// Bytes that this takes on disk at most, unless settings say otherwise.
pub const HISTORY_BYTES: usize = 1 << 30;
/// To how many places a TLS report about one domain goes.
pub const TLS_REPORT_DESTINATIONS_MAX: usize = 5;
/// Policies of one domain that are told apart in one report.
pub const TLS_REPORT_POLICIES_MAX: usize = 20;
/// Failures under one policy that are told apart in one report.
pub const TLS_REPORT_FAILURES_MAX: usize = 50;
/// Characters of the reason of a failure.
pub const TLS_REPORT_REASON_CHARS_MAX: usize = 200;
/// The longest wait after the end of a period before it is reported (RFC 8460 section 4.1).
pub const TLS_REPORT_DELAY_MAX: Duration = Duration::from_secs(4 * 60 * 60);
/// Domains that are counted for.
pub const TLS_REPORT_DOMAINS_MAX: usize = 10_000;

/// For how long a sender is not told again that somebody is away (RFC 5230 section 4.2).
pub const VACATION_TOLD_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Accounts that may have said something for the time when they are away.
pub const VACATIONS_MAX: usize = 1_000_000;
