"""The catalogue of an account: what is known of its mailboxes and messages, in one SQLite file.

Blocking code for a store's threads. `catalogue` opens the file and guards its numbers, `mailboxes`, `messages`,
`descriptions` and `keywords` are its tables, `shelf` keeps some files open. The octets of messages are not here.
"""
