//! The part of a notification for people: why they get it, what happened to whom, what they can do.

use std::fmt::Write;

use mail::dsn::{Action, one_line};
use mail::{Recipient, Reply};

use super::{Happening, action, english};
use crate::outcome::Trouble;
use crate::reporter::Reporter;

/// Characters of a text that a peer gave, in one line.
const TEXT_CHARS_MAX: usize = 400;

/// The news in all of it.
pub(super) fn news(told: &[&(Recipient, Happening)]) -> english::News {
    let any = |wanted: fn(Action) -> bool| told.iter().any(|(_, happening)| wanted(action(happening)));
    english::News {
        success: any(|action| matches!(action, Action::Delivered | Action::Relayed)),
        delay: any(|action| action == Action::Delayed),
        failure: any(|action| action == Action::Failed),
    }
}

/// The whole part; the good news first, as `told` is sorted.
pub(super) fn text(told: &[&(Recipient, Happening)], reporter: &Reporter, to_postmaster: bool) -> String {
    let mut out = english::opening(reporter.hostname.as_str(), reporter.domain.as_str());
    if to_postmaster {
        out.push_str(english::DOUBLE_BOUNCE);
    }
    let mut before = "";
    for (nth, (recipient, happening)) in told.iter().enumerate() {
        let heading = heading(happening);
        // Writing to a String cannot fail.
        if heading != before {
            let rule = if before.is_empty() { "" } else { english::RULE };
            let _ = match rule {
                "" => write!(out, "\n{heading}\n\n"),
                rule => write!(out, "\n{rule}\n\n{heading}\n\n"),
            };
            before = heading;
        }
        let _ = writeln!(out, "<{}> ({})", recipient.forward_path, what(recipient, happening));
        // What is the same for several is said once, after the last of them.
        let next = told.get(nth + 1).map(|(_, next)| (self::heading(next), outlook(next)));
        let outlook = outlook(happening);
        if !outlook.is_empty() && next.as_ref() != Some(&(heading, outlook.clone())) {
            let apart = if next.is_some_and(|(next, _)| next == heading) { "\n" } else { "" };
            let _ = write!(out, "{outlook}\n{apart}");
        }
    }
    out
}

fn heading(happening: &Happening) -> &'static str {
    match action(happening) {
        Action::Delivered => english::DELIVERED,
        Action::Relayed => english::RELAYED,
        Action::Delayed => english::DELAYED,
        Action::Failed => english::FAILED,
    }
}

/// Why, and what the sender can expect or do; empty if there is nothing to say.
fn outlook(happening: &Happening) -> String {
    match happening {
        Happening::Delivered(_) => String::new(),
        Happening::Delayed(progress) => {
            let until = progress.gives_up_at().map(|at| at.rfc5322());
            english::outlook(progress.last.as_ref().map(english::delay), until.as_deref())
        }
        Happening::Failed(trouble) => english::advice(trouble),
    }
}

fn what(recipient: &Recipient, happening: &Happening) -> String {
    match happening {
        Happening::Delivered(delivered) => {
            let host = one_line(&delivered.host, TEXT_CHARS_MAX);
            english::delivered_to(&host, &reply_text(&delivered.reply))
        }
        Happening::Delayed(progress) => match &progress.last {
            Some(trouble) => why(recipient, trouble),
            None => english::NOT_TRIED.to_owned(),
        },
        Happening::Failed(trouble) => why(recipient, trouble),
    }
}

fn why(recipient: &Recipient, trouble: &Trouble) -> String {
    let host = one_line(&trouble.host, TEXT_CHARS_MAX);
    let text = one_line(&trouble.text, TEXT_CHARS_MAX);
    let reply = trouble.reply.as_ref();
    let reply = reply.map(|(command, reply)| (one_line(command, TEXT_CHARS_MAX), reply_text(reply)));
    let reply = reply.as_ref().map(|(command, reply)| (command.as_str(), reply.as_str()));
    english::happened(trouble.kind, &host, reply, &text, &recipient.forward_path)
}

fn reply_text(reply: &Reply) -> String {
    let enhanced = reply.enhanced.map_or_else(String::new, |status| format!(" ({status})"));
    english::reply(reply.code, &enhanced, &one_line(&reply.text, TEXT_CHARS_MAX))
}
