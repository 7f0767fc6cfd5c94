//! Values of protocols, and annotations.

use bytes::Bytes;
use rusqlite::{OptionalExtension, Result, params};

use super::account::{Account, Altering};
use super::log::Gone;
use super::rows::number;
use crate::messages::limits::{ANNOTATION_BYTES_MAX, ANNOTATIONS_MAX, RECORD_BYTES_MAX, RECORDS_MAX};
use crate::messages::{Altered, Kind, MailboxId, Refusal};
use crate::sqlite::write::integer;

impl Account<'_> {
    pub(super) fn put_record(&mut self, kind: Kind, id: Option<u64>, document: &str) -> Altering<Altered> {
        if document.len() as u64 > RECORD_BYTES_MAX {
            return Err(Refusal::TooMany("bytes of a record", RECORD_BYTES_MAX).into());
        }
        let kind = Gone::of(kind) as i64;
        let old = match id {
            Some(id) => Some(self.document(kind, id)?.ok_or(Refusal::NoRecord(id))?),
            None => {
                let sql = "SELECT count(*) FROM record WHERE account = ?1 AND kind = ?2";
                let mut count = self.db.prepare_cached(sql)?;
                if count.query_row(params![self.row.id, kind], |row| number(row, 0))? >= RECORDS_MAX {
                    return Err(Refusal::TooMany("records", RECORDS_MAX).into());
                }
                self.can_make(1)?;
                None
            }
        };
        let id = id.unwrap_or_else(|| self.new_id());
        if old.as_deref() != Some(document) {
            self.touch();
            let sql = "INSERT INTO record VALUES (?1, ?2, ?3, ?4, ?5)
                       ON CONFLICT DO UPDATE SET modseq = excluded.modseq, document = excluded.document";
            let arguments = params![self.row.id, kind, integer(id), integer(self.next.0), document];
            self.db.prepare_cached(sql)?.execute(arguments)?;
        }
        Ok(Altered::Record(id))
    }

    fn document(&self, kind: i64, id: u64) -> Result<Option<String>> {
        let sql = "SELECT document FROM record WHERE account = ?1 AND kind = ?2 AND id = ?3";
        let mut statement = self.db.prepare_cached(sql)?;
        statement.query_row(params![self.row.id, kind, integer(id)], |row| row.get(0)).optional()
    }

    pub(super) fn destroy_record(&mut self, kind: Kind, id: u64) -> Altering<Altered> {
        let sql = "DELETE FROM record WHERE account = ?1 AND kind = ?2 AND id = ?3";
        let arguments = params![self.row.id, Gone::of(kind) as i64, integer(id)];
        if self.db.prepare_cached(sql)?.execute(arguments)? == 0 {
            return Err(Refusal::NoRecord(id).into());
        }
        self.gone(Gone::of(kind), id);
        Ok(Altered::Done)
    }

    pub(super) fn annotate(
        &mut self,
        mailbox: Option<MailboxId>,
        entry: &str,
        value: Option<&Bytes>,
    ) -> Altering<Altered> {
        if let Some(id) = mailbox {
            self.mailbox(id)?;
        }
        let (account, of) = (self.row.id, mailbox.map_or(0, |id| integer(id.0)));
        let Some(value) = value else {
            let sql = "DELETE FROM annotation WHERE account = ?1 AND mailbox = ?2 AND entry = ?3";
            if self.db.prepare_cached(sql)?.execute(params![account, of, entry])? > 0 {
                self.touch();
            }
            return Ok(Altered::Done);
        };
        if (entry.len() + value.len()) as u64 > ANNOTATION_BYTES_MAX {
            return Err(Refusal::TooMany("bytes of an annotation", ANNOTATION_BYTES_MAX).into());
        }
        let sql = "SELECT count(*) FROM annotation WHERE account = ?1 AND mailbox = ?2 AND entry <> ?3";
        let others =
            self.db.prepare_cached(sql)?.query_row(params![account, of, entry], |row| number(row, 0))?;
        if others >= ANNOTATIONS_MAX {
            return Err(Refusal::TooMany("annotations", ANNOTATIONS_MAX).into());
        }
        let sql = "INSERT INTO annotation VALUES (?1, ?2, ?3, ?4)
                   ON CONFLICT DO UPDATE SET value = excluded.value WHERE value <> excluded.value";
        if self.db.prepare_cached(sql)?.execute(params![account, of, entry, &value[..]])? > 0 {
            self.touch();
        }
        Ok(Altered::Done)
    }
}
