"""SMTP and LMTP as octets: commands, their parameters, replies, and the reader of one side. No I/O, no Twisted."""
