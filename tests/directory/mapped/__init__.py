"""Tests of directories in a site's own tables."""
