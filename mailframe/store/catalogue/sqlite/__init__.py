"""The catalogue in one SQLite file an account.

`catalogue` opens the file and guards its numbers; `mailboxes`, `messages`, `descriptions` and `keywords` are its
tables.
"""
