//! What do messages say about themselves that came before anyone asked? Found once, when the store is opened.

use mail::MessageId;
use rusqlite::{Connection, Result, params};

use super::content::whole;
use super::rows::{self, number};
use super::thread;
use crate::StoreError;
use crate::messages::{Email, ThreadId, rules};
use crate::sqlite::database::{self, cannot};
use crate::sqlite::files::Files;
use crate::sqlite::read;
use crate::sqlite::write::integer;

/// Messages that are read in one transaction, so that what was read is kept by one that is killed.
const PIECE_MESSAGES_MAX: usize = 20_000;
/// Bytes of content that are read in one transaction.
const PIECE_BYTES_MAX: usize = 64 << 20;

/// How much is done in one transaction.
#[derive(Clone, Copy)]
struct Piece {
    messages_max: usize,
    bytes_max: usize,
}

/// Writes what is missing, piece by piece.
pub(in crate::sqlite) fn complete(db: &mut Connection, files: &Files) -> std::result::Result<(), StoreError> {
    in_pieces(db, files, Piece { messages_max: PIECE_MESSAGES_MAX, bytes_max: PIECE_BYTES_MAX })
}

fn in_pieces(db: &mut Connection, files: &Files, piece: Piece) -> std::result::Result<(), StoreError> {
    let fail = cannot("find what messages say about themselves");
    let count = "SELECT count(*) FROM digest WHERE length(record) = 0";
    let messages: i64 = db.query_row(count, [], |row| row.get(0)).map_err(&fail)?;
    if messages == 0 {
        return Ok(());
    }
    tracing::info!(messages, "reading messages once, to know what they say about themselves");
    db.execute_batch(
        "CREATE TEMP TABLE copies (message INTEGER, account INTEGER, id INTEGER, PRIMARY KEY (message, account, id))
             WITHOUT ROWID;
         INSERT INTO copies SELECT message, account, id FROM email
             WHERE message IN (SELECT message FROM digest WHERE length(record) = 0)",
    )
    .map_err(&fail)?;
    let mut after = 0;
    loop {
        let transaction = db.transaction().map_err(&fail)?;
        let unknown = unknown(&transaction, after, piece.messages_max).map_err(&fail)?;
        let Some(read) = read_some(&transaction, files, &unknown, piece.bytes_max)? else { break };
        join(&transaction, after, read).map_err(&fail)?;
        transaction.commit().map_err(&fail)?;
        database::checkpoint(db).map_err(&fail)?;
        after = read;
    }
    db.execute_batch("DROP TABLE copies").map_err(&fail)
}

fn unknown(db: &Connection, after: u64, limit: usize) -> Result<Vec<u64>> {
    let sql =
        "SELECT message FROM digest WHERE length(record) = 0 AND message > ?1 ORDER BY message LIMIT ?2";
    let mut select = db.prepare_cached(sql)?;
    select.query_map(params![integer(after), integer(limit as u64)], |row| number(row, 0))?.collect()
}

/// Reads messages until they are many bytes. Gives the last that was read; none if there is none.
fn read_some(
    db: &Connection,
    files: &Files,
    unknown: &[u64],
    bytes_max: usize,
) -> std::result::Result<Option<u64>, StoreError> {
    let (mut bytes, mut last) = (0_usize, None);
    for message in unknown {
        if bytes >= bytes_max {
            break;
        }
        let content =
            read::content(db, files, MessageId(*message)).and_then(|found| found.map(whole).transpose());
        let record = match content {
            Ok(Some(content)) => {
                bytes = bytes.saturating_add(content.len());
                Some(rules::digest_of(&content))
            }
            // What is not there, or is not what was written, does not become so: it says nothing about itself.
            Ok(None) => {
                tracing::error!(id = message, "a message of a mailbox has no content");
                Some(rules::digest_of(b""))
            }
            Err(error) => {
                tracing::error!(id = message, %error, "a message of a mailbox cannot be read");
                is_lost(&error).then(|| rules::digest_of(b""))
            }
        };
        if let Some(record) = record {
            let sql = "UPDATE digest SET record = ?2 WHERE message = ?1";
            let mut update =
                db.prepare_cached(sql).map_err(cannot("write what a message says about itself"))?;
            update
                .execute(params![integer(*message), record])
                .map_err(cannot("write what a message says about itself"))?;
        }
        last = Some(*message);
    }
    Ok(last)
}

