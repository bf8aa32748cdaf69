-- What the directory in this file is a copy of, and how far it is.

CREATE TABLE copy (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    version TEXT NOT NULL,                  -- of the source, up to which all is here; '' for nothing
    complete INTEGER NOT NULL,              -- was all of the source here once?
    confirmed INTEGER NOT NULL,             -- seconds since 1970: when it was level with the source
    compared INTEGER NOT NULL               -- seconds since 1970: when all was compared
) STRICT;

INSERT INTO copy VALUES (1, '', 0, 0, 0);
