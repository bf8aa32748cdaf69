-- Addresses that only a catch-all took; "dead" says why one is refused, and is empty where it is not.
CREATE TABLE caught (
    domain TEXT NOT NULL,
    local_part TEXT NOT NULL,
    taken INTEGER NOT NULL DEFAULT 0,
    notices INTEGER NOT NULL DEFAULT 0,
    refused INTEGER NOT NULL DEFAULT 0,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    dead TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (domain, local_part)
) STRICT, WITHOUT ROWID;

-- What is forgotten first.
CREATE INDEX caught_last ON caught (dead <> '', last);
