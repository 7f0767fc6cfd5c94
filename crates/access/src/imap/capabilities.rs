//! What is offered, before and after login (RFC 9051 section 6.1.1), and what is switched on (RFC 5161).

use store::StoreError;
use wire::imap::reply;

use super::session::{Answer, Session};

/// What is offered to everybody.
const ALWAYS: &str = "IMAP4rev2 IMAP4rev1 LITERAL+ ID ENABLE SASL-IR";
/// What is offered to whom we know.
const KNOWN: &str = "IDLE NAMESPACE UIDPLUS MOVE UNSELECT CONDSTORE QRESYNC ESEARCH SEARCHRES SORT SORT=DISPLAY ESORT \
    THREAD=ORDEREDSUBJECT THREAD=REFERENCES WITHIN PARTIAL LIST-EXTENDED LIST-STATUS LIST-METADATA SPECIAL-USE \
    CREATE-SPECIAL-USE CHILDREN BINARY MULTIAPPEND QUOTA QUOTA=RES-STORAGE OBJECTID SAVEDATE PREVIEW STATUS=SIZE \
    METADATA UTF8=ACCEPT";

/// What is offered now.
pub(super) fn list(session: &Session) -> String {
    let mut list = ALWAYS.to_owned();
    if session.account.is_some() {
        list.push_str(&format!(" {KNOWN} APPENDLIMIT={}", session.message_bytes_max));
        if !session.talk.is_compressed() {
            list.push_str(" COMPRESS=DEFLATE");
        }
        return list;
    }
    if session.talk.may_start_tls() {
        list.push_str(" STARTTLS");
    }
    if session.talk.is_private() {
        for mechanism in super::login::mechanisms(session) {
            list.push_str(" AUTH=");
            list.push_str(mechanism.name());
        }
    } else {
        list.push_str(" LOGINDISABLED");
    }
    list
}

/// ENABLE.
pub(super) fn enable(session: &mut Session, names: &[String]) -> Result<Answer, StoreError> {
    let mut enabled = Vec::new();
    for name in names {
        let flag = &mut session.enabled;
        match name.as_str() {
            "CONDSTORE" => flag.condstore = true,
            // RFC 7162 section 3.2.3: it brings the other.
            "QRESYNC" => (flag.condstore, flag.qresync) = (true, true),
            "IMAP4REV2" => flag.rev2 = true,
            "UTF8=ACCEPT" => flag.utf8 = true,
            _ => continue,
        }
        enabled.push(if name == "IMAP4REV2" { "IMAP4rev2" } else { name });
    }
    let list: Vec<String> = enabled.iter().map(|name| format!(" {name}")).collect();
    reply::untagged(&mut session.talk.output, format_args!("ENABLED{}", list.concat()));
    Ok(Answer::ok("enabled"))
}
