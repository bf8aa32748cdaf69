"""FETCH BINARY: parts without their transfer encoding (RFC 3516 section 4, RFC 9051 section 6.4.5).

The size of what is sent stands before it, so a part is decoded twice: once to be measured, once to be sent. Neither
holds more of it than a piece.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from twisted.logger import Logger

from mailframe.imap.wire.fetching import BinaryOctets
from mailframe.message.status import MailframeError, Status
from mailframe.message.structure import part_at, unpack
from mailframe.message.transfer_decoding import Identity, decoder
from mailframe.store.values import Message, Span

from .fetch_plan import described

if TYPE_CHECKING:
    from mailframe.imap.session import Session

PIECE = 256 * 1024
"""Encoded octets that are in memory at a time."""
UNKNOWN_CTE = Status((5, 6, 1), "The transfer encoding of a part is not known", "UNKNOWN-CTE")

log = Logger()


class _Gone(Exception):
    """The message was expunged in the middle of it."""


class Measured(NamedTuple):
    """One attribute of one message.

    Attributes:
        wanted: the attribute.
        start, end: where the encoded octets lie; -1 where there is no such part.
        encoding: of it.
        size: octets that are wanted, decoded.
        has_nul: are there NULs among them?
    """

    wanted: BinaryOctets
    start: int
    end: int
    encoding: str = "binary"
    size: int = 0
    has_nul: bool = False


class Binaries:
    """Measures and sends them.

    Args:
        session: to whom.
        wanted: what was asked for.
    """

    def __init__(self, session: Session, wanted: Sequence[BinaryOctets]) -> None:
        self._session = session
        self._mailbox = session.mailbox.mailbox
        self._wanted = wanted

    async def measure(self, message: Message) -> Sequence[Measured]:
        """How much there is of each; before anything of the response is sent.

        Raises:
            MailframeError: ``UNKNOWN-CTE``.
        """
        return [await self._measure(message, wanted) for wanted in self._wanted]

    async def send(self, message: Message, measured: Sequence[Measured], *, first: bool) -> bool:
        """Send them, each with a space before it but the first; False when the connection had to be cut."""
        session = self._session
        for number, each in enumerate(measured):
            label = each.wanted.label if number == 0 and first else b" " + each.wanted.label
            if each.start < 0:
                session.write(b"%b %b" % (label, b"0" if each.wanted.size else b"NIL"))
            elif each.wanted.size:
                session.write(b"%b %d" % (label, each.size))
            else:
                session.write(b"%b %b{%d}\r\n" % (label, b"~" if each.has_nul else b"", each.size))
                if not await self._send_octets(message.uid, each):
                    return False
        return True

    async def _measure(self, message: Message, wanted: BinaryOctets) -> Measured:
        start, end, encoding = 0, message.size, "binary"
        if wanted.part:
            part = part_at(unpack(described(message).parts), wanted.part)
            if part is None:
                return Measured(wanted, -1, -1)
            start, end, encoding = part.body_start, part.end, part.encoding
        if decoder(encoding) is None:
            raise MailframeError(UNKNOWN_CTE)
        measured = Measured(wanted, start, end, encoding)
        size, has_nul = 0, False
        try:
            async for piece in self._pieces(message.uid, measured):
                size += len(piece)
                has_nul |= b"\0" in piece
        except _Gone:
            # Sending finds that, too.
            return measured
        return measured._replace(size=size, has_nul=has_nul)

    async def _send_octets(self, uid: int, measured: Measured) -> bool:
        session, missing = self._session, measured.size
        try:
            async for piece in self._pieces(uid, measured):
                session.write(piece)
                missing -= len(piece)
                await session.connection.drained()
        except _Gone:
            missing = missing or 1
        if missing:
            # The size has been told, and nothing true can fill it up.
            log.warn(
                "session {session_id} cut: message {uid} went away while it was sent",
                session_id=session.session_id,
                uid=uid,
            )
            session.abort()
            return False
        return True

    async def _pieces(self, uid: int, measured: Measured) -> AsyncIterator[bytes]:
        """The decoded octets that are wanted."""
        decoding = decoder(measured.encoding) or Identity()
        skip, left = measured.wanted.partial or (0, measured.end - measured.start)
        offset = measured.start
        while offset < measured.end and left:
            wanted = min(PIECE, measured.end - offset)
            (octets,) = await self._mailbox.read([Span(uid, offset, wanted)])
            if octets is None or len(octets) < wanted:
                raise _Gone
            offset += wanted
            piece = decoding.feed(octets)
            if offset >= measured.end:
                piece += decoding.finish()
            kept = piece[skip : skip + left]
            skip, left = max(0, skip - len(piece)), left - len(kept)
            if kept:
                yield kept
