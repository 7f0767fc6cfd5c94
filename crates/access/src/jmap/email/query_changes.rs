//! `Email/queryChanges` (RFC 8621 section 4.5): whatever has changed, and all of the conversations that it is in, may lie
//! elsewhere than before.

use std::collections::BTreeSet;

use store::messages::{EmailId, Found, Kind, Query, ThreadId};
use wire::jmap::MethodError;

use super::super::arguments::Arguments;
use super::super::call::{Answer, Call, parse_state, unavailable};
use super::super::changes::cannot_calculate;
use super::super::query_changes::Since;
use super::query;

/// How often it is tried to see the results and the changes of one moment.
const TRIES: usize = 5;

pub(super) async fn query_changes(call: &Call<'_>, arguments: &mut Arguments) -> Answer {
    let query = query::read(call, arguments)?;
    let since = Since::read(arguments)?;
    let from = parse_state(&since.state).ok_or_else(|| cannot_calculate(&since.state))?;
    let store = &call.world.messages;
    for _ in 0..TRIES {
        let found = store.search(call.address(), &query).await.map_err(unavailable)?;
        if from > found.modseq {
            return Err(cannot_calculate(&since.state));
        }
        let changes = store.changes(call.address(), Kind::Email, from, usize::MAX);
        let changes = changes.await.map_err(unavailable)?.ok_or_else(|| cannot_calculate(&since.state))?;
        let threads = store.changes(call.address(), Kind::Thread, from, usize::MAX);
        let threads = threads.await.map_err(unavailable)?.ok_or_else(|| cannot_calculate(&since.state))?;
        // What came and went between the two would be in neither.
        if changes.state != found.modseq || threads.state != found.modseq {
            continue;
        }
        let lists = [&changes.created, &changes.updated, &changes.destroyed];
        let mut touched: BTreeSet<EmailId> = lists.into_iter().flatten().map(|id| EmailId(*id)).collect();
        if looks_at_threads(&query) && !touched.is_empty() {
            let others = [&threads.created, &threads.updated].into_iter().flatten().map(|id| ThreadId(*id));
            touch_threads(call, &found, &mut touched, others.collect()).await?;
        }
        let results: Vec<String> = found.hits.iter().map(|(id, ..)| id.to_string()).collect();
        let touched = touched.iter().map(EmailId::to_string).collect();
        return since.answer(&results, &touched, found.modseq);
    }
    Err(cannot_calculate(&since.state))
}

/// Whether the place of a message may depend on others of its conversation.
fn looks_at_threads(query: &Query) -> bool {
    use store::messages::{Criterion, Filter, SortKey};
    fn filter_looks(filter: &Filter) -> bool {
        match filter {
            Filter::And(parts) | Filter::Or(parts) => parts.iter().any(filter_looks),
            Filter::Not(part) => filter_looks(part),
            Filter::Is(criterion) => {
                matches!(criterion, Criterion::AllInThread(_) | Criterion::SomeInThread(_))
            }
        }
    }
    query.collapse_threads
        || filter_looks(&query.filter)
        || query
            .sort
            .iter()
            .any(|sort| matches!(sort.key, SortKey::AllInThread(_) | SortKey::SomeInThread(_)))
}

/// All messages of conversations of which one has changed are touched too.
async fn touch_threads(
    call: &Call<'_>,
    found: &Found,
    touched: &mut BTreeSet<EmailId>,
    mut threads: BTreeSet<ThreadId>,
) -> Result<(), MethodError> {
    let ids: Vec<EmailId> = touched.iter().copied().collect();
    let emails = call.world.messages.emails(call.address(), &ids).await.map_err(unavailable)?;
    threads.extend(emails.iter().map(|email| email.thread));
    threads.extend(found.hits.iter().filter(|(id, ..)| touched.contains(id)).map(|(_, thread, _)| *thread));
    let threads: Vec<ThreadId> = threads.into_iter().collect();
    let threads = call.world.messages.threads(call.address(), &threads).await.map_err(unavailable)?;
    touched.extend(threads.into_iter().flat_map(|(_, emails)| emails));
    Ok(())
}
