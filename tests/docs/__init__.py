"""What the documentation says is so: its commands, snippets, names and log lines, run and compared."""
