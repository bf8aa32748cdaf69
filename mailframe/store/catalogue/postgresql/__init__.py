"""The catalogue of all accounts in one PostgreSQL database.

`catalogue` is one account's part of it, and its transactions; `mailboxes`, `messages`, `keywords`, `descriptions` and
`beside` are its tables, and `checking` compares them with one another.
"""
