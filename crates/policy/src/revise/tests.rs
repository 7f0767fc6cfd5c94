//! Each rule of an edit, and the laws of an edit beside a running attempt.

use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn at(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

fn queued() -> Progress {
    Progress { due: at(600), expiry: Expiry::At(at(3600)), ..Progress::unscheduled(NOW) }
}

fn edited(progress: &Progress, edits: &[Edit], now: Timestamp) -> Progress {
    match revise(progress, Standing::Pending, edits, "alice", now) {
        Revised::Goes(progress) | Revised::Ends(progress, _) => progress,
        Revised::Unchanged => progress.clone(),
        Revised::Refused(reason) => panic!("{reason}"),
    }
}

fn hold(counts: bool) -> Edit {
    Edit::Hold { reason: "asked by the owner".to_owned(), counts }
}

// proves: K10
#[test]
fn what_is_due_already_is_not_made_due_again() {
    let due = edited(&queued(), &[Edit::Due(Timestamp::EPOCH)], NOW);
    assert_eq!((due.due, due.edits()), (NOW, 1));
    for _ in 0..100 {
        let again = revise(&due, Standing::Pending, &[Edit::Due(Timestamp::EPOCH)], "alice", at(1));
        assert_eq!(again, Revised::Unchanged);
    }
}

#[test]
fn a_held_recipient_is_neither_tried_nor_expired_nor_told_of() {
    let held = edited(&queued(), &[hold(false)], NOW);
    assert_eq!(held.next_event(), Timestamp::NEVER);
    assert!(!held.expired(at(1_000_000)));
    let noticed = Progress { notify_due: Some(NOW), ..held };
    assert!(!noticed.notice_due(at(1)));
    let hold = noticed.held().unwrap();
    assert_eq!((hold.by.as_str(), hold.at, hold.reason.as_str()), ("alice", NOW, "asked by the owner"));
}

#[test]
fn time_held_does_not_count_unless_said() {
    let released = |counts| edited(&edited(&queued(), &[hold(counts)], NOW), &[Edit::Release], at(7200));
    assert_eq!(released(false).expiry, Expiry::At(at(3600 + 7200)));
    assert_eq!(released(true).expiry, Expiry::At(at(3600)));
    assert!(released(true).expired(at(7200)));
    let limited = Progress { envelope_expiry: Some(at(4000)), ..queued() };
    let limited = edited(&edited(&limited, &[hold(false)], NOW), &[Edit::Release], at(7200));
    assert_eq!(limited.expiry, Expiry::At(at(4000)), "the time that the sender set is not extended");
    assert_eq!(limited.due, at(600), "it is due as before");
}

#[test]
fn a_time_by_order_is_no_time_of_the_schedule() {
    let fixed = edited(&queued(), &[Edit::Expiry(Expiry::At(at(99)))], NOW);
    assert_eq!(fixed.orders.as_ref().map(|orders| orders.expiry_edit), Some(1));
    let counted = edited(&queued(), &[Edit::RetryCount(7), Edit::NoticeCount(1), Edit::NoticeDue(None)], NOW);
    assert_eq!((counted.retry_num, counted.notify_num, counted.notify_due), (7, 1, None));
}

#[test]
fn who_cancels_is_named() {
    let Revised::Ends(left, cancellation) =
        revise(&queued(), Standing::Pending, &[Edit::Cancel { notify: true }], "alice", NOW)
    else {
        panic!("it ends");
    };
    let trouble = cancelled(&cancellation);
    assert_eq!((trouble.text.as_str(), trouble.status.class), ("delivery cancelled by alice", 5));
    assert_eq!(left.next_event(), Timestamp::EPOCH, "it ends at once");
    let later = revise(&left, Standing::Pending, &[Edit::Due(at(9))], "bob", NOW);
    assert_eq!(later, Revised::Refused("it has been cancelled"));
}

#[test]
fn only_what_has_failed_is_revived() {
    let over = Progress { expiry: Expiry::At(NOW), ..queued() };
    let Revised::Goes(revived) = revise(&over, Standing::Failed, &[Edit::Revive], "alice", at(5)) else {
        panic!("it goes on")
    };
    assert_eq!(revived.due, at(5));
    assert!(!revived.expired(at(6)), "it would only fail again");
    assert_eq!(revise(&over, Standing::Pending, &[Edit::Revive], "alice", NOW), Revised::Unchanged);
    let delivered = revise(&over, Standing::Delivered, &[Edit::Revive], "alice", NOW);
    assert_eq!(delivered, Revised::Refused("it has been delivered"));
    let used_up = Progress { expiry: Expiry::Attempts(3), retry_num: 3, ..queued() };
    let Revised::Goes(revived) = revise(&used_up, Standing::Failed, &[Edit::Revive], "alice", NOW) else {
        panic!("it goes on")
    };
    assert!(!revived.expired(at(1)));
}

#[test]
fn an_edit_is_taken_back_unless_another_came_after_it() {
    let before = queued();
    let after = edited(&before, &[hold(false), Edit::Due(at(9)), Edit::Reroute("b".into())], NOW);
    let undo = Edit::Undo(Box::new(Before::of(&before, &after)));
    let back = edited(&after, std::slice::from_ref(&undo), at(60));
    assert_eq!((back.held(), back.due, back.next_event()), (None, at(9), at(9)));
    let rescheduled = edited(&before, &[Edit::Due(at(9))], NOW);
    let undo_due = Edit::Undo(Box::new(Before::of(&before, &rescheduled)));
    assert_eq!(edited(&rescheduled, &[undo_due], at(60)).due, at(600));
    let since = edited(&after, &[Edit::Release], at(30));
    let refused = revise(&since, Standing::Pending, &[undo], "alice", at(60));
    assert_eq!(refused, Revised::Refused("it was edited again since"));
}

#[test]
fn none_of_several_edits_is_made_if_one_is_refused() {
    let edits = [Edit::Cancel { notify: false }, Edit::Due(at(5))];
    let refused = revise(&queued(), Standing::Pending, &edits, "alice", NOW);
    assert_eq!(refused, Revised::Refused("it has been cancelled"));
}

#[test]
fn another_route_leaves_what_is_paused() {
    let parked = queued().parked();
    assert_eq!(parked.next_event(), Timestamp::NEVER);
    let rerouted = edited(&parked, &[Edit::Reroute("other".into())], NOW);
    assert_eq!(rerouted.next_event(), at(600));
    assert_eq!(edited(&parked, &[Edit::Unpark], NOW).edits(), 0, "nobody has edited it");
}

fn any_edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (0_u64..9999).prop_map(|seconds| Edit::Due(at(seconds))),
        (0_u32..9).prop_map(Edit::RetryCount),
        (0_u32..9).prop_map(Edit::NoticeCount),
        (0_u64..9999).prop_map(|seconds| Edit::Expiry(Expiry::At(at(seconds)))),
        any::<bool>().prop_map(hold),
        Just(Edit::Release),
        "[a-c]".prop_map(Edit::Reroute),
        Just(Edit::ClearRoute),
        any::<bool>().prop_map(|notify| Edit::Cancel { notify }),
    ]
}

