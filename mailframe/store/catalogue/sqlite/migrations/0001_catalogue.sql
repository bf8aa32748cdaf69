-- One file an account: what is known of its mailboxes and messages. The octets lie elsewhere.

-- 'boot': the machine's boot under which the file was last written without a flush, '' after a clean stop.
-- 'uidvalidity': the highest ever given to a mailbox of this account.
CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('boot', ''), ('uidvalidity', 0);

-- folder: where it lies, relative to the account's directory; '' for INBOX.
-- new_time, cur_time: modification times (ns) of new/ and cur/ as of the last look; 0: look again.
-- settled: 1 for new/ and 2 for cur/, not set while its time is so fresh that another change in the same
-- instant could hide behind it.
-- vanished_from: expunged UIDs are known for every modseq above this.
-- messages, unseen, deleted, octets: kept by triggers.
CREATE TABLE mailboxes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    folder TEXT NOT NULL UNIQUE,
    mailbox_id TEXT NOT NULL UNIQUE,
    special_use TEXT,
    uidvalidity INTEGER NOT NULL,
    uidnext INTEGER NOT NULL DEFAULT 1,
    modseq INTEGER NOT NULL DEFAULT 1,
    first_recent INTEGER NOT NULL DEFAULT 1,
    keywords_version INTEGER NOT NULL DEFAULT 0,
    vanished_from INTEGER NOT NULL DEFAULT 0,
    new_time INTEGER NOT NULL DEFAULT 0,
    cur_time INTEGER NOT NULL DEFAULT 0,
    settled INTEGER NOT NULL DEFAULT 0,
    messages INTEGER NOT NULL DEFAULT 0,
    unseen INTEGER NOT NULL DEFAULT 0,
    deleted INTEGER NOT NULL DEFAULT 0,
    octets INTEGER NOT NULL DEFAULT 0
) STRICT;

-- id: mailbox << 32 | uid, so that one tree serves by UID without an index beside it.
-- flags: 1 \Seen, 2 \Answered, 4 \Flagged, 8 \Deleted, 16 \Draft.
-- keywords: NULL for none, else one bit a keyword number, little end first.
-- file: the file's name up to its flags; info: the rest (':2,S'), NULL while it lies in new/.
-- form: how the octets lie there; see mailframe.store.maildir.line_ends; NULL: not looked at yet.
CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    mailbox INTEGER NOT NULL,
    modseq INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    keywords BLOB,
    internal_date INTEGER NOT NULL,
    size INTEGER NOT NULL,
    save_date INTEGER NOT NULL,
    email_id TEXT NOT NULL,
    thread_id TEXT NOT NULL,
    file TEXT NOT NULL,
    info TEXT,
    disk_size INTEGER NOT NULL,
    form INTEGER
) STRICT;
-- What changed since; and, being narrow, the list of all UIDs of a mailbox.
CREATE INDEX messages_modseq ON messages (mailbox, modseq);
CREATE INDEX messages_unseen ON messages (id) WHERE flags & 1 = 0;
CREATE INDEX messages_deleted ON messages (id) WHERE flags & 8;
CREATE INDEX messages_in_new ON messages (id) WHERE info IS NULL;
CREATE INDEX messages_keywords ON messages (id, keywords) WHERE keywords IS NOT NULL;

-- Kept apart, so that going through flags does not read what IMAP answers with.
CREATE TABLE descriptions (
    id INTEGER PRIMARY KEY,
    envelope BLOB NOT NULL,
    bodystructure BLOB NOT NULL,
    body BLOB NOT NULL,
    parts BLOB NOT NULL
) STRICT;

CREATE TABLE vanished (
    mailbox INTEGER NOT NULL,
    modseq INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    PRIMARY KEY (mailbox, modseq, uid)
) STRICT, WITHOUT ROWID;

CREATE TABLE keywords (
    mailbox INTEGER NOT NULL,
    number INTEGER NOT NULL,
    spelling TEXT NOT NULL,
    PRIMARY KEY (mailbox, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE subscriptions (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

CREATE TRIGGER message_came AFTER INSERT ON messages BEGIN
    UPDATE mailboxes SET messages = messages + 1, octets = octets + NEW.size,
        unseen = unseen + (NEW.flags & 1 = 0), deleted = deleted + (NEW.flags & 8 != 0)
    WHERE id = NEW.mailbox;
END;
CREATE TRIGGER message_went AFTER DELETE ON messages BEGIN
    UPDATE mailboxes SET messages = messages - 1, octets = octets - OLD.size,
        unseen = unseen - (OLD.flags & 1 = 0), deleted = deleted - (OLD.flags & 8 != 0)
    WHERE id = OLD.mailbox;
    DELETE FROM descriptions WHERE id = OLD.id;
END;
CREATE TRIGGER message_measured AFTER UPDATE OF size ON messages WHEN NEW.size <> OLD.size BEGIN
    UPDATE mailboxes SET octets = octets + NEW.size - OLD.size WHERE id = NEW.mailbox;
END;
CREATE TRIGGER message_flagged AFTER UPDATE OF flags ON messages WHEN NEW.flags & 9 <> OLD.flags & 9 BEGIN
    UPDATE mailboxes SET unseen = unseen + (NEW.flags & 1 = 0) - (OLD.flags & 1 = 0),
        deleted = deleted + (NEW.flags & 8 != 0) - (OLD.flags & 8 != 0)
    WHERE id = NEW.mailbox;
END;
