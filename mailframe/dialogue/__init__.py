"""Commands and replies on one connection: what SMTP, LMTP, IMAP and POP3 have in common.

`buffer` (bounded input), `protocol` (one command at a time, in order, with timeouts, back-pressure and
the switch to TLS), `dotstuffing` (the data of SMTP and POP3), `spill` (received content that outgrows
memory). Nothing here knows any one protocol's words.
"""
