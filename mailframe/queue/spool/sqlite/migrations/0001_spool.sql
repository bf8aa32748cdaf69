-- The queue. Times are seconds since the epoch; 9e999 (infinity) is never.
-- States: 0 due, 1 leased, 2 held, 3 delivered, 4 failed.

CREATE TABLE runner (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    ends REAL NOT NULL
) STRICT;

CREATE TABLE message (
    id INTEGER PRIMARY KEY,
    queue_id TEXT NOT NULL UNIQUE,
    -- NULL: the null reverse-path.
    reverse_path TEXT,
    envelope TEXT NOT NULL,
    origin TEXT NOT NULL,
    arrived REAL NOT NULL,
    expires REAL NOT NULL,
    lane INTEGER NOT NULL,
    size INTEGER NOT NULL,
    account TEXT NOT NULL,
    reason TEXT NOT NULL,
    -- 1: the octets are in a file, not in "content".
    filed INTEGER NOT NULL,
    -- Recipients that are not final.
    waiting INTEGER NOT NULL
) STRICT;

-- Apart from the rows that lists look through.
CREATE TABLE content (
    message INTEGER PRIMARY KEY,
    octets BLOB NOT NULL
) STRICT;

CREATE TABLE recipient (
    message INTEGER NOT NULL,
    number INTEGER NOT NULL,
    local_part TEXT NOT NULL,
    domain TEXT NOT NULL,
    parameters TEXT NOT NULL,
    destination TEXT NOT NULL,
    queue TEXT NOT NULL,
    lane INTEGER NOT NULL,
    state INTEGER NOT NULL,
    due REAL NOT NULL,
    review REAL NOT NULL,
    attempts INTEGER NOT NULL,
    delay_told INTEGER NOT NULL,
    status TEXT,
    host TEXT NOT NULL,
    attempted REAL NOT NULL,
    runner INTEGER,
    PRIMARY KEY (message, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX recipient_due ON recipient (queue, destination, lane, due, message) WHERE state = 0;
CREATE INDEX recipient_review ON recipient (review) WHERE state = 0 AND review < 9e999;
CREATE INDEX recipient_runner ON recipient (runner) WHERE state = 1;
CREATE INDEX recipient_held ON recipient (queue) WHERE state = 2;

-- One row for each destination and lane where something waits: a claim looks here first, so what it costs does not
-- depend on how much waits. "next_due" is never later than the earliest due recipient; "wake" is that, or the end of
-- the time for which the destination is closed. Rows whose wake is over are marked ready by the next claim, and then
-- served in the order of their last turn.
CREATE TABLE place (
    queue TEXT NOT NULL,
    destination TEXT NOT NULL,
    lane INTEGER NOT NULL,
    next_due REAL NOT NULL,
    wake REAL NOT NULL,
    ready INTEGER NOT NULL DEFAULT 0,
    turn INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (queue, destination, lane)
) STRICT, WITHOUT ROWID;
CREATE INDEX place_wake ON place (queue, wake) WHERE ready = 0;
CREATE INDEX place_first ON place (wake);
CREATE INDEX place_ready ON place (queue, lane, turn) WHERE ready = 1;
CREATE INDEX place_turn ON place (queue, turn) WHERE ready = 1;

CREATE TABLE closed (
    queue TEXT NOT NULL,
    destination TEXT NOT NULL,
    until REAL NOT NULL,
    failures INTEGER NOT NULL,
    status TEXT NOT NULL,
    -- The runner that has the one claim after "until".
    prober INTEGER,
    PRIMARY KEY (queue, destination)
) STRICT, WITHOUT ROWID;

-- What an account has here.
CREATE TABLE share (
    account TEXT PRIMARY KEY,
    messages INTEGER NOT NULL,
    octets INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row: what is here in all, and the last turn that was given.
CREATE TABLE total (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    messages INTEGER NOT NULL,
    octets INTEGER NOT NULL,
    turn INTEGER NOT NULL
) STRICT;
INSERT INTO total VALUES (1, 0, 0, 0);