/// Whether it can never be read, rather than not now.
fn is_lost(error: &StoreError) -> bool {
    match error {
        StoreError::Damaged { .. } => true,
        StoreError::File { source, .. } => source.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}

/// Puts the messages after one, up to another, into conversations: the oldest of an account first.
fn join(db: &Connection, after: u64, up_to: u64) -> Result<()> {
    let mut select = db.prepare_cached(
        "SELECT account, record, id FROM copies JOIN digest ON digest.message = copies.message
         WHERE copies.message > ?1 AND copies.message <= ?2 ORDER BY account, id",
    )?;
    let mut rows = select.query(params![integer(after), integer(up_to)])?;
    while let Some(row) = rows.next()? {
        let account: i64 = row.get(0)?;
        let keys = rules::thread_keys(row.get_ref(1)?.as_blob()?);
        if keys.is_empty() {
            continue;
        }
        let id = crate::messages::EmailId(number(row, 2)?);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::SqliteOptions;

    const SMALL: Piece = Piece { messages_max: 2, bytes_max: 1 << 20 };

    /// Five messages of one mailbox, each an answer to the one before.
    fn five(directory: &std::path::Path) -> (Connection, Files) {
        let db = database::open_writer(directory, &SqliteOptions::default()).unwrap();
        for id in 1..=5_i64 {
            let text = format!("Message-ID: <m{id}@x>\r\nReferences: <m{}@x>\r\n\r\nhi", id - 1);
            let sum = crate::sqlite::checksum::checksum(text.as_bytes());
            let message = "INSERT INTO message VALUES (?1, 1, ?2, ?3, x'00', NULL, ?4)";
            db.execute(message, params![id, integer(text.len() as u64), sum, text.as_bytes()]).unwrap();
            db.execute("INSERT INTO digest VALUES (?1, 1, x'')", [id]).unwrap();
            let email = "INSERT INTO email VALUES (1, ?1, ?1, ?1, 2, 0, '', 9, 0, '7:' || ?1, x'')";
            db.execute(email, [id]).unwrap();
            db.execute("INSERT INTO entry VALUES (1, 7, ?1, ?1, ?1, 2, 0, '', 9, 0, 0)", [id]).unwrap();
        }
        (db, Files::open(directory).unwrap())
    }

    fn numbers(db: &Connection, sql: &str) -> Vec<i64> {
        let mut select = db.prepare(sql).unwrap();
        select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    // proves: A12
    #[test]
    fn what_was_read_before_a_kill_is_not_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let (mut db, files) = five(directory.path());
        let killed = "CREATE TRIGGER killed BEFORE UPDATE ON digest WHEN NEW.message = 5
                      BEGIN SELECT RAISE(ABORT, 'killed'); END";
        db.execute_batch(killed).unwrap();
        assert!(in_pieces(&mut db, &files, SMALL).is_err());
        let unknown = "SELECT message FROM digest WHERE length(record) = 0";
        assert_eq!(numbers(&db, unknown), [5]);
        drop(db);
        let mut db = database::open_writer(directory.path(), &SqliteOptions::default()).unwrap();
        db.execute_batch("DROP TRIGGER killed").unwrap();
        in_pieces(&mut db, &files, SMALL).unwrap();
        assert!(numbers(&db, unknown).is_empty());
        assert_eq!(numbers(&db, "SELECT thread FROM email"), [1; 5], "a conversation goes on over pieces");
        assert_eq!(numbers(&db, "SELECT thread FROM entry"), [1; 5]);
    }

    #[test]
    fn what_cannot_be_read_is_looked_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let (mut db, files) = five(directory.path());
        db.execute_batch(
            "UPDATE message SET checksum = 1 WHERE id = 2; DELETE FROM message WHERE id = 3;
             UPDATE message SET content = NULL, file = '00/gone' WHERE id = 4",
        )
        .unwrap();
        in_pieces(&mut db, &files, Piece { bytes_max: 1, ..SMALL }).unwrap();
        assert!(numbers(&db, "SELECT message FROM digest WHERE length(record) = 0").is_empty());
        in_pieces(&mut db, &files, SMALL).unwrap();
    }
}
