-- Small values by space and key: fetched policies, tallies, counters.

CREATE TABLE key_value (
    space   TEXT NOT NULL,
    key     BLOB NOT NULL,
    value   BLOB NOT NULL,
    expires INTEGER,                    -- milliseconds; not there from then on
    PRIMARY KEY (space, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX key_value_expires ON key_value (expires) WHERE expires IS NOT NULL;
