-- Policies of MTA-STS (RFC 8461), as they were published. Times are seconds since the epoch.
CREATE TABLE policy (
    domain TEXT PRIMARY KEY,
    id TEXT NOT NULL,
    text TEXT NOT NULL,
    expires REAL NOT NULL,
    refresh_at REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX policy_refresh ON policy (refresh_at);
CREATE INDEX policy_expires ON policy (expires);
