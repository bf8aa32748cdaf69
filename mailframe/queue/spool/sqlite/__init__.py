"""The queue in an SQLite file: for one node, with as many workers as it has."""
