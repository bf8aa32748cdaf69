"""The texts of all accounts in a PostgreSQL database: a row a message, looked through by the server."""
