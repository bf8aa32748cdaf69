"""BDAT: a message in chunks of a told size (RFC 3030 section 2), beside DATA and never mixed with it.

The octets of a chunk come whether it is accepted or not: the client may have sent them with the command. So a chunk
that is refused is read to its end and thrown away, and answered then, once, like any other.
"""

from __future__ import annotations

from typing import Final

from mailframe.message.status import Status

from .lmtp import Dialect
from .states import OUT_OF_ORDER, State
from .transaction import Transaction
from .wire.commands import NOT_IMPLEMENTED, Bdat

NEEDS_CHUNKS: Final = Status((5, 5, 1), "BODY=BINARYMIME comes by BDAT only", reply_code=503)


class Chunk:
    """One BDAT while its octets arrive.

    Args:
        command: the command.
        refusal: why its octets are thrown away, or None.
        deadline: when they have taken too long, in the clock's seconds.

    Attributes:
        size: octets.
        last: the message ends with it.
    """

    __slots__ = ("deadline", "last", "refusal", "size")

    def __init__(self, command: Bdat, refusal: Status | None, deadline: float) -> None:
        self.size = command.size
        self.last = command.last
        self.refusal = refusal
        self.deadline = deadline

    def received(self) -> bytes:
        """The answer to a chunk that was kept and is not the last."""
        return b"250 2.0.0 %d octets received\r\n" % self.size


def refusal(offered: bool, state: State, transaction: Transaction | None, dialect: Dialect) -> Status | None:
    """Why a chunk cannot be taken now, or None.

    Args:
        offered: is BDAT offered here?
        state: where the dialogue stands.
        transaction: the one that is open, if any.
        dialect: SMTP or LMTP.
    """
    if not offered:
        return NOT_IMPLEMENTED
    if transaction is None or state not in (State.MAIL, State.CHUNKS):
        return OUT_OF_ORDER[state]
    if not transaction.routes:
        return dialect.no_recipients
    return None
