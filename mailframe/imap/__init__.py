"""IMAP (RFC 9051, RFC 3501): `wire` (grammar), `commands` (one module each), `session`, `server`."""
