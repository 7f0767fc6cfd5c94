//! SEARCH, SORT and THREAD: which messages a client looks for, and how it is told (RFC 9051 section 6.4.4, RFC 5256,
//! RFC 5182, RFC 5267, RFC 7162 section 3.1.5, RFC 9394).

use mail::{ModSeq, Uid, UidSet};
use store::messages::{Found, Query, Sort as Order, SortKey};
use wire::imap::reply::{self, Esearch};
use wire::imap::search::{Returns, Search, Sort};
use wire::imap::{Numbers, print};

use super::criteria;
use super::desk::{BATCH, Broken, Desk, Ending, expunges};

/// How the answer of an old client begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verb {
    Search,
    Sort,
}

impl Desk<'_> {
    /// SEARCH.
    pub(super) async fn search(&mut self, tag: &str, search: &Search) -> Result<Ending, Broken> {
        self.catch_up(expunges(search.numbers)).await?;
        let by_uid = vec![Order { key: SortKey::Uid, descending: false }];
        let Some(found) = self.found(&search.key, by_uid).await? else { return Ok(Ending::NO_SUCH_NUMBER) };
        // Clients of the new revision are always answered by ESEARCH (RFC 9051 section 7.3.4).
        let plain = self.manner.rev2.then(|| Returns { all: true, ..Returns::default() });
        let modseq = search.key.has_modseq();
        self.answer(tag, Verb::Search, search.numbers, search.returns.or(plain), modseq, &found).await?;
        self.catch_up(expunges(search.numbers)).await?;
        Ok(Ending::OK)
    }

    /// SORT.
    pub(super) async fn sort(&mut self, tag: &str, sort: &Sort) -> Result<Ending, Broken> {
        self.catch_up(expunges(sort.numbers)).await?;
        let found = self.found(&sort.key, criteria::order(&sort.order)).await?;
        let Some(found) = found else { return Ok(Ending::NO_SUCH_NUMBER) };
        self.answer(tag, Verb::Sort, sort.numbers, sort.returns, sort.key.has_modseq(), &found).await?;
        self.catch_up(expunges(sort.numbers)).await?;
        Ok(Ending::OK)
    }

    /// What the store finds among the messages that the client knows of.
    pub(super) async fn found(
        &mut self,
        key: &wire::imap::search::Key,
        sort: Vec<Order>,
    ) -> Result<Option<Found>, Broken> {
        let view = &self.selected.view;
        let Ok(filter) = criteria::filter(key, view, self.now) else { return Ok(None) };
        let query = Query { mailbox: Some(view.mailbox), filter, sort, collapse_threads: false, limit: None };
        let mut found = self.store.search(self.account, &query).await?;
        let view = &self.selected.view;
        found.hits.retain(|hit| view.uids().contains(hit.2) && !view.gone().contains(hit.2));
        Ok(Some(found))
    }

    async fn answer(
        &mut self,
        tag: &str,
        verb: Verb,
        by: Numbers,
        returns: Option<Returns>,
        modseq: bool,
        found: &Found,
    ) -> Result<(), Broken> {
        let uids: Vec<Uid> = found.hits.iter().map(|hit| hit.2).collect();
        let Some(returns) = returns else {
            self.answer_plain(verb, by, modseq.then_some(found.highest_modseq), &uids);
            return Ok(());
        };
        if returns.save {
            self.selected.view.saved = saved(&returns, &uids);
        }
        let Returns { min, max, all, count, partial, .. } = returns;
        if !(min || max || all || count || partial.is_some()) {
            return Ok(());
        }
        let numbers = self.numbers_of(by, &uids);
        let told = match modseq && !uids.is_empty() {
            true => Some(self.modseq_of(&returns, found, &uids).await?.0),
            false => None,
        };
        let esearch = Esearch {
            uid: by == Numbers::Uid,
            min: numbers.first().copied().filter(|_| min),
            max: numbers.last().copied().filter(|_| max),
            all: all.then(|| reply::in_order(numbers.iter().copied())),
            count: count.then_some(numbers.len() as u64),
            modseq: told,
            partial: partial
                .map(|places| (places, reply::in_order(at_places(&numbers, places).iter().copied()))),
        };
        reply::esearch(self.out, tag, &esearch);
        Ok(())
    }

    fn answer_plain(&mut self, verb: Verb, by: Numbers, modseq: Option<ModSeq>, uids: &[Uid]) {
        let numbers = self.numbers_of(by, uids);
        self.out.extend_from_slice(match verb {
            Verb::Search => b"* SEARCH",
            Verb::Sort => b"* SORT",
        });
        for number in &numbers {
            self.out.push(b' ');
            print::number(self.out, u64::from(*number));
        }
        if let Some(modseq) = modseq.filter(|_| !numbers.is_empty()) {
            self.out.extend_from_slice(format!(" (MODSEQ {modseq})").as_bytes());
        }
        self.out.extend_from_slice(b"\r\n");
    }

    /// As the client names these messages, in the same order.
    pub(super) fn numbers_of(&self, by: Numbers, uids: &[Uid]) -> Vec<u32> {
        match by {
            Numbers::Uid => uids.to_vec(),
            Numbers::Sequence if uids.is_sorted() => {
                let mut numbering = self.selected.view.numbering();
                uids.iter().filter_map(|uid| numbering.of(*uid)).collect()
            }
            Numbers::Sequence => uids.iter().filter_map(|uid| self.selected.view.number(*uid)).collect(),
        }
    }

    /// The greatest modification sequence of what is told: if that is only the first and the last, of these
    /// (RFC 7162 section 3.1.10).
    async fn modseq_of(&self, returns: &Returns, found: &Found, uids: &[Uid]) -> Result<ModSeq, Broken> {
        if returns.all || returns.count || returns.partial.is_some() {
            return Ok(found.highest_modseq);
        }
        let ends = saved(returns, uids);
        let entries = self.store.entries_of(self.account, self.selected.view.mailbox, &ends, BATCH).await?;
        Ok(entries.iter().map(|entry| entry.modseq).max().unwrap_or(found.highest_modseq))
    }
}

