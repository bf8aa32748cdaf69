"""A room with tables in PostgreSQL, for tests."""
