-- Who may do what with a mailbox: rights as RFC 4314 writes them.
CREATE TABLE access (
    mailbox_id TEXT NOT NULL,
    identifier TEXT NOT NULL,
    rights TEXT NOT NULL,
    PRIMARY KEY (mailbox_id, identifier)
) STRICT, WITHOUT ROWID;

-- Annotations (RFC 5464). mailbox_id: '' for the account. user: whose private entry it is, '' for a shared one.
CREATE TABLE annotations (
    mailbox_id TEXT NOT NULL,
    user TEXT NOT NULL,
    entry TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (mailbox_id, user, entry)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER mailbox_went AFTER DELETE ON mailboxes BEGIN
    DELETE FROM access WHERE mailbox_id = OLD.mailbox_id;
    DELETE FROM annotations WHERE mailbox_id = OLD.mailbox_id;
END;
CREATE TRIGGER mailbox_identified AFTER UPDATE OF mailbox_id ON mailboxes
WHEN NEW.mailbox_id <> OLD.mailbox_id BEGIN
    UPDATE access SET mailbox_id = NEW.mailbox_id WHERE mailbox_id = OLD.mailbox_id;
    UPDATE annotations SET mailbox_id = NEW.mailbox_id WHERE mailbox_id = OLD.mailbox_id;
END;
