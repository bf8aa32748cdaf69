"""The directory in a PostgreSQL database, which nodes share."""
