-- Domains, accounts, aliases and grants, and the history of all changes. Names are kept as mailframe.directory.names
-- compares them, and ordered by code point, whatever the database's language is.

CREATE TABLE directory_domain (
    name text COLLATE "C" PRIMARY KEY,
    alias_of text COLLATE "C" NOT NULL DEFAULT '',      -- another domain; '' for none
    catch_all text NOT NULL DEFAULT '[]'                -- JSON: [[local part, domain], ...]
);

CREATE INDEX directory_domain_alias ON directory_domain (alias_of) WHERE alias_of <> '';

CREATE TABLE directory_account (
    name text COLLATE "C" PRIMARY KEY,
    domain text COLLATE "C" NOT NULL REFERENCES directory_domain (name),
    password_hash text NOT NULL,
    keys text[] NOT NULL,                               -- of SCRAM, {SCHEME}...
    enabled boolean NOT NULL,
    quota bigint NOT NULL,                              -- octets, 0 for no limit
    store text NOT NULL,                                -- a name; '' where it follows from the account's
    forwards text NOT NULL,                             -- JSON, as above
    keeps_copy boolean NOT NULL,
    hold text NOT NULL,                                 -- why nobody may use it for now; '' where all is well
    hold_until bigint NOT NULL                          -- seconds since 1970, 0 for no end
);

CREATE INDEX directory_account_domain ON directory_account (domain, name);

CREATE TABLE directory_app_password (
    account text COLLATE "C" NOT NULL REFERENCES directory_account (name) ON DELETE CASCADE,
    identifier text COLLATE "C" NOT NULL,
    label text NOT NULL,
    password_hash text NOT NULL,
    scopes text[] NOT NULL,                             -- protocols; none for all
    created bigint NOT NULL,                            -- seconds since 1970
    expires bigint NOT NULL,                            -- likewise, 0 for never
    PRIMARY KEY (account, identifier)
);

CREATE TABLE directory_alias (
    name text COLLATE "C" PRIMARY KEY,
    domain text COLLATE "C" NOT NULL REFERENCES directory_domain (name),
    targets text NOT NULL                               -- JSON, as above
);

CREATE INDEX directory_alias_domain ON directory_alias (domain, name);

-- Who may send as whom: an address, or all addresses of a domain as '@example.net'. Both need not be ours.
CREATE TABLE directory_grant (
    account text COLLATE "C" NOT NULL REFERENCES directory_account (name) ON DELETE CASCADE,
    subject text COLLATE "C" NOT NULL,
    PRIMARY KEY (account, subject)
);

-- What was changed by whom; the number is the directory's version.
CREATE TABLE directory_change (
    version bigint PRIMARY KEY,
    time bigint NOT NULL,
    actor text NOT NULL,
    outcome text NOT NULL,
    kind text NOT NULL,
    name text COLLATE "C" NOT NULL,
    what text NOT NULL
);

CREATE INDEX directory_change_entry ON directory_change (kind, name, version);

-- One row: which directory it is, and its newest version. Whoever changes something holds the row until the commit, so
-- that versions become visible in their order: a copy that has seen one has seen all before it.
CREATE TABLE directory_state (
    epoch text NOT NULL,
    version bigint NOT NULL
);

INSERT INTO directory_state VALUES (md5(random()::text || clock_timestamp()::text), 0);
