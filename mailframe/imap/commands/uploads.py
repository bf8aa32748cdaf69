"""The messages of one APPEND while they come in."""

from __future__ import annotations

import re
from collections.abc import Callable

from twisted.logger import Logger

from mailframe.dialogue.spill import Spill
from mailframe.imap.settings import IMAPSettings
from mailframe.imap.wire.appending import Inside
from mailframe.imap.wire.parser import bad
from mailframe.message.content import Content
from mailframe.message.status import STORAGE_FULL, MailframeError, Status
from mailframe.store.values import Flags, NewMessage

MESSAGES_LIMIT = 1000
"""Messages of one APPEND."""
TOGETHER = 10
"""How many times the size of the largest message all of one APPEND may have together."""
TOO_LARGE = Status((5, 3, 4), "The message is larger than what is taken here", "TOOBIG")
TOO_MANY = Status((5, 3, 4), "Too many messages, or too large ones, at once", "TOOBIG")
HAS_NUL = Status((5, 6, 0), "A message must not hold NUL octets", "CANNOT")
UNKNOWN_CTE = Status((5, 6, 1), "Messages with NUL octets cannot be kept here; encode them", "UNKNOWN-CTE")
EMPTY = Status((5, 6, 0), "A message has at least one octet", "CANNOT")

_BARE_LF = re.compile(rb"(?<!\r)\n")

log = Logger()


class Upload:
    """One message.

    Bare LFs become CRLF and an unended last line is ended, because that is what a message in a store is like.

    Args:
        flags: the flags it starts with.
        internal_date: seconds since the epoch, or None for now.
        spill: takes the octets.
        binary: it came as a literal8.
    """

    def __init__(self, flags: Flags, internal_date: int | None, spill: Spill, binary: bool = False) -> None:
        self.flags = flags
        self.internal_date = internal_date
        self.octets = 0
        self._spill = spill
        self._has_nul = UNKNOWN_CTE if binary else HAS_NUL
        self._refusal: Status | None = None
        self._after_cr = False
        self._ended = False

    def write(self, octets: bytes) -> None:
        """Take a piece; after a refusal it is thrown away."""
        if self._refusal is not None or not octets:
            return
        if b"\0" in octets:
            self._refuse(self._has_nul)
            return
        piece = _BARE_LF.sub(b"\r\n", octets[1:] if self._after_cr and octets[:1] == b"\n" else octets)
        if self._after_cr and octets[:1] == b"\n":
            piece = b"\n" + piece
        self._after_cr = piece.endswith(b"\r")
        self._ended = piece.endswith(b"\n")
        self.octets += len(piece)
        self._keep(piece)

    def finish(self) -> Content:
        """The message.

        Raises:
            MailframeError: it was refused while it came in.
        """
        if self._refusal is None and not self.octets:
            self._refuse(EMPTY)
        if self._refusal is None and not self._ended:
            self._keep(b"\n" if self._after_cr else b"\r\n")
        if self._refusal is not None:
            raise MailframeError(self._refusal)
        return self._spill.finish()

    def discard(self) -> None:
        """Throw it away."""
        self._spill.discard()

    def _keep(self, octets: bytes) -> None:
        try:
            self._spill.write(octets)
        except OSError:
            log.failure("the message of an APPEND cannot be kept")
            self._refuse(STORAGE_FULL)

    def _refuse(self, status: Status) -> None:
        self._refusal = status
        self._spill.discard()


class Uploads:
    """All messages of one command.

    Args:
        name: the mailbox that they are for.
        settings: bounds.
        replaced: the UID of the message that goes when they are there (RFC 8508), or None.

    Attributes:
        inside: what the literal that comes next, or came last, belongs to.
    """

    def __init__(self, name: str, settings: IMAPSettings, replaced: int | None = None) -> None:
        self.name = name
        self.replaced = replaced
        self.inside = Inside.NOTHING
        self._settings = settings
        self._uploads: list[Upload] = []

    def __len__(self) -> int:
        """How many messages have begun."""
        return len(self._uploads)

    def begin(self, flags: Flags, internal_date: int | None, binary: bool) -> None:
        """Another message comes.

        Raises:
            MailframeError: ``TOOBIG``: there are too many.
            ProtocolError: a message is to be replaced by two (RFC 8508 section 4.7).
        """
        if self.replaced is not None and self._uploads:
            raise bad("One message takes the place of another")
        if len(self._uploads) >= MESSAGES_LIMIT:
            raise MailframeError(TOO_MANY)
        settings = self._settings
        spill = Spill(settings.spill_directory, settings.spill_limit)
        self._uploads.append(Upload(flags, internal_date, spill, binary))

    def check(self, octets: int) -> None:
        """May so many more come?

        Raises:
            MailframeError: ``TOOBIG``.
        """
        limit = self._settings.append_limit
        there = self._uploads[-1].octets if self._uploads and self.inside is Inside.CATENATE else 0
        if there + octets > limit:
            raise MailframeError(TOO_LARGE)
        if sum(upload.octets for upload in self._uploads) + octets > TOGETHER * limit:
            raise MailframeError(TOO_MANY)

    def write(self, octets: bytes) -> None:
        """Take a piece of the last message."""
        self._uploads[-1].write(octets)

    def finish(self, now: int, new_queue_id: Callable[[], str]) -> list[NewMessage]:
        """The messages.

        Raises:
            MailframeError: one was refused while it came in; none is left then.
        """
        contents: list[Content] = []
        try:
            # As far as it goes.
            contents.extend(upload.finish() for upload in self._uploads)
        except MailframeError:
            for content in contents:
                content.body.discard()
            raise
        return [
            NewMessage(
                content,
                upload.flags,
                now if upload.internal_date is None else upload.internal_date,
                new_queue_id(),
            )
            for content, upload in zip(contents, self._uploads, strict=True)
        ]

    def discard(self) -> None:
        """Throw them away."""
        for upload in self._uploads:
            upload.discard()
