-- Alias domains, catch-alls, where mail lives, forwarding, app passwords, and the history of all changes.

ALTER TABLE domain ADD COLUMN alias_of TEXT NOT NULL DEFAULT '';        -- another domain; '' for none
ALTER TABLE domain ADD COLUMN catch_all TEXT NOT NULL DEFAULT '[]';     -- JSON: [[local part, domain], ...]

ALTER TABLE account ADD COLUMN store TEXT NOT NULL DEFAULT '';          -- a name; '' where it follows from the account's
ALTER TABLE account ADD COLUMN forwards TEXT NOT NULL DEFAULT '[]';     -- JSON, as above
ALTER TABLE account ADD COLUMN keeps_copy INTEGER NOT NULL DEFAULT 1;

CREATE INDEX domain_alias ON domain (alias_of) WHERE alias_of <> '';

CREATE TABLE app_password (
    account TEXT NOT NULL REFERENCES account (name) ON DELETE CASCADE,
    identifier TEXT NOT NULL,
    label TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    scopes TEXT NOT NULL,                   -- protocols with spaces between; '' for all
    created INTEGER NOT NULL,               -- seconds since 1970
    expires INTEGER NOT NULL,               -- likewise, 0 for never
    PRIMARY KEY (account, identifier)
) STRICT, WITHOUT ROWID;

-- What was changed by whom; the number is the directory's version.
CREATE TABLE change (
    version INTEGER PRIMARY KEY AUTOINCREMENT,
    time INTEGER NOT NULL,
    actor TEXT NOT NULL,
    outcome TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    what TEXT NOT NULL
) STRICT;

CREATE INDEX change_entry ON change (kind, name, version);

-- Tells this directory from every other, one that was made anew in its place included: versions mean nothing there.
CREATE TABLE identity (
    epoch TEXT NOT NULL
) STRICT;

INSERT INTO identity VALUES (lower(hex(randomblob(8))));
