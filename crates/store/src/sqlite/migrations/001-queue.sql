-- The queue. Rows are kept small; what is never searched for stands in checked records (record.rs).

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A message and its content: here if it is small, else in a file of the spool.
-- The row stays while a recipient or a mailbox entry refers to it.
CREATE TABLE message (
    id         INTEGER PRIMARY KEY,
    recipients INTEGER NOT NULL,        -- how many it had at first; their ids follow its own
    size       INTEGER NOT NULL,
    checksum   INTEGER NOT NULL,        -- CRC-32C of the content
    envelope   BLOB NOT NULL,
    file       TEXT,                    -- the name within spool/
    content    BLOB
) STRICT;

CREATE UNIQUE INDEX message_file ON message (file) WHERE file IS NOT NULL;

-- A recipient that has not ended.
CREATE TABLE recipient (
    id         INTEGER PRIMARY KEY,
    message    INTEGER NOT NULL,
    next_event INTEGER,                 -- milliseconds; NULL if it was set aside as damaged
    wishes     BLOB NOT NULL,
    progress   BLOB NOT NULL,
    state      BLOB                     -- NULL while pending
) STRICT;

CREATE INDEX recipient_next_event ON recipient (next_event) WHERE next_event IS NOT NULL;

-- Why rows were set aside. The rows themselves stay where they are, untouched.
CREATE TABLE damaged (
    recipient INTEGER PRIMARY KEY,
    message   INTEGER NOT NULL,
    why       TEXT NOT NULL
) STRICT;
