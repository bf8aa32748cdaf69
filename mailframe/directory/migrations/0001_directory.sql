-- Domains, accounts and aliases. Names are kept as mailframe.directory.names compares them.

CREATE TABLE domain (
    name TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE account (
    name TEXT PRIMARY KEY,
    domain TEXT NOT NULL REFERENCES domain (name),
    password_hash TEXT NOT NULL,
    enabled INTEGER NOT NULL DEFAULT 1,
    quota INTEGER NOT NULL DEFAULT 0        -- octets, 0 for no limit
) STRICT, WITHOUT ROWID;

CREATE INDEX account_domain ON account (domain);

-- One row a target; an alias without rows does not exist.
CREATE TABLE alias_target (
    name TEXT NOT NULL,
    position INTEGER NOT NULL,              -- in the order they were given
    domain TEXT NOT NULL REFERENCES domain (name),
    target_local_part TEXT NOT NULL,
    target_domain TEXT NOT NULL,
    PRIMARY KEY (name, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX alias_domain ON alias_target (domain);
