-- The messages there are, as runs of neighbouring ids: SELECT reads a row or a few, not one a message. Whoever adds
-- or removes rows of messages changes these in the same transaction.
CREATE TABLE uid_runs (first INTEGER PRIMARY KEY, last INTEGER NOT NULL) STRICT;
INSERT INTO uid_runs SELECT min(id), max(id)
    FROM (SELECT id, id - row_number() OVER (ORDER BY id) AS island FROM messages) GROUP BY island;

-- The same of expunged UIDs, which were a row each.
CREATE TABLE vanished_runs (
    mailbox INTEGER NOT NULL,
    modseq INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (mailbox, modseq, first)
) STRICT, WITHOUT ROWID;
INSERT INTO vanished_runs SELECT mailbox, modseq, min(uid), max(uid)
    FROM (
        SELECT mailbox, modseq, uid, uid - row_number() OVER (PARTITION BY mailbox, modseq ORDER BY uid) AS island
        FROM vanished
    ) GROUP BY mailbox, modseq, island;
DROP TABLE vanished;

-- Which keywords are in use is found by a step for each combination there is, not by going through messages.
DROP INDEX messages_keywords;
CREATE INDEX messages_keywords ON messages (mailbox, keywords) WHERE keywords IS NOT NULL;
