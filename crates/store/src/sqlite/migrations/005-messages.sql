-- The message store. Everything is kept by account, so that what belongs to one lies together and is never found by
-- another. An id is made of the change that made the thing and a number within that change: it is never used again,
-- and says when it was created.

ALTER TABLE account RENAME TO old_account;
ALTER TABLE mailbox RENAME TO old_mailbox;
ALTER TABLE entry RENAME TO old_entry;
DROP INDEX entry_message;

CREATE TABLE account (
    id           INTEGER PRIMARY KEY,
    name         TEXT NOT NULL UNIQUE,
    modseq       INTEGER NOT NULL,
    log_since    INTEGER NOT NULL,      -- what is gone up to here may be forgotten
    log_rows     INTEGER NOT NULL,      -- rows of gone
    usage        INTEGER NOT NULL,      -- bytes of its emails
    emails       INTEGER NOT NULL,
    uid_validity INTEGER NOT NULL       -- the greatest that was given
) STRICT;

CREATE TABLE mailbox (
    account        INTEGER NOT NULL,
    id             INTEGER NOT NULL,
    parent         INTEGER,
    name           TEXT NOT NULL,
    role           TEXT,
    sort_order     INTEGER NOT NULL,
    subscribed     INTEGER NOT NULL,
    uid_validity   INTEGER NOT NULL,
    uid_next       INTEGER NOT NULL,    -- only grows, so that no UID is used again
    highest_modseq INTEGER NOT NULL,
    total          INTEGER NOT NULL,
    unseen         INTEGER NOT NULL,
    deleted        INTEGER NOT NULL,
    size           INTEGER NOT NULL,
    modseq         INTEGER NOT NULL,
    counts_modseq  INTEGER NOT NULL,
    PRIMARY KEY (account, id)
) STRICT, WITHOUT ROWID;

