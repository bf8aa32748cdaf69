-- What an account can log in with besides its password's hash: keys of SCRAM, made of the same password.

CREATE TABLE account_keys (
    account TEXT NOT NULL REFERENCES account (name) ON DELETE CASCADE,
    scheme TEXT NOT NULL,
    secret TEXT NOT NULL,                   -- {SCHEME}..., as mailframe.directory.scram_keys writes it
    PRIMARY KEY (account, scheme)
) STRICT, WITHOUT ROWID;
