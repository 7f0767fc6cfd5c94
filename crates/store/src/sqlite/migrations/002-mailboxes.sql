-- The local store. A message that went to several mailboxes has its content once, in the message table.

CREATE TABLE account (
    id    INTEGER PRIMARY KEY,
    name  TEXT NOT NULL UNIQUE,
    usage INTEGER NOT NULL              -- bytes of its entries
) STRICT;

CREATE TABLE mailbox (
    id           INTEGER PRIMARY KEY,
    account      INTEGER NOT NULL,
    name         TEXT NOT NULL,
    uid_validity INTEGER NOT NULL,
    uid_next     INTEGER NOT NULL,      -- only grows, so that no UID is used again
    messages     INTEGER NOT NULL,
    UNIQUE (account, name)
) STRICT;

CREATE TABLE entry (
    mailbox     INTEGER NOT NULL,
    uid         INTEGER NOT NULL,
    message     INTEGER NOT NULL,
    size        INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    prefix      BLOB NOT NULL,
    PRIMARY KEY (mailbox, uid)
) STRICT, WITHOUT ROWID;

CREATE INDEX entry_message ON entry (message);
