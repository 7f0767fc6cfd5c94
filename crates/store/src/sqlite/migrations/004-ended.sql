-- Recipients that have ended while others of their message have not: people see them, and may try them again.
-- They leave with the last recipient of their message.

CREATE TABLE ended (
    id       INTEGER PRIMARY KEY,
    message  INTEGER NOT NULL,
    wishes   BLOB NOT NULL,
    progress BLOB NOT NULL,
    state    BLOB NOT NULL
) STRICT;
