//! The content of messages: made ready before it is written, and read again.

use bytes::{Bytes, BytesMut};
use mail::{Address, MessageId, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use super::work::{NewContent, Step, brought};
use crate::messages::rules::digest_of;
use crate::messages::{Alteration, EmailId, alteration};
use crate::sqlite::SqliteStore;
use crate::sqlite::database::cannot;
use crate::sqlite::files::Files;
use crate::sqlite::write::integer;
use crate::sqlite::{read, spool};
use crate::{Content, MessageStore, StoreError};

impl SqliteStore {
    /// Content that is durable as far as it does not go into the database.
    pub(super) async fn new_content(
        &self,
        bytes: Bytes,
        now: Timestamp,
        digest: Vec<u8>,
    ) -> Result<NewContent, StoreError> {
        self.shared.running()?;
        self.shared.room.take(bytes.len() as u64)?;
        let stored = spool::store(&self.shared, Content::Memory(bytes)).await?;
        let id = self.shared.ledger().ids.take(now, 1);
        Ok(NewContent::new(MessageId(id), stored, digest))
    }

    /// An alteration with what can be made ready before its turn.
    pub(super) async fn step(
        &self,
        account: &Address,
        mut alteration: Alteration,
        now: Timestamp,
    ) -> Result<Step, StoreError> {
        let (mut content, mut digest) = (None, Vec::new());
        if let Some(bytes) = brought(&alteration) {
            let bytes = bytes.clone();
            let record = digest_of(&bytes);
            content = Some(self.new_content(bytes, now, record).await?);
        }
        if let Alteration::Append { content: alteration::Source::Uploaded(id), .. } = &alteration {
            let uploaded = self.uploaded(account, *id).await?;
            digest = uploaded.map(|bytes| digest_of(&bytes)).unwrap_or_default();
        }
        if let Alteration::Annotate { entry, .. } = &mut alteration {
            entry.make_ascii_lowercase();
        }
        Ok(Step { alteration, content, digest })
    }

    /// What a message of the queue says about itself, before it is put into mailboxes.
    pub(in crate::sqlite) async fn digest_of_queued(&self, message: MessageId) -> Vec<u8> {
        let cached = self.shared.cache().find(message);
        if let Some(bytes) = cached {
            return digest_of(&bytes);
        }
        let read = self.read(move |db, files| {
            Ok(read::content(db, files, message)?.map(whole).transpose()?.map(|bytes| digest_of(&bytes)))
        });
        match read.await {
            Ok(digest) => digest.unwrap_or_default(),
            Err(error) => {
                // It is kept as it is; what it says about itself is found when the store is opened again.
                tracing::error!(id = %message, %error, "a message cannot be read while it is delivered");
                Vec::new()
            }
        }
    }
}

/// All of it in memory.
pub(super) fn whole(content: Content) -> Result<Bytes, StoreError> {
    match content {
        Content::Memory(bytes) => Ok(bytes),
        Content::File(file) => file.read().map(Bytes::from).map_err(|source| StoreError::File {
            doing: "read",
            path: file.path.clone(),
            source,
        }),
    }
}

/// A message of the account, prefix included.
pub(in crate::sqlite) fn email(
    db: &Connection,
    files: &Files,
    account: i64,
    email: EmailId,
) -> Result<Option<Bytes>, StoreError> {
    let fail = cannot("read the local store");
    let sql = "SELECT message, prefix FROM email WHERE account = ?1 AND id = ?2";
    let mut statement = db.prepare_cached(sql).map_err(&fail)?;
    let found = statement.query_row(params![account, integer(email.0)], |row| {
        Ok((MessageId(row.get::<_, i64>(0)?.cast_unsigned()), row.get::<_, Vec<u8>>(1)?))
    });
    let Some((message, prefix)) = found.optional().map_err(&fail)? else { return Ok(None) };
    let Some(content) = read::content(db, files, message)? else {
        let what = format!("email {} of account {account}", email.0);
        return Err(StoreError::Damaged { what, why: "its content is not there".into() });
    };
    let content = whole(content)?;
    if prefix.is_empty() {
        return Ok(Some(content));
    }
    let mut bytes = BytesMut::with_capacity(prefix.len() + content.len());
    bytes.extend_from_slice(&prefix);
    bytes.extend_from_slice(&content);
    Ok(Some(bytes.freeze()))
}

/// What the account has uploaded.
pub(super) fn uploaded(
    db: &Connection,
    files: &Files,
    account: i64,
    id: MessageId,
) -> Result<Option<Bytes>, StoreError> {
    let fail = cannot("read an upload");
    let sql = "SELECT EXISTS (SELECT 1 FROM upload WHERE message = ?1 AND account = ?2)";
    let mut statement = db.prepare_cached(sql).map_err(&fail)?;
    if !statement.query_row(params![integer(id.0), account], |row| row.get(0)).map_err(&fail)? {
        return Ok(None);
    }
    read::content(db, files, id)?.map(whole).transpose()
}
