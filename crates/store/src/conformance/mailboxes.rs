//! What is delivered here is in the mailbox once.

use mail::Address;

use super::subject::*;
use crate::{Deposit, MailboxEntry, Settlement, Store};

/// Delivers one message to mailboxes, one for each recipient.
async fn deliver(store: &dyn Store, to: &[(&str, &str)]) {
    accept(store, START, &vec![at(0); to.len()]).await;
    let claim = claim_one(store, at(0)).await;
    let recipients = ids(&claim);
    begin(store, claim.lease, &recipients, at(0)).await;
    let deposit = |(recipient, (account, mailbox)): (&mail::RecipientId, &(&str, &str))| Deposit {
        recipient: *recipient,
        account: address(account),
        mailbox: (*mailbox).to_owned(),
        prefix: format!("Delivered-To: {account}\r\n").into(),
        received_at: at(3),
    };
    let deposits = recipients.iter().zip(to).map(deposit).collect();
    let settled = Settlement { deposits, ..settlement(&claim, &recipients, &delivered(), false) };
    store.settle(settled).await.unwrap();
}

fn bob() -> Address {
    address("bob@example.net")
}

/// Bob's mailboxes that hold something.
async fn filled(store: &dyn Store) -> Vec<(String, u64)> {
    let mut mailboxes = store.mailboxes(&bob()).await.unwrap();
    mailboxes.retain(|(_, messages)| *messages > 0);
    mailboxes.sort();
    mailboxes
}

const BOB: &str = "bob@example.net";
const WHOLE: &str = "Delivered-To: bob@example.net\r\nhello";

pub(super) async fn a_deposit_is_in_the_mailbox(subject: &mut dyn Subject) {
    let store = subject.store();
    deliver(store, &[(BOB, "INBOX"), ("carol@example.net", "INBOX")]).await;
    let size = WHOLE.len() as u64;
    assert_eq!(filled(store).await, [("INBOX".to_owned(), 1)]);
    let entries = store.entries(&bob(), "INBOX").await.unwrap();
    assert_eq!(entries, [MailboxEntry { uid: 1, size, received_at: at(3) }]);
    assert_eq!(store.message(&bob(), "INBOX", 1).await.unwrap().unwrap(), WHOLE);
    assert_eq!(store.usage(&bob()).await.unwrap(), size);
    let carols = store.message(&address("carol@example.net"), "INBOX", 1).await.unwrap().unwrap();
    assert_eq!(carols, "Delivered-To: carol@example.net\r\nhello");
}

pub(super) async fn a_deposit_survives_a_crash_and_the_end_of_its_message(subject: &mut dyn Subject) {
    deliver(subject.store(), &[(BOB, "INBOX")]).await;
    assert_eq!(pending(subject.store()).await, 0);
    subject.crash();
    assert_eq!(pending(subject.store()).await, 0);
    assert!(claim(subject.store(), at(1000)).await.is_empty());
    assert_eq!(subject.store().message(&bob(), "INBOX", 1).await.unwrap().unwrap(), WHOLE);
}

pub(super) async fn uids_grow_by_mailbox(subject: &mut dyn Subject) {
    for mailbox in ["INBOX", "INBOX", "Junk", "INBOX"] {
        deliver(subject.store(), &[(BOB, mailbox)]).await;
        subject.crash();
    }
    assert_eq!(filled(subject.store()).await, [("INBOX".to_owned(), 3), ("Junk".to_owned(), 1)]);
    let entries = subject.store().entries(&bob(), "INBOX").await.unwrap();
    assert_eq!(entries.iter().map(|entry| entry.uid).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(subject.store().usage(&bob()).await.unwrap(), 4 * WHOLE.len() as u64);
}

pub(super) async fn an_empty_account_has_nothing(subject: &mut dyn Subject) {
    let store = subject.store();
    assert!(store.mailboxes(&bob()).await.unwrap().is_empty());
    assert!(store.entries(&bob(), "INBOX").await.unwrap().is_empty());
    assert!(store.message(&bob(), "INBOX", 1).await.unwrap().is_none());
    assert_eq!(store.usage(&bob()).await.unwrap(), 0);
}
