"""Reports to domains of how TLS with their hosts went (RFC 8460): counted by all workers, sent once a day."""
