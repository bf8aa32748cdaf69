"""The states of an SMTP or LMTP dialogue, and which commands may come in each.

States and the commands that change them (RFC 5321 section 4.1.4)::

    CONNECTED --greeting--> START

    START --EHLO--> READY --MAIL--> MAIL --RCPT--> MAIL --DATA--> DATA --end of data--> READY
                    READY --AUTH--> READY          MAIL --RSET, EHLO--> READY
                                                   MAIL --BDAT--> CHUNKS --BDAT--> CHUNKS --BDAT LAST--> READY
                    READY --STARTTLS--> START      any  --QUIT--> CLOSED

A command that may come in some states only is in `ALLOWED`; all others may always come. BDAT is not there: its octets
follow in any case, and are read before it is answered.
"""

from __future__ import annotations

import enum
from typing import Final

from mailframe.message.status import Status

from .wire import commands


class State(enum.Enum):
    """Where the dialogue stands."""

    CONNECTED = "before the greeting"
    NOMAIL = "greeted with 521: nothing but QUIT"
    START = "before HELO"
    READY = "greeted, no transaction"
    MAIL = "in a transaction"
    CHUNKS = "behind the first chunk of one"
    DATA = "in the data of one"
    CLOSED = "over"


class Expects(enum.Enum):
    """What the client sends next."""

    COMMAND = "a command"
    DATA = "data"
    CHUNK = "the octets of a chunk"
    RESPONSE = "a response to an AUTH challenge"
    HANDSHAKE = "a TLS handshake"
    NOTHING = "nothing: the connection ends"


ALLOWED: Final[dict[type, tuple[State, ...]]] = {
    commands.Mail: (State.READY,),
    commands.Rcpt: (State.MAIL,),
    commands.Data: (State.MAIL,),
    commands.Auth: (State.READY,),
    commands.StartTLS: (State.START, State.READY),
    commands.XClient: (State.START, State.READY),
    commands.XForward: (State.START, State.READY),
}
"""Where the commands may come that may not always come."""
HOST_TAKES_NO_MAIL: Final = Status((5, 3, 2), "This host takes no mail", reply_code=521)
"""The greeting of a host that takes no mail at all (RFC 7504 section 3)."""
NOTHING_HERE: Final = Status((5, 5, 1), "This host takes no mail: say QUIT", reply_code=503)
"""What is answered to whatever is said after that, but for QUIT (RFC 5321 section 3.1)."""
OUT_OF_ORDER: Final = {
    State.START: Status((5, 5, 1), "Say who you are first", reply_code=503),
    State.READY: Status((5, 5, 1), "MAIL comes first", reply_code=503),
    State.MAIL: Status((5, 5, 1), "Not within a transaction", reply_code=503),
    State.CHUNKS: Status((5, 5, 1), "Not between chunks", reply_code=503),
}
"""What is answered to a command that may not come now."""
