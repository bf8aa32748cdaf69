"""One module a command or family of commands (RFC 9051 section 6)."""
