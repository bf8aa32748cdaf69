"""POP3 (RFC 1939): `wire` (grammar), `session` (what commands mean), `server` (on Twisted)."""
