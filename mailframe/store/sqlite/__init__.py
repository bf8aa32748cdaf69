"""Mail in one SQLite file an account: its catalogue and the octets of its messages, changed in one transaction.

`backend` is where the accounts are, `layout` how one lies: `contents` are the octets. `store` puts it together.
"""
