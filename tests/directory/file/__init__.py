"""Tests of the directory in text files."""
