//! What a peer says to the final dot, and whether it gets round to saying it.

use mail::Address;

use super::super::PATIENCE;
use super::super::Tongue;
use super::{Gone, Mood, Session, Stage, Step, Transaction};
use crate::fault::Fault;
use crate::history::{ContentHash, Event, ReplyId};

impl Session<'_> {
    pub(super) async fn dot(&mut self, content: Vec<u8>) -> Step {
        let transaction = self.transaction.take().expect("content has a transaction");
        if self.peer.manners.size_max.is_some_and(|max| content.len() as u64 > max) {
            self.peer.fired(Fault::SizeExceeded);
            self.peer.history.note(Event::Closed { connection: self.connection });
            return self.refuse_all(552, transaction.recipients).await;
        }
        let content = ContentHash::of(&content);
        let result = match self.peer.tongue {
            Tongue::Smtp => self.dot_smtp(transaction, content).await,
            Tongue::Lmtp => self.dot_lmtp(transaction, content).await,
        };
        self.peer.history.note(Event::Closed { connection: self.connection });
        result
    }

    /// The same no for every recipient: once, or over LMTP to each.
    async fn refuse_all(&mut self, code: u16, recipients: Vec<Address>) -> Step {
        match self.peer.tongue {
            Tongue::Smtp => self.refuse(code, recipients).await,
            Tongue::Lmtp => {
                for address in recipients {
                    self.refuse(code, vec![address]).await?;
                }
                Ok(())
            }
        }
    }

    async fn dot_smtp(&mut self, transaction: Transaction, content: ContentHash) -> Step {
        let before = self.peer.history.now();
        if let Mood::No(code) = self.mood(Stage::Dot).await? {
            return self.refuse(code, transaction.recipients).await;
        }
        let in_time = self.peer.history.now().since(before) < PATIENCE;
        let reply = self.peer.history.reply();
        self.took(
            &transaction,
            content,
            transaction.recipients.iter().map(|to| (to.clone(), reply)).collect(),
        );
        if self.peer.mischief(self.peer.manners.drop_after_dot) {
            self.peer.fired(Fault::DropAfterDot);
            return Err(Gone);
        }
        self.write(format!("250 2.0.0 taken {}\r\n", reply.mark())).await?;
        if in_time {
            self.peer.history.note(Event::Answered { replies: vec![reply] });
        }
        Ok(())
    }

    async fn dot_lmtp(&mut self, transaction: Transaction, content: ContentHash) -> Step {
        let before = self.peer.history.now();
        let mut answers = Vec::new();
        for address in &transaction.recipients {
            let code = match self.mood(Stage::Dot).await? {
                Mood::Good => 250,
                Mood::No(code) => code,
            };
            answers.push((address.clone(), code));
        }
        let in_time = self.peer.history.now().since(before) < PATIENCE;
        if answers.iter().any(|(_, code)| *code == 250) && answers.iter().any(|(_, code)| *code != 250) {
            self.peer.fired(Fault::LmtpMixed);
        }
        let fewer = self.peer.mischief(self.peer.manners.fewer_replies);
        let stop =
            if fewer { self.peer.chance(|chance| chance.count(0, answers.len() - 1)) } else { answers.len() };
        let mut taken = Vec::new();
        let mut numbered = Vec::new();
        for (address, code) in answers {
            let reply = if code == 250 {
                let reply = self.peer.history.reply();
                taken.push((address.clone(), reply));
                reply
            } else {
                self.said(code, vec![address.clone()])
            };
            numbered.push((code, reply));
        }
        if !taken.is_empty() {
            self.took(&transaction, content, taken);
        }
        for (code, reply) in &numbered[..stop] {
            if *code != 250 {
                self.write_no(*code, *reply).await?;
                continue;
            }
            self.write(format!("250 2.0.0 taken {}\r\n", reply.mark())).await?;
            if in_time {
                self.peer.history.note(Event::Answered { replies: vec![*reply] });
            }
        }
        if stop < numbered.len() {
            self.peer.fired(Fault::LmtpFewerReplies);
            return Err(Gone);
        }
        Ok(())
    }

    fn took(&self, transaction: &Transaction, content: ContentHash, recipients: Vec<(Address, ReplyId)>) {
        self.peer.history.note(Event::Took {
            connection: self.connection,
            peer: self.peer.name.clone(),
            content,
            reverse_path: transaction.reverse_path.clone(),
            recipients,
        });
    }
}
