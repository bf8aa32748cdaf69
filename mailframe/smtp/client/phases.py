"""What a client waits for; each phase has a timeout of its own (RFC 5321 section 4.5.3.2)."""

from __future__ import annotations

import enum


class Phase(enum.Enum):
    """Where a dialogue stands; the value is the word for logs and figures."""

    CONNECT = "connect"
    GREETING = "greeting"
    HELLO = "hello"
    STARTTLS = "starttls"
    HANDSHAKE = "handshake"
    LOGIN = "login"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    """The go-ahead for the content."""
    BLOCK = "block"
    """Content is being sent."""
    END = "end"
    """The last reply, or with LMTP the replies, after the end of the content."""
    RESET = "reset"
    QUIT = "quit"
    IDLE = "idle"
    """Nothing was asked."""
