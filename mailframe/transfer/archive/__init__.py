"""The archive: an account's mail in one file, that any tar program opens and that proves itself whole.

``archive.json`` comes first. Then, for each mailbox, ``mailboxes/00001.json`` with its name and numbers, followed by
its messages: ``mailboxes/00001/0000000042.json`` has what is known of the message with UID 42 and the SHA-256 of its
octets, ``mailboxes/00001/0000000042.eml`` its octets with CRLF line ends. ``subscriptions.json`` and, last,
``end.json``, with the number of messages and the SHA-256 of all octets of the archive that come before it: an archive
without it was cut off. It is written and read from start to end, so it may go through a pipe.

`wire` is the container (POSIX ustar), `records` what is in the JSON files, `writing` and `reading` do the I/O.
"""
