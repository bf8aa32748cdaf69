"""Tests of the directory in PostgreSQL."""