/// What `$` names after it: all, or only the ends if only they are asked for (RFC 5182 section 2.4).
fn saved(returns: &Returns, uids: &[Uid]) -> UidSet {
    let ends_only = (returns.min || returns.max) && !returns.all && !returns.count;
    if !ends_only {
        return uids.iter().copied().collect();
    }
    let first = uids.first().filter(|_| returns.min);
    let last = uids.last().filter(|_| returns.max);
    first.into_iter().chain(last).copied().collect()
}

/// Those at these places, counted from 1, or from the end by negative numbers (RFC 9394 section 3.1).
fn at_places(numbers: &[u32], (first, last): (i64, i64)) -> &[u32] {
    let length = i64::try_from(numbers.len()).unwrap_or(i64::MAX);
    let place = |place: i64| if place < 0 { length.saturating_add(place).saturating_add(1) } else { place };
    let (from, to) = (place(first).min(place(last)).max(1), place(first).max(place(last)).min(length));
    match (usize::try_from(from - 1), usize::try_from(to)) {
        (Ok(from), Ok(to)) if from < to => &numbers[from..to],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_from_both_ends() {
        let numbers = [10, 20, 30, 40];
        for (places, expected) in [
            ((1, 2), &[10, 20][..]),
            ((3, 9), &[30, 40]),
            ((2, 1), &[10, 20]),
            ((-1, -2), &[30, 40]),
            ((-1, -9), &[10, 20, 30, 40]),
            ((5, 9), &[]),
            ((i64::MAX, i64::MAX), &[]),
            ((i64::MIN + 1, i64::MIN + 1), &[]),
        ] {
            assert_eq!(at_places(&numbers, places), expected, "{places:?}");
        }
    }

    #[test]
    fn the_ends_are_saved_if_only_they_are_asked_for() {
        let ends = Returns { min: true, max: true, save: true, ..Returns::default() };
        assert_eq!(saved(&ends, &[2, 5, 9]).to_string(), "2,9");
        assert_eq!(saved(&Returns { count: true, ..ends }, &[2, 5, 9]).to_string(), "2,5,9");
        assert_eq!(saved(&Returns { max: false, ..ends }, &[]).to_string(), "");
    }
}
