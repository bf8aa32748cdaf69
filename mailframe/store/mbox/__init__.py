"""Mail in mbox files: many messages one behind the other, shared with programs that know nothing of us.

`wire` knows what such a file looks like; the rest locks, reads, appends to and rewrites it.
"""
