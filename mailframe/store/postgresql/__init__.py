"""The PostgreSQL store: all accounts in one database that several nodes share, catalogue and octets.

`backend` is where the accounts are, `layout` how one lies, `contents` the octets of messages, each kept once however
many accounts have it, `sweeping` the background rounds that remove what nobody has any more, `checking` looks for
differences, and `hints` tells other nodes of changes.
"""
