-- Who may send as whom: an address, or all addresses of a domain as '@example.net'. Both need not be ours.

CREATE TABLE sender_grant (
    account TEXT NOT NULL REFERENCES account (name) ON DELETE CASCADE,
    subject TEXT NOT NULL,                  -- as mailframe.directory.grants writes it
    PRIMARY KEY (account, subject)
) STRICT, WITHOUT ROWID;
