"""The client of SMTP and LMTP: what is sent, what comes back, and what became of each recipient.

From the inside out, each with the one before:

- `capabilities`, `core`, `opening`, `transaction`, `framing`: the dialogue without I/O. Octets in, octets out.
- `content`, `downgrade`, `preparation`: what a message needs, and what of it a server can take.
- `line`, `connection`, `connecting`: a Twisted protocol around the core; timeouts, TLS, login.
- `sender`: the client as others use it.
- `pool`: connections that are kept for the next message.
"""
