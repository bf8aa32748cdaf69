"""Real processes, killed in the middle of their work."""
