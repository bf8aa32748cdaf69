-- Which thread a message id belongs to. reference: 64 bits that stand for it.
CREATE TABLE threads (reference INTEGER PRIMARY KEY, thread_id TEXT NOT NULL) STRICT;

-- What the message begins with; NULL: not looked at yet.
ALTER TABLE descriptions ADD COLUMN preview TEXT;
