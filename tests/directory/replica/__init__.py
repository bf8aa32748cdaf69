"""The local copy of a directory."""
