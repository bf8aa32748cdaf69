"""The texts of all accounts in a PostgreSQL database: a row a message, indexed by trigrams where the server can."""
