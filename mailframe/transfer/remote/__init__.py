"""Mailboxes on other servers, as sources: `imap` (by `imap_session`) and `pop3`, over a `connection` that blocks."""
