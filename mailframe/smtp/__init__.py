"""SMTP, LMTP and submission: `wire` (grammar), `session` (what commands mean), `server` (on Twisted)."""
