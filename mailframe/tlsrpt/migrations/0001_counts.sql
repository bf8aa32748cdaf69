-- Sessions by what is the same of them, a row each (RFC 8460); "result" is empty for success, and so are those after it.
CREATE TABLE counted (
    day TEXT NOT NULL,
    domain TEXT NOT NULL,
    type TEXT NOT NULL,
    policy_domain TEXT NOT NULL,
    text TEXT NOT NULL,
    result TEXT NOT NULL,
    reason TEXT NOT NULL,
    address TEXT NOT NULL,
    source TEXT NOT NULL,
    host TEXT NOT NULL,
    helo TEXT NOT NULL,
    sessions INTEGER NOT NULL,
    PRIMARY KEY (day, domain, type, policy_domain, text, result, reason, address, source, host, helo)
) STRICT, WITHOUT ROWID;

-- One report: when it is tried, by whoever takes it first; taking it moves the time. Seconds since the epoch.
CREATE TABLE report (
    day TEXT NOT NULL,
    domain TEXT NOT NULL,
    next REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (day, domain)
) STRICT, WITHOUT ROWID;
CREATE INDEX report_next ON report (next);
