-- The text of an account's messages, for SEARCH. All of it can be made again from the messages, and is when a later
-- migration empties these tables because texts are read in another way.

-- id: of the mailbox in the catalogue. mailbox_id, uidvalidity: of which mailbox that was; others' texts are void.
-- covered: every message of a UID below has its text in a block.
CREATE TABLE mailboxes (
    id INTEGER PRIMARY KEY,
    mailbox_id TEXT NOT NULL,
    uidvalidity INTEGER NOT NULL,
    covered INTEGER NOT NULL
) STRICT;

-- Texts of some hundred messages, UIDs first to last, some of which may be gone.
-- directory, headers, bodies: see mailframe.store.text.sqlite.blocks. In this order, so that what is shorter is found
-- without going through what is longer.
CREATE TABLE blocks (
    id INTEGER PRIMARY KEY,
    mailbox INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    octets INTEGER NOT NULL,
    directory BLOB NOT NULL,
    headers BLOB NOT NULL,
    bodies BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX blocks_last ON blocks (mailbox, last, first, messages, octets);
