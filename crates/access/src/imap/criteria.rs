//! What a client looks for, in the words of the store.

use mail::{Timestamp, UidSet};
use store::messages::{Criterion, Filter, Sort, SortKey};
use wire::imap::Numbers;
use wire::imap::search::{Key, SortBy};

use super::view::{NoSuchNumber, View};

/// Seconds of a day.
const DAY_SECONDS: i64 = 86_400;

/// What must hold of a message of this view.
pub(super) fn filter(key: &Key, view: &View, now: Timestamp) -> Result<Filter, NoSuchNumber> {
    let is = |criterion| Ok(Filter::Is(criterion));
    let inner = |keys: &[&Key]| keys.iter().map(|key| filter(key, view, now)).collect::<Result<Vec<_>, _>>();
    match key {
        Key::And(keys) => Ok(Filter::And(inner(&keys.iter().collect::<Vec<_>>())?)),
        Key::Or(a, b) => Ok(Filter::Or(inner(&[a, b])?)),
        Key::Not(key) => Ok(Filter::Not(Box::new(filter(key, view, now)?))),
        Key::Flag(flag) => is(Criterion::System(*flag)),
        Key::Keyword(keyword) => is(Criterion::Keyword(keyword.clone())),
        Key::Recent => is(Criterion::Uids(view.recent_uids())),
        Key::Sequence(set) => is(Criterion::Uids(view.named(set, Numbers::Sequence)?)),
        Key::Uid(set) => is(Criterion::Uids(view.named(set, Numbers::Uid)?)),
        Key::Before(day) => is(Criterion::Before(midnight(*day))),
        Key::Since(day) => is(Criterion::Since(midnight(*day))),
        Key::On(day) => {
            Ok(both(Criterion::Since(midnight(*day)), Criterion::Before(midnight(day.saturating_add(1)))))
        }
        Key::SentBefore(day) => is(Criterion::SentBefore(*day)),
        Key::SentSince(day) => is(Criterion::SentSince(*day)),
        Key::SentOn(day) => {
            Ok(both(Criterion::SentSince(*day), Criterion::SentBefore(day.saturating_add(1))))
        }
        Key::SavedBefore(day) => is(Criterion::SavedBefore(midnight(*day))),
        Key::SavedSince(day) => is(Criterion::SavedSince(midnight(*day))),
        Key::SavedOn(day) => Ok(both(
            Criterion::SavedSince(midnight(*day)),
            Criterion::SavedBefore(midnight(day.saturating_add(1))),
        )),
        Key::SaveDateSupported => Ok(Filter::And(Vec::new())),
        Key::Older(seconds) => is(Criterion::Before(ago(now, *seconds).plus_seconds(1))),
        Key::Younger(seconds) => is(Criterion::Since(ago(now, *seconds))),
        Key::Larger(size) => is(Criterion::Larger(*size)),
        Key::Smaller(size) => is(Criterion::Smaller(*size)),
        Key::ModSeq(modseq) => is(Criterion::ModSeqFrom(*modseq)),
        // An id that is not one of ours is that of no message.
        Key::EmailId(id) => is(id.parse().map_or(nothing(), Criterion::Email)),
        Key::ThreadId(id) => is(id.parse().map_or(nothing(), Criterion::Thread)),
        Key::From(text) => is(Criterion::From(text.clone())),
        Key::To(text) => is(Criterion::To(text.clone())),
        Key::Cc(text) => is(Criterion::Cc(text.clone())),
        Key::Bcc(text) => is(Criterion::Bcc(text.clone())),
        Key::Subject(text) => is(Criterion::Subject(text.clone())),
        Key::Header(field, text) => is(Criterion::Header(field.clone(), text.clone())),
        Key::Body(text) => is(Criterion::Body(text.clone())),
        Key::Text(text) => is(Criterion::Text(text.clone())),
    }
}

/// In which order.
pub(super) fn order(by: &[(SortBy, bool)]) -> Vec<Sort> {
    let sort = |(by, descending): &(SortBy, bool)| {
        let key = match by {
            SortBy::Arrival => SortKey::ReceivedAt,
            SortBy::Cc => SortKey::Cc,
            SortBy::Date => SortKey::SentAt,
            SortBy::From => SortKey::From,
            SortBy::Size => SortKey::Size,
            SortBy::Subject => SortKey::Subject,
            SortBy::To => SortKey::To,
            SortBy::DisplayFrom => SortKey::DisplayFrom,
            SortBy::DisplayTo => SortKey::DisplayTo,
        };
        Sort { key, descending: *descending }
    };
    by.iter().map(sort).collect()
}

fn both(a: Criterion, b: Criterion) -> Filter {
    Filter::And(vec![Filter::Is(a), Filter::Is(b)])
}

fn nothing() -> Criterion {
    Criterion::Uids(UidSet::EMPTY)
}

/// Days are those of INTERNALDATE as it is printed, in UTC.
fn midnight(day: i64) -> Timestamp {
    Timestamp::EPOCH.plus_seconds(day.max(0).saturating_mul(DAY_SECONDS))
}

fn ago(now: Timestamp, seconds: u32) -> Timestamp {
    Timestamp::EPOCH.plus_seconds(
        i64::try_from(now.as_secs()).unwrap_or(i64::MAX).saturating_sub(i64::from(seconds)).max(0),
    )
}
