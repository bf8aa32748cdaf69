"""Ways out: `store` puts mail into mailboxes of this node, `smarthost` and `lmtp` hand it to others."""
