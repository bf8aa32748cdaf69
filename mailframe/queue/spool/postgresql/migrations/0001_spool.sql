-- The queue. Times are seconds since the epoch, 'infinity' for never.

CREATE TABLE spool_runner (
    name text COLLATE "C" PRIMARY KEY,
    ends double precision NOT NULL
);

CREATE TABLE spool_message (
    queue_id text COLLATE "C" PRIMARY KEY,
    -- NULL: the null reverse-path.
    reverse_path text,
    envelope json NOT NULL,
    origin json NOT NULL,
    arrived double precision NOT NULL,
    expires double precision NOT NULL,
    lane smallint NOT NULL,
    size bigint NOT NULL,
    account text NOT NULL,
    reason text NOT NULL
);
CREATE INDEX spool_message_arrived ON spool_message (arrived);

CREATE TABLE spool_content (
    queue_id text COLLATE "C" NOT NULL REFERENCES spool_message ON DELETE CASCADE,
    piece integer NOT NULL,
    octets bytea NOT NULL,
    PRIMARY KEY (queue_id, piece)
);
-- Mail does not get smaller by the quick compression of rows, but it costs time.
ALTER TABLE spool_content ALTER COLUMN octets SET STORAGE EXTERNAL;

CREATE TABLE spool_recipient (
    queue_id text COLLATE "C" NOT NULL REFERENCES spool_message ON DELETE CASCADE,
    number integer NOT NULL,
    forward_path text NOT NULL,
    domain text NOT NULL,
    local_part text NOT NULL,
    parameters json NOT NULL,
    destination text COLLATE "C" NOT NULL,
    queue text COLLATE "C" NOT NULL,
    lane smallint NOT NULL,
    state text NOT NULL,
    due double precision NOT NULL,
    review double precision NOT NULL,
    attempts integer NOT NULL,
    delay_told boolean NOT NULL,
    status json,
    host text NOT NULL,
    attempted double precision NOT NULL,
    runner text COLLATE "C",
    PRIMARY KEY (queue_id, number)
);
CREATE INDEX spool_recipient_due ON spool_recipient (queue, destination, lane, due, queue_id) WHERE state = 'due';
CREATE INDEX spool_recipient_review ON spool_recipient (review) WHERE state = 'due' AND review < 'infinity';
CREATE INDEX spool_recipient_runner ON spool_recipient (runner) WHERE runner IS NOT NULL;

-- One row for each destination and lane where something waits, or waited lately: a claim looks here first, so what it
-- costs does not depend on how much waits. "next_due" is never later than the earliest due recipient; "wake" is that,
-- or the end of the time for which the destination is closed; rows whose wake is over are marked ready, and then
-- served in the order of their last turn.
CREATE TABLE spool_place (
    queue text COLLATE "C" NOT NULL,
    destination text COLLATE "C" NOT NULL,
    lane smallint NOT NULL,
    next_due double precision NOT NULL,
    wake double precision NOT NULL,
    ready boolean NOT NULL DEFAULT false,
    turn bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (queue, destination, lane)
);
CREATE INDEX spool_place_wake ON spool_place (queue, wake) WHERE NOT ready;
CREATE INDEX spool_place_first ON spool_place (wake);
CREATE INDEX spool_place_ready ON spool_place (queue, lane, turn) WHERE ready;
CREATE INDEX spool_place_turn ON spool_place (queue, turn) WHERE ready;
CREATE SEQUENCE spool_turn;

CREATE TABLE spool_closed (
    queue text COLLATE "C" NOT NULL,
    destination text COLLATE "C" NOT NULL,
    until double precision NOT NULL,
    failures integer NOT NULL,
    status json NOT NULL,
    -- Who has the one claim after "until", and until when nobody else gets one.
    prober text COLLATE "C",
    probed_until double precision NOT NULL DEFAULT 0,
    PRIMARY KEY (queue, destination)
);
CREATE INDEX spool_closed_until ON spool_closed (until);

-- What an account has here, spread over rows by chance so that its messages do not wait for each other.
CREATE TABLE spool_share (
    account text NOT NULL,
    slot smallint NOT NULL,
    messages bigint NOT NULL,
    octets bigint NOT NULL,
    PRIMARY KEY (account, slot)
);
