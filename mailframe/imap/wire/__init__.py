"""Grammar, bytes to commands and back; no I/O, no Twisted, no clock."""
