"""POP3: a maildrop is read, and emptied at QUIT (RFC 1939, 2449, 2595, 3206, 5034).

`wire` has the commands and replies as octets, `session` what a command means, `authorization` who may log in,
`maildrop` the messages as one session sees them, `server` the connection and the factory that roles listen with.
"""