fn apply_all(progress: &Progress, edits: &[(Edit, u64)]) -> Progress {
    let apply = |progress: Progress, (edit, seconds): &(Edit, u64)| match revise(
        &progress,
        Standing::Pending,
        std::slice::from_ref(edit),
        "alice",
        at(*seconds),
    ) {
        Revised::Goes(progress) | Revised::Ends(progress, _) => progress,
        Revised::Unchanged | Revised::Refused(_) => progress,
    };
    edits.iter().fold(progress.clone(), apply)
}

proptest! {
    // proves: 5.17 edit race
    #[test]
    fn what_was_ordered_while_an_attempt_ran_holds(
        before in proptest::collection::vec((any_edit(), 0_u64..500), 0..4),
        meanwhile in proptest::collection::vec((any_edit(), 500_u64..1000), 0..5),
        due in 1000_u64..9999,
    ) {
        let claimed = apply_all(&queued(), &before);
        let attempt = Progress { retry_num: claimed.retry_num + 1, due: at(due), ..claimed.clone() };
        let written = apply_all(&claimed, &meanwhile);
        let merged = merged(&written, attempt.clone());
        let (orders, known) = (written.orders.clone().unwrap_or_default(), claimed.edits());
        prop_assert_eq!(merged.held(), written.held());
        prop_assert_eq!(merged.orders.as_ref().and_then(|o| o.cancelled.clone()), orders.cancelled.clone());
        prop_assert_eq!(merged.orders.as_ref().and_then(|o| o.route.clone()), orders.route.clone());
        prop_assert_eq!(merged.due, if orders.due_edit > known { written.due } else { attempt.due });
        prop_assert_eq!(
            merged.retry_num,
            if orders.count_edit > known { written.retry_num } else { attempt.retry_num }
        );
        prop_assert_eq!(merged.edits(), written.edits(), "no edit is lost");
    }

    #[test]
    fn an_attempt_that_nobody_disturbed_settles_as_it_did(
        before in proptest::collection::vec((any_edit(), 0_u64..500), 0..4),
        due in 1000_u64..9999,
    ) {
        let claimed = apply_all(&queued(), &before);
        let attempt = Progress { due: at(due), ..claimed.clone() };
        prop_assert_eq!(merged(&claimed, attempt.clone()), attempt);
    }

    #[test]
    fn what_changes_nothing_is_no_edit(edits in proptest::collection::vec((any_edit(), 0_u64..500), 0..6)) {
        let progress = apply_all(&queued(), &edits);
        let again = revise(&progress, Standing::Pending, &[], "alice", at(501));
        prop_assert_eq!(again, Revised::Unchanged);
    }
}
