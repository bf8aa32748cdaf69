"""Mail out by IMAP4rev1 (RFC 3501): the reader's way to the store.

`wire` has the words, `commands` what they mean, `session` the state of one connection, `selected` what it was told of
its mailbox, `server` the factory.
"""
