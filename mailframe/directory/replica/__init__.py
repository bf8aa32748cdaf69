"""A complete copy of a directory in a local file, which serves whether its source is there or not."""
