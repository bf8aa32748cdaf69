"""Mail in mbox files: many messages one behind the other, shared with programs that know nothing of us.

`wire` knows what such a file looks like, `octets` how a message lies in it. `backend` is where the accounts are,
`layout` how one lies: `tree` its files, `locking` who may have them, `look` what other programs did to them,
`appending`, `transferring` and `rewriting` what we do, `reading` and `writing` messages. `store` puts it together.
"""
