//! Whose fault was it, and what can the sender do?

use mail::Severity;

use crate::outcome::{Trouble, TroubleKind};

/// What to tell the sender beside the bare facts, for a recipient that was given up.
pub(super) fn advice(trouble: &Trouble) -> &'static str {
    let put_off = |reply: &mail::Reply| reply.severity() == Severity::Transient;
    if trouble.reply.as_ref().is_some_and(|(_, reply)| put_off(reply)) {
        return "That server put the message off again and again, until its time was over.\n\
                You may send it again later.";
    }
    match (trouble.status.subject, trouble.status.detail) {
        (1, 7 | 8) => "That server does not accept your own address as the sender's.",
        (1, 2 | 10) => "That domain takes no mail: please check what stands after the @.",
        (1, _) => "There is no such address: please check its spelling.",
        (2, 3) | (3, 4) => "The message is too large for it: please send it in smaller parts.",
        (2, _) => "That mailbox takes no mail now. The recipient may be told in another way.",
        (4, 4) => "No server can be found for that domain: please check what stands after the @.",
        (4, 6) => "Mail for that domain goes in circles, which only a postmaster can mend.",
        (6, _) => "That server cannot take a message of this form: a simpler one may pass.",
        (7, _) if trouble.reply.is_some() => {
            "That server refuses it by a rule of its own. Its reply says why; its postmaster\ncan change that."
        }
        _ => by_kind(trouble.kind),
    }
}

fn by_kind(kind: TroubleKind) -> &'static str {
    match kind {
        TroubleKind::UnexpectedReply => "That server refused it for good. Its reply says why.",
        TroubleKind::Dns => {
            "The domain name service gave no answer about that domain until the time was over.\n\
             You may send it again later."
        }
        TroubleKind::Connection => {
            "That server was not to be reached until the time was over.\nYou may send it again later."
        }
        TroubleKind::Tls | TroubleKind::Dane | TroubleKind::MtaSts => {
            "There was no connection that is secure enough for it. A postmaster can help."
        }
        TroubleKind::Rate | TroubleKind::Concurrency | TroubleKind::Io => {
            "The fault lies with this system, not with you or the recipient."
        }
    }
}

#[cfg(test)]
mod tests {
    use mail::Reply;

    use super::*;
    use crate::outcome::Scope;

    #[track_caller]
    fn check(kind: TroubleKind, status: (u16, u16), code: Option<u16>, expected: &str) {
        let trouble = Trouble {
            reply: code.map(|code| ("RCPT TO".to_owned(), Reply::new(code, None, "no"))),
            ..Trouble::new(Scope::Recipient, kind, (5, status.0, status.1), "")
        };
        assert!(advice(&trouble).contains(expected), "{}", advice(&trouble));
    }

    #[test]
    fn says_whose_fault_it_was() {
        check(TroubleKind::UnexpectedReply, (1, 1), Some(550), "check its spelling");
        check(TroubleKind::UnexpectedReply, (1, 8), Some(550), "your own address");
        check(TroubleKind::UnexpectedReply, (2, 2), Some(552), "That mailbox");
        check(TroubleKind::UnexpectedReply, (3, 4), None, "too large");
        check(TroubleKind::UnexpectedReply, (7, 1), Some(554), "a rule of its own");
        check(TroubleKind::UnexpectedReply, (0, 0), Some(550), "refused it for good");
        check(TroubleKind::Dns, (1, 10), None, "after the @");
        check(TroubleKind::Dns, (4, 3), None, "no answer about that domain");
        check(TroubleKind::Connection, (4, 1), None, "not to be reached");
        check(TroubleKind::Tls, (7, 10), None, "secure enough");
        check(TroubleKind::Io, (3, 0), None, "lies with this system");
    }

    #[test]
    fn what_was_put_off_to_the_end_is_not_told_as_refused() {
        check(TroubleKind::UnexpectedReply, (1, 1), Some(450), "again and again");
    }
}
