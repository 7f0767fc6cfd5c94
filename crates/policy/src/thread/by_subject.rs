//! THREAD=ORDEREDSUBJECT: a conversation is what has one base subject (RFC 5256 section 3).

use std::collections::BTreeMap;

use super::{Thread, Threaded};

/// The first message of each subject with all others below it. Conversations are in the order of their first message.
pub fn by_subject(messages: &[Threaded<'_>]) -> Vec<Thread> {
    let mut sorted: Vec<&Threaded<'_>> = messages.iter().collect();
    sorted.sort_by_key(|message| (message.sent, message.number));
    let mut by_subject: BTreeMap<&str, usize> = BTreeMap::new();
    let mut threads: Vec<Thread> = Vec::new();
    for message in sorted {
        let alone = Thread { number: Some(message.number), children: Vec::new() };
        match by_subject.get(message.base_subject) {
            Some(&nth) => threads[nth].children.push(alone),
            None => {
                by_subject.insert(message.base_subject, threads.len());
                threads.push(alone);
            }
        }
    }
    threads
}
