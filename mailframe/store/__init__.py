"""Mail at rest: a catalogue of mailboxes and messages, and the content behind it.

`interfaces` is the contract, `values` what it speaks of, `view` what one session has been told. Backends:
`maildir` (with the SQLite `catalogue`) and `memory`.
"""
