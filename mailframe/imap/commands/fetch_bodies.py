"""Octets of messages on their way to the client: small ones together, large ones piece by piece."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from twisted.logger import Logger

from mailframe.imap.wire.fetching import BodyOctets, Text
from mailframe.imap.wire.responses import literal, literal_pieces
from mailframe.message.header import select
from mailframe.message.status import MailframeError
from mailframe.store.values import Message, Span

from .fetch_binary import Binaries, Measured
from .fetch_plan import Place, Plan

if TYPE_CHECKING:
    from mailframe.imap.session import Session

TOGETHER = 1024 * 1024
"""Octets of several messages read and sent in one go; a message with more is streamed."""
PIECE = 256 * 1024
"""Octets of a streamed message that are in memory at a time."""
HEADER_LIMIT = 1024 * 1024
"""Octets of a header section among which fields are chosen; what comes behind them is not found."""

log = Logger()


class BodySender:
    """Sends the FETCH responses of one window of messages.

    Args:
        session: to whom.
        plan: what was asked for.
        changed: UIDs whose flags this FETCH changed, so that they are shown.
    """

    def __init__(self, session: Session, plan: Plan, changed: frozenset[int]) -> None:
        self._session = session
        self._plan = plan
        self._changed = changed
        self._mailbox = session.mailbox.mailbox
        self._binaries = Binaries(session, plan.binaries)
        self._waiting: list[tuple[Message, list[Place | None]]] = []
        self._told: set[int] = set()
        self._octets = 0
        self._sent = 0

    async def send(self, messages: Sequence[Message]) -> int:
        """Send them in order; return how many were still there.

        Raises:
            MailframeError: ``UNKNOWN-CTE`` or a temporary one; flags that were changed have been told.
        """
        try:
            return await self._send(messages)
        except MailframeError:
            self._tell_changed(messages)
            raise

    async def _send(self, messages: Sequence[Message]) -> int:
        readable = self._plan.places if self._plan.whole else self._readable
        for message in messages:
            places = readable(message)
            octets = sum([place[1] for place in places if place is not None])
            if self._octets + octets > TOGETHER or self._plan.binaries:
                await self._send_waiting()
            if octets > TOGETHER or self._plan.binaries:
                if not await self._stream(message, places):
                    break
                continue
            self._waiting.append((message, places))
            self._octets += octets
        await self._send_waiting()
        return self._sent

    def _tell_changed(self, messages: Sequence[Message]) -> None:
        """What was marked as seen, and not answered, is told by itself: nothing else would tell it."""
        selected = self._session.mailbox
        untold = [message for message in messages if message.uid in self._changed - self._told]
        self._session.write(b"".join([selected.fetch_flags(message, with_uid=False) for message in untold]))

    def _readable(self, message: Message) -> list[Place | None]:
        """What has to be read of a message: places, with long header sections cut."""
        return [
            (place[0], min(place[1], HEADER_LIMIT)) if place is not None and body.section.fields else place
            for body, place in zip(self._plan.bodies, self._plan.places(message), strict=True)
        ]

    async def _send_waiting(self) -> None:
        waiting, self._waiting, self._octets = self._waiting, [], 0
        if not waiting:
            return
        spans = [
            Span(message.uid, *place) for message, places in waiting for place in places if place is not None
        ]
        octets = iter(await self._mailbox.read(spans))
        pieces: list[bytes] = []
        for opening, (_, places) in zip(self._openings(waiting), waiting, strict=True):
            self._sent += self._add_response(pieces, opening, places, octets)
        self._session.write(b"".join(pieces))
        self._told.update(message.uid for message, _ in waiting)
        await self._session.connection.drained()

    def _openings(self, waiting: Sequence[tuple[Message, list[Place | None]]]) -> list[bytes]:
        messages = [message for message, _ in waiting]
        if self._changed:
            return [self._opening(message) for message in messages]
        return self._plan.openings(messages)

    def _add_response(
        self, pieces: list[bytes], opening: bytes, places: list[Place | None], octets: Iterator[bytes | None]
    ) -> bool:
        """Add one whole response to what is sent; False, and nothing is added, for a message that is gone."""
        read = [None if place is None else next(octets) for place in places]
        answers = [opening]
        for number, (body, place, piece) in enumerate(zip(self._plan.bodies, places, read, strict=True)):
            if number:
                answers.append(b" ")
            if piece is not None:
                answers += literal_pieces(body.label, _chosen(body, piece))
            elif place is None:
                answers.append(b"%b NIL" % body.label)
            else:
                return False
        pieces += answers
        pieces.append(b")\r\n")
        return True

    def _opening(self, message: Message) -> bytes:
        """The response up to the first of the bodies."""
        return self._plan.opening(message, message.uid in self._changed)

    async def _stream(self, message: Message, places: list[Place | None]) -> bool:
        """Send one large message; False when the connection had to be cut."""
        uid = message.uid
        first = next((place for place in places if place is not None), (0, 0))
        if (await self._mailbox.read([Span(uid, first[0], 1)]))[0] is None:
            return True
        measured = await self._binaries.measure(message)
        self._session.write(self._opening(message))
        self._told.add(uid)
        try:
            complete = await self._stream_bodies(message, places, measured)
        except BaseException:
            # An answer in the middle of another one would be taken for a piece of the message.
            self._session.abort()
            raise
        self._sent += complete
        return complete

    async def _stream_bodies(
        self, message: Message, places: list[Place | None], measured: Sequence[Measured]
    ) -> bool:
        session, uid = self._session, message.uid
        for number, (body, place) in enumerate(zip(self._plan.bodies, places, strict=True)):
            session.write(b"%b%b " % (b" " if number else b"", body.label))
            if place is None:
                session.write(b"NIL")
            elif body.section.fields:
                octets = (await self._mailbox.read([Span(uid, *place)]))[0]
                session.write(literal(_chosen(body, octets or b"")))
            elif not await self._stream_literal(uid, place):
                return False
        if not await self._binaries.send(message, measured, first=not places):
            return False
        session.write(b")\r\n")
        return True

    async def _stream_literal(self, uid: int, place: Place) -> bool:
        session, (offset, missing) = self._session, place
        session.write(b"{%d}\r\n" % missing)
        while missing:
            wanted = min(missing, PIECE)
            octets = (await self._mailbox.read([Span(uid, offset, wanted)]))[0]
            if octets is None or len(octets) < wanted:
                # The size has been told, and nothing true can fill it up.
                log.warn(
                    "session {session_id} cut: message {uid} went away while it was sent",
                    session_id=session.session_id,
                    uid=uid,
                )
                session.abort()
                return False
            session.write(octets.replace(b"\0", b"\x80") if b"\0" in octets else octets)
            offset, missing = offset + wanted, missing - wanted
            await session.connection.drained()
        return True


def _chosen(body: BodyOctets, octets: bytes) -> bytes:
    """What a section means of what was read: chosen header fields, and the partial of those."""
    if not body.section.fields:
        return octets
    names = {name.lower() for name in body.section.fields}
    chosen = select(octets, names, without=body.section.text is Text.FIELDS_NOT)
    if body.partial is None:
        return chosen
    offset, length = body.partial
    return chosen[offset : offset + length]
