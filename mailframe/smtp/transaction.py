"""One mail transaction: from MAIL to the answer at the end of its data (RFC 5321 section 3.3)."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.logger import Logger

from mailframe.dialogue.dotstuffing import BARE_IN_CONTENT
from mailframe.dialogue.line_ends import LineEndReader
from mailframe.dialogue.spill import Spill
from mailframe.message.address import Address
from mailframe.message.content import Content
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject, new_queue_id
from mailframe.message.origin import Origin
from mailframe.message.status import STORAGE_FULL, Status
from mailframe.routing.interfaces import Route

from .extensions import TOO_LARGE
from .forwarded import forwarded_facts
from .wire.reply import basic_code

TOO_SLOW = Status((4, 4, 2), "The message took too long to arrive", reply_code=421)
TOO_LATE = Status((5, 4, 7), "The time for its delivery is over", reply_code=554)
_REFUSALS_LOGGED = 10

_LINE = "{queue_id}: {reverse_path} to {forward_path}, {size} octets from {peer}: {reply!r}"
_LINE_FORWARDED = (
    "{queue_id}: {reverse_path} to {forward_path}, {size} octets from {peer} (for {forwarded}): {reply!r}"
)

log = Logger()


class Transaction:
    """An envelope and content in the making.

    Args:
        origin: the connection.
        envelope: with its reverse-path and parameters.
        started: when MAIL came, in the clock's seconds.

    Attributes:
        started: as given.
        routes: the way of each recipient, in the envelope's order.
        refusal: why the content is thrown away while it is read to its end; None while it is kept.
        size: octets of content received.
        surplus: recipients that were named beyond what a message may have.
        deadline: when the data has taken too long; set by `receive`.
        handed_over: the message is being delivered; whoever does that writes the log line, because the client may
            be gone when it is known how it went.
    """

    def __init__(self, origin: Origin, envelope: Envelope, started: float) -> None:
        self.queue_id = new_queue_id()
        self.origin = origin
        self.envelope = envelope
        self.routes: list[Route] = []
        self.refusal: Status | None = None
        self.surplus = 0
        self.deadline = 0.0
        self.handed_over = False
        self.started = started
        self._spill: Spill | None = None
        self._lines: LineEndReader | None = None
        self._tail = b""
        self._refused: list[str] = []
        # Now: when the answer comes late, the next message's facts may be there already.
        self._forwarded = forwarded_facts(origin)
        self.size = 0
        self._logged = False

    def accept(self, recipient: Recipient, route: Route) -> None:
        """RCPT was answered with 250."""
        self.envelope.recipients.append(recipient)
        self.routes.append(route)

    def note_refused(self, forward_path: Address, status: Status) -> None:
        """RCPT was refused; the log line tells it."""
        if len(self._refused) < _REFUSALS_LOGGED:
            self._refused.append(f"{forward_path}: {basic_code(status)} {status}")

    @property
    def binary(self) -> bool:
        """Was the message announced as one that may hold anything (BINARYMIME, RFC 3030 section 3)?"""
        return self.envelope.body == "BINARYMIME"

    def receive(self, spill: Spill, deadline: float, lines: LineEndReader | None = None) -> None:
        """Content comes, behind DATA or the first BDAT, until ``deadline``.

        Args:
            spill: where it goes.
            deadline: in the clock's seconds.
            lines: looks at the line ends of chunks; None where nothing needs to (any more).
        """
        self._spill = spill
        self._lines = lines
        self.deadline = deadline

    def write(self, content: bytes, limit: int) -> None:
        """Keep a piece of content; past ``limit`` octets, or on a full disk, it is refused instead."""
        self.size += len(content)
        if self._spill is None:
            return
        if self.size > limit:
            self.refuse(TOO_LARGE)
            return
        try:
            self._spill.write(content)
        except OSError as error:
            log.error(
                "{queue_id}: cannot keep what is received: {error}", queue_id=self.queue_id, error=str(error)
            )
            self.refuse(STORAGE_FULL)

    def write_chunk(self, content: bytes, limit: int) -> None:
        """Keep a piece of a chunk, as `write` does."""
        if self._lines is not None:
            content = self._lines.feed(content)
            if self._lines.refused:
                self.refuse(BARE_IN_CONTENT)
        self._tail = (self._tail + content[-2:])[-2:]
        self.write(content, limit)

    def end_chunks(self, limit: int) -> None:
        """The last chunk ended: end its last line, too, unless the message is binary."""
        if self._lines is None:
            return
        rest = self._lines.finish()
        if self._lines.refused:
            self.refuse(BARE_IN_CONTENT)
        self._tail = (self._tail + rest)[-2:]
        if self._tail not in (b"", b"\r\n"):
            rest += b"\r\n"
        self.write(rest, limit)

    def refuse(self, status: Status) -> None:
        """Read on, but keep nothing: the data's end is answered with ``status``; the first refusal counts."""
        self.refusal = self.refusal or status
        self.discard()

    def look_at_the_time(self, now: float) -> None:
        """Refuse a message that was to be given back unless it arrived by now (DELIVERBY, RFC 2852 section 4)."""
        if "BY" in self.envelope.parameters:
            by = self.envelope.deliver_by
            if by is not None and by.mode == "R" and now - self.started >= by.seconds:
                self.refuse(TOO_LATE)

    def finish(self) -> MailObject:
        """The message with all its content, which now belongs to the caller."""
        assert self._spill is not None
        spill, self._spill, self.handed_over = self._spill, None, True
        content: Content = spill.finish()
        return MailObject(self.queue_id, self.envelope, content, self.origin)

    def discard(self) -> None:
        """Throw away what was received."""
        if self._spill is not None:
            self._spill.discard()
            self._spill = None

    def log_end(self, now: float, reply: str, statuses: Sequence[Status] = ()) -> None:
        """The one line that says what became of it; a second call does nothing.

        Args:
            now: the clock's seconds.
            reply: the last reply, as the client saw it.
            statuses: one for each recipient; logged where they differ (LMTP).
        """
        if self._logged:
            return
        self._logged = True
        envelope = self.envelope
        texts = [str(status) for status in statuses]
        log.info(
            _LINE if not self._forwarded else _LINE_FORWARDED,
            queue_id=self.queue_id,
            session_id=self.origin.session_id,
            peer=self.origin.peer,
            login=self.origin.login,
            forwarded=self._forwarded,
            reverse_path=_path(envelope.reverse_path),
            forward_path=[_path(recipient.forward_path) for recipient in envelope.recipients],
            refused=self._refused,
            statuses=texts if len(set(texts)) > 1 else [],
            size=self.size,
            delay=round(now - self.started, 4),
            reply=reply,
        )


def _path(address: Address | None) -> str:
    """A path for the log: `Address` has no control characters, so it cannot forge a line."""
    return f"<{address}>" if address is not None else "<>"
