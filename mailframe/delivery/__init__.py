"""Ways out: `store` puts mail into mailboxes of this node."""
