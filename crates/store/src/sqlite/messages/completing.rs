//! What do messages say about themselves that came before anyone asked? Found once, when the store is opened.

use std::collections::BTreeSet;

use mail::MessageId;
use rusqlite::{Connection, Result, params};

use super::content::whole;
use super::rows::{self, number};
use super::thread;
use crate::StoreError;
use crate::messages::{Email, ThreadId, rules};
use crate::sqlite::database::cannot;
use crate::sqlite::files::Files;
use crate::sqlite::read;
use crate::sqlite::write::integer;

/// Writes what is missing, all of it in one transaction.
pub(in crate::sqlite) fn complete(db: &mut Connection, files: &Files) -> std::result::Result<(), StoreError> {
    let fail = cannot("find what messages say about themselves");
    let unknown = unknown(db).map_err(&fail)?;
    if unknown.is_empty() {
        return Ok(());
    }
    tracing::info!(messages = unknown.len(), "reading messages once, to know what they say about themselves");
    let transaction = db.transaction().map_err(&fail)?;
    for message in &unknown {
        let content = read::content(&transaction, files, MessageId(*message))
            .and_then(|found| found.map(whole).transpose());
        match content {
            Ok(Some(content)) => {
                let sql = "UPDATE digest SET record = ?2 WHERE message = ?1";
                let record = rules::digest_of(&content);
                transaction.execute(sql, params![integer(*message), record]).map_err(&fail)?;
            }
            Ok(None) => tracing::error!(id = message, "a message of a mailbox has no content"),
            Err(error) => tracing::error!(id = message, %error, "a message of a mailbox cannot be read"),
        }
    }
    join(&transaction, &unknown).map_err(&fail)?;
    transaction.commit().map_err(&fail)
}

fn unknown(db: &Connection) -> Result<BTreeSet<u64>> {
    let mut select = db.prepare("SELECT message FROM digest WHERE length(record) = 0")?;
    select.query_map([], |row| number(row, 0))?.collect()
}

/// Puts messages into conversations.
fn join(db: &Connection, messages: &BTreeSet<u64>) -> Result<()> {
    let mut select = db.prepare(
        "SELECT account, email.message, record, id FROM email JOIN digest ON digest.message = email.message
         ORDER BY account, id",
    )?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (account, message): (i64, u64) = (row.get(0)?, number(row, 1)?);
        let keys = rules::thread_keys(row.get_ref(2)?.as_blob()?);
        if !messages.contains(&message) || keys.is_empty() {
            continue;
        }
        let id = crate::messages::EmailId(number(row, 3)?);
        let Some(email) = rows::email_of(db, account, id)? else { continue };
        let thread = thread::find(db, account, &keys)?.unwrap_or(email.thread);
        thread::refer(db, account, &keys, thread)?;
        if thread != email.thread {
            move_to(db, account, &email, thread)?;
        }
    }
    Ok(())
}

fn move_to(db: &Connection, account: i64, email: &Email, thread: ThreadId) -> Result<()> {
    let sql = "UPDATE email SET thread = ?3 WHERE account = ?1 AND id = ?2";
    db.prepare_cached(sql)?.execute(params![account, integer(email.id.0), integer(thread.0)])?;
    let sql = "UPDATE entry SET thread = ?4 WHERE account = ?1 AND mailbox = ?2 AND uid = ?3";
    for (mailbox, uid) in &email.places {
        let arguments = params![account, integer(mailbox.0), uid, integer(thread.0)];
        db.prepare_cached(sql)?.execute(arguments)?;
    }
    Ok(())
}
