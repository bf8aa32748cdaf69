"""The ingest log: a copy of every message that a store accepts, kept for some days, whatever becomes of mailboxes.

`records` is what its files look like, `log` writes and expires them, `reading` finds messages in them again.
"""
