"""A running service under abuse: bounded memory, clean errors."""