-- A message of an account.
CREATE TABLE email (
    account     INTEGER NOT NULL,
    id          INTEGER NOT NULL,
    message     INTEGER NOT NULL,       -- its content
    thread      INTEGER NOT NULL,
    modseq      INTEGER NOT NULL,
    flags       INTEGER NOT NULL,       -- without \Deleted
    keywords    TEXT NOT NULL,          -- with spaces between
    size        INTEGER NOT NULL,       -- with the prefix
    received_at INTEGER NOT NULL,
    places      TEXT NOT NULL,          -- mailbox:uid, with spaces between, by mailbox
    prefix      BLOB NOT NULL,
    PRIMARY KEY (account, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX email_modseq ON email (account, modseq);
CREATE INDEX email_thread ON email (account, thread);

-- An email in a mailbox, with all that IMAP asks for often.
CREATE TABLE entry (
    account     INTEGER NOT NULL,
    mailbox     INTEGER NOT NULL,
    uid         INTEGER NOT NULL,
    email       INTEGER NOT NULL,
    thread      INTEGER NOT NULL,
    modseq      INTEGER NOT NULL,
    flags       INTEGER NOT NULL,
    keywords    TEXT NOT NULL,
    size        INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    saved_at    INTEGER NOT NULL,
    PRIMARY KEY (account, mailbox, uid)
) STRICT, WITHOUT ROWID;

CREATE INDEX entry_modseq ON entry (account, mailbox, modseq);

-- Content that emails have: by how many, and what it says about itself (mail::digest; empty until it is known).
CREATE TABLE digest (
    message INTEGER PRIMARY KEY,
    uses    INTEGER NOT NULL,
    record  BLOB NOT NULL
) STRICT;

CREATE INDEX digest_unknown ON digest (message) WHERE length(record) = 0;

-- By which an email finds its conversation: hashes of message ids.
CREATE TABLE reference (
    account INTEGER NOT NULL,
    hash    INTEGER NOT NULL,
    thread  INTEGER NOT NULL,
    uses    INTEGER NOT NULL,           -- by how many emails of the account
    PRIMARY KEY (account, hash)
) STRICT, WITHOUT ROWID;

-- What is gone, by the change that removed it.
CREATE TABLE gone (
    account INTEGER NOT NULL,
    modseq  INTEGER NOT NULL,
    number  INTEGER NOT NULL,           -- within the change
    kind    INTEGER NOT NULL,           -- log.rs
    id      INTEGER NOT NULL,           -- of a mailbox if entries are gone
    first   INTEGER NOT NULL,           -- the first UID of a range
    last    INTEGER NOT NULL,
    PRIMARY KEY (account, modseq, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE record (
    account  INTEGER NOT NULL,
    kind     INTEGER NOT NULL,
    id       INTEGER NOT NULL,
    modseq   INTEGER NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (account, kind, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE annotation (
    account INTEGER NOT NULL,
    mailbox INTEGER NOT NULL,           -- 0: the account
    entry   TEXT NOT NULL,
    value   BLOB NOT NULL,
    PRIMARY KEY (account, mailbox, entry)
) STRICT, WITHOUT ROWID;

-- Content that no message was made of yet.
CREATE TABLE upload (
    message INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    size    INTEGER NOT NULL,
    until   INTEGER NOT NULL
) STRICT;

CREATE INDEX upload_account ON upload (account, until);

-- What there was. Mailboxes get ids of change 1, emails those of change 2 and, if there are many, of the next ones.
CREATE TABLE moved_mailbox AS
    SELECT id AS old, account, (1 << 20) + row_number() OVER (
        PARTITION BY account ORDER BY name <> 'INBOX', id) - 1 AS id
    FROM old_mailbox;
CREATE TABLE moved_entry AS
    SELECT m.account, m.id AS mailbox, e.uid, (2 << 20) + row_number() OVER (
        PARTITION BY m.account ORDER BY e.received_at, m.id, e.uid) - 1 AS email,
        e.message, e.size, e.received_at, e.prefix
    FROM old_entry e JOIN moved_mailbox m ON m.old = e.mailbox;
CREATE INDEX moved_by_mailbox ON moved_entry (account, mailbox);

INSERT INTO account
    SELECT a.id, a.name, max(2, coalesce(max(e.email) >> 20, 0)), max(2, coalesce(max(e.email) >> 20, 0)), 0,
        coalesce(sum(e.size), 0), count(e.email),
        coalesce((SELECT max(uid_validity) FROM old_mailbox o WHERE o.account = a.id), 0)
    FROM old_account a LEFT JOIN moved_entry e ON e.account = a.id GROUP BY a.id;

INSERT INTO mailbox
    SELECT o.account, m.id, NULL, replace(o.name, '/', '_'), NULL, 0, 1, o.uid_validity, o.uid_next, a.modseq,
        count(e.uid), count(e.uid), 0, coalesce(sum(e.size), 0), a.modseq, a.modseq
    FROM old_mailbox o JOIN moved_mailbox m ON m.old = o.id JOIN account a ON a.id = o.account
        LEFT JOIN moved_entry e ON e.account = o.account AND e.mailbox = m.id
    GROUP BY o.id;
INSERT INTO mailbox
    SELECT a.id, (1 << 20) + (1 << 16) + first.sort_order, NULL, first.name, NULL, 0, 1, max(1, a.uid_validity), 1,
        a.modseq, 0, 0, 0, 0, a.modseq, a.modseq
    FROM account a JOIN (SELECT 0 AS sort_order, 'INBOX' AS name UNION ALL VALUES
        (1, 'Drafts'), (2, 'Sent'), (3, 'Junk'), (4, 'Trash'), (5, 'Archive')) first
    WHERE NOT EXISTS (SELECT 1 FROM mailbox m WHERE m.account = a.id AND m.name = first.name);
UPDATE mailbox SET role = lower(name), sort_order = CASE name
        WHEN 'INBOX' THEN 0 WHEN 'Drafts' THEN 1 WHEN 'Sent' THEN 2 WHEN 'Junk' THEN 3 WHEN 'Trash' THEN 4 ELSE 5 END
    WHERE name IN ('INBOX', 'Drafts', 'Sent', 'Junk', 'Trash', 'Archive');
UPDATE mailbox SET sort_order = 10 WHERE role IS NULL;

INSERT INTO email
    SELECT e.account, e.email, e.message, e.email, a.modseq, 0, '', e.size, e.received_at,
        e.mailbox || ':' || e.uid, e.prefix
    FROM moved_entry e JOIN account a ON a.id = e.account;
INSERT INTO entry
    SELECT e.account, e.mailbox, e.uid, e.email, e.email, a.modseq, 0, '', e.size, e.received_at, e.received_at
    FROM moved_entry e JOIN account a ON a.id = e.account;
INSERT INTO digest SELECT message, count(*), x'' FROM moved_entry GROUP BY message;

DROP TABLE moved_entry;
DROP TABLE moved_mailbox;
DROP TABLE old_entry;
DROP TABLE old_mailbox;
DROP TABLE old_account;
