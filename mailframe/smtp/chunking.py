"""BDAT: a message in chunks of a told size (RFC 3030 section 2), beside DATA and never mixed with it.

The octets of a chunk come whether it is accepted or not: the client may have sent them with the command. So a chunk
that is refused is read to its end and thrown away, and answered then, once, like any other.
"""

from __future__ import annotations

from typing import Final

from twisted.internet.interfaces import IReactorTime

from mailframe.dialogue.line_ends import LineEndReader
from mailframe.dialogue.spill import Spill
from mailframe.message.status import ProtocolError, Status

from .lmtp import Dialect
from .settings import SMTPSettings
from .states import NOTHING_HERE, OUT_OF_ORDER, State
from .transaction import TOO_SLOW, Transaction
from .wire.commands import NOT_IMPLEMENTED, Bdat
from .wire.reader import ChunkPiece

NEEDS_CHUNKS: Final = Status((5, 5, 1), "BODY=BINARYMIME comes by BDAT only", reply_code=503)


class Chunking:
    """The chunks of one connection.

    Args:
        settings: the listener's.
        dialect: SMTP or LMTP.
        clock: for limits of time.
        offered: is BDAT offered here?

    Attributes:
        last: the message ends with the chunk that arrives now.
    """

    def __init__(self, settings: SMTPSettings, dialect: Dialect, clock: IReactorTime, offered: bool) -> None:
        self._settings = settings
        self._dialect = dialect
        self._clock = clock
        self._offered = offered
        self._size = 0
        self._refusal: Status | None = None
        self._deadline = 0.0
        self.last = False

    def begin(self, command: Bdat, state: State, transaction: Transaction | None) -> State:
        """BDAT came, and its octets will.

        Args:
            command: the command.
            state: where the dialogue stands.
            transaction: the one that is open, if any.

        Returns:
            Where it stands now.
        """
        settings = self._settings
        self._size, self.last = command.size, command.last
        self._deadline = self._clock.seconds() + settings.transfer_timeout
        self._refusal = self._refused(state, transaction)
        if self._refusal is not None or transaction is None:
            return state
        if state is State.MAIL:
            # A binary message is looked at when it is whole: `mailframe.smtp.binary`.
            lines = None if transaction.binary else LineEndReader(settings.line_ends)
            spill = Spill(settings.spill_directory, settings.spill_limit)
            transaction.receive(spill, self._deadline, lines)
        self._deadline = transaction.deadline
        return State.CHUNKS

    def keep(self, piece: ChunkPiece, transaction: Transaction | None) -> None:
        """Take some octets of the chunk.

        Raises:
            ProtocolError: fatal, when they take too long.
        """
        if self._refusal is None and transaction is not None:
            transaction.write_chunk(piece.content, self._settings.size_limit)
            if piece.last and self.last:
                transaction.end_chunks(self._settings.size_limit)
        if not piece.last and self._clock.seconds() > self._deadline:
            raise ProtocolError(TOO_SLOW, fatal=True)

    def refusal(self, transaction: Transaction | None) -> Status | None:
        """Why the chunk that ended was thrown away, or None."""
        if self._refusal is not None or transaction is None or self.last:
            return self._refusal
        return transaction.refusal

    @property
    def empty(self) -> bool:
        """Was the chunk good for nothing, without octets and not the last?"""
        return not self._size and not self.last

    def received(self) -> bytes:
        """The answer to a chunk that was kept and is not the last."""
        return b"250 2.0.0 %d octets received\r\n" % self._size

    def _refused(self, state: State, transaction: Transaction | None) -> Status | None:
        if not self._offered:
            return NOT_IMPLEMENTED
        if transaction is None or state not in (State.MAIL, State.CHUNKS):
            return OUT_OF_ORDER.get(state, NOTHING_HERE)
        return None if transaction.routes else self._dialect.no_recipients
