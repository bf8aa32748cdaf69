"""Directories in a site's own tables, asked by queries that the configuration has."""
