//! Does time count in which this server did not run?
//!
//! Deadlines are points in wall time. If the server was off for long, or the clock leapt while it was off, the deadline
//! of everything in the queue may have passed without one attempt. Such time is given back.

use std::time::Duration;

use mail::{Envelope, Timestamp};

use crate::limits::{CLOCK_LEAP_MAX, GAP_OF_LIFETIME_PERCENT};
use crate::retry::{Expiry, Progress, start};
use crate::settings::{DeliveryExpiration, MtaDeliverySchedule};

/// From the last sign of life to the start after it, where that is more than a day.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gap {
    from: Timestamp,
    to: Timestamp,
}

impl Gap {
    /// The gap before `now`, if it is one.
    pub fn between(last: Timestamp, now: Timestamp) -> Option<Gap> {
        (now.since(last) > CLOCK_LEAP_MAX).then_some(Gap { from: last, to: now })
    }

    /// How long it is.
    pub fn length(self) -> Duration {
        self.to.since(self.from)
    }

    /// The place of a recipient that has expired, with the time of the gap given back; none if it has really expired.
    pub fn given_back(self, envelope: &Envelope, progress: &Progress) -> Option<Progress> {
        let Expiry::At(at) = progress.expiry else { return None };
        // Until when the sender wants it delivered is not ours to extend (RFC 2852).
        if progress.envelope_expiry.is_some_and(|limit| limit <= at) {
            return None;
        }
        let at = self.extended(start(envelope.accepted_at, &envelope.parameters), at)?;
        Some(Progress { expiry: Expiry::At(at), ..progress.clone() })
    }

    /// The schedule with the time of the gap given back, for a message whose time would have ended in it.
    pub fn stretched(
        self,
        schedule: &MtaDeliverySchedule,
        envelope: &Envelope,
    ) -> Option<MtaDeliverySchedule> {
        let DeliveryExpiration::Ttl(ttl) = schedule.expiry else { return None };
        let start = start(envelope.accepted_at, &envelope.parameters);
        let at = self.extended(start, start.plus(ttl))?;
        Some(MtaDeliverySchedule { expiry: DeliveryExpiration::Ttl(at.since(start)), ..schedule.clone() })
    }

    /// The deadline after the gap, if it lay within and the gap is a great part of the whole time. What it gives lies
    /// behind the gap, so that nothing is given twice.
    fn extended(self, start: Timestamp, at: Timestamp) -> Option<Timestamp> {
        let within = self.from < at && at <= self.to;
        let great = self.length() > at.since(start) * GAP_OF_LIFETIME_PERCENT / 100;
        (within && great).then(|| at.plus(self.length()))
    }

    /// For the store.
    pub fn encode(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.from.as_millis().to_be_bytes());
        bytes[8..].copy_from_slice(&self.to.as_millis().to_be_bytes());
        bytes
    }

    /// From [`Gap::encode`].
    pub fn decode(bytes: &[u8]) -> Option<Gap> {
        let (from, to) = bytes.split_at_checked(8)?;
        let time = |bytes: &[u8]| {
            bytes.try_into().ok().map(|bytes| Timestamp::from_millis(u64::from_be_bytes(bytes)))
        };
        Gap::between(time(from)?, time(to)?)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use mail::{ContentTraits, MessageId, Origin, Parameters, ReversePath, Source};

    use super::*;

    const ACCEPTED: Timestamp = Timestamp::from_millis(1_800_000_000_000);
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn envelope() -> Envelope {
        Envelope {
            message: MessageId(1),
            reverse_path: ReversePath::Null,
            accepted_at: ACCEPTED,
            origin: Origin {
                source: Source::Authenticated,
                listener: String::new(),
                client_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
                local_port: 0,
                authenticated_as: None,
            },
            parameters: Parameters::default(),
            traits: ContentTraits::default(),
            size: 1,
            recipients: Vec::new(),
        }
    }

    fn days(schedule_days: u32) -> MtaDeliverySchedule {
        MtaDeliverySchedule {
            expiry: DeliveryExpiration::Ttl(DAY * schedule_days),
            ..MtaDeliverySchedule::named("remote", "remote")
        }
    }

    /// What remains of the time of a message that lives so many days, in hours from its acceptance, if it expires.
    fn given_back(lives: u32, from: Duration, to: Duration) -> Option<u64> {
        let gap = Gap::between(ACCEPTED.plus(from), ACCEPTED.plus(to))?;
        let progress = Progress::first(&days(lives), ACCEPTED, &Parameters::default());
        let back = gap.given_back(&envelope(), &progress)?;
        let stretched = gap.stretched(&days(lives), &envelope()).unwrap();
        assert_eq!(progress.moved_to(&stretched, &envelope()).expiry, back.expiry, "after a failure too");
        assert_eq!(gap.given_back(&envelope(), &back), None, "given once");
        back.gives_up_at().map(|at| at.since(ACCEPTED).as_secs() / 3600)
    }

    // proves: B2
    #[test]
    fn time_that_we_did_not_run_is_given_back_to_what_would_have_expired_in_it() {
        let hour = DAY / 24;
        assert_eq!(given_back(3, hour, DAY), None, "no longer than a day");
        assert_eq!(given_back(3, hour, DAY * 2), None, "it has time left");
        assert_eq!(given_back(3, hour, DAY * 4), Some(72 + 95));
        assert_eq!(given_back(3, hour, DAY * 365), Some(72 + 365 * 24 - 1), "a clock that leapt by a year");
        assert_eq!(given_back(3, DAY * 4, DAY * 9), None, "it had expired before");
        assert_eq!(given_back(30, DAY * 28, DAY * 30), None, "less than a tenth of its time");
        assert_eq!(given_back(30, DAY * 26, DAY * 30), Some(30 * 24 + 4 * 24));
    }

    #[test]
    fn what_the_sender_set_is_not_extended() {
        let gap = Gap::between(ACCEPTED, ACCEPTED.plus(DAY * 9)).unwrap();
        let place =
            Progress::first(&days(3), ACCEPTED, &Parameters::default()).returned_after(ACCEPTED, 3600);
        assert_eq!(gap.given_back(&envelope(), &place), None);
        let attempts = Progress { expiry: Expiry::Attempts(3), ..place };
        assert_eq!(gap.given_back(&envelope(), &attempts), None);
    }

    #[test]
    fn comes_back_from_the_store() {
        let gap = Gap::between(ACCEPTED, ACCEPTED.plus(DAY * 9)).unwrap();
        assert_eq!(Gap::decode(&gap.encode()), Some(gap));
        assert_eq!(Gap::decode(b"short"), None);
        assert_eq!(Gap::decode(&[0; 16]), None);
    }
}
