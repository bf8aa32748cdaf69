-- In which accounts somebody has rights on a mailbox: a hint where to look, made again at any time.
CREATE TABLE share (
    identifier TEXT NOT NULL,
    owner TEXT NOT NULL,
    PRIMARY KEY (identifier, owner)
) STRICT, WITHOUT ROWID;
CREATE INDEX share_owner ON share (owner);
