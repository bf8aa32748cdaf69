"""IMAP from the client's side, without I/O: commands as octets, and responses from octets.

`reader` takes responses apart, with the octets of messages streamed; `responses` is what comes out; `commands` writes
what goes the other way; `fetching` understands FETCH. Whoever connects does the I/O.
"""
