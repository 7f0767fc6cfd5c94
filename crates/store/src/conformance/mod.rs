//! One suite for every store: what each state of a recipient means, what a crash in it means, what each method refuses.

mod accept;
mod claim;
mod history;
mod key_values;
mod mailboxes;
pub(crate) mod messages;
mod revise;
mod settle;
pub(crate) mod subject;

use subject::{MemorySubject, SqliteSubject};

/// Runs each test of the suite on each store.
macro_rules! on_every_store {
    ($($module:ident :: { $($test:ident),* $(,)? }),* $(,)?) => {
        mod memory {
            $($(#[tokio::test]
            async fn $test() {
                super::$module::$test(&mut super::MemorySubject::new()).await;
            })*)*
        }
        mod sqlite {
            $($(#[tokio::test]
            async fn $test() {
                super::$module::$test(&mut super::SqliteSubject::new()).await;
            })*)*
        }
    };
}

on_every_store! {
    accept::{
        what_was_accepted_comes_back_whole,
        what_was_accepted_survives_a_crash,
        content_of_any_size_comes_back,
        content_in_pieces_is_put_together,
        what_comes_last_may_stand_first,
        a_prefix_that_was_not_needed_leaves_no_trace,
        content_that_nobody_finished_leaves_nothing,
        there_is_no_content_of_no_message,
        ids_grow_even_if_the_clock_goes_back,
        an_arrival_is_told,
        the_queue_is_listed_by_message,
    },
    claim::{
        nothing_is_claimed_before_it_is_due,
        the_earliest_is_claimed_first,
        recipients_of_one_message_come_in_one_claim,
        nobody_else_gets_what_is_leased,
        a_lease_that_ended_is_given_anew,
        a_begun_lease_is_longer,
        begin_is_all_or_nothing,
        what_is_released_is_due_as_before,
        release_is_all_or_nothing,
        a_crash_voids_leases,
        the_next_event_is_the_earliest_that_nobody_holds,
    },
    settle::{
        what_is_delivered_is_gone,
        what_is_retried_is_due_later,
        what_is_owed_stays_until_it_is_told,
        an_ending_and_its_notice_are_one_transaction,
        owed_and_told_at_once_ends,
        nobody_settles_with_a_lease_that_went_to_another,
        nothing_is_delivered_that_was_not_begun,
        what_cannot_be_settled_changes_nothing,
        content_leaves_with_the_last_recipient,
        many_at_once_all_end,
    },
    revise::{
        what_is_held_is_not_claimed_until_it_is_released,
        a_claim_of_which_nothing_has_begun_is_taken_back,
        an_attempt_that_runs_settles_and_the_edit_holds,
        what_is_cancelled_stays_cancelled,
        who_is_given_up_unseen_leaves_with_its_message,
        what_has_failed_is_revived_while_its_message_is_there,
        what_was_given_up_by_time_is_not_once_it_has_more,
        an_edit_wakes_who_waits,
        too_many_edits_are_refused,
        the_queue_is_seen_in_both_orders_and_directions,
        what_is_seen_is_as_much_as_was_asked_for,
        an_attempt_keeps_what_was_ordered_before_it,
    },
    mailboxes::{
        a_deposit_is_in_the_mailbox,
        a_deposit_survives_a_crash_and_the_end_of_its_message,
        uids_grow_by_mailbox,
        an_empty_account_has_nothing,
    },
    messages::{
        an_account_begins_with_mailboxes,
        a_message_is_flagged_copied_and_expunged,
        what_two_want_of_the_places_of_a_message_comes_together,
        names_of_mailboxes_are_composed,
    },
    key_values::{
        a_value_is_there_until_it_is_removed,
        values_survive_a_crash,
        what_has_expired_is_not_there,
        changes_are_all_or_nothing,
        a_counter_adds_up,
        additions_at_once_are_all_counted,
        a_space_is_listed_in_pages,
        what_is_too_long_is_refused,
    },
}
