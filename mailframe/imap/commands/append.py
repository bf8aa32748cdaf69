"""APPEND: a message comes in octet by octet and goes to the store whole (RFC 3501 section 6.3.11, RFC 7889)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from mailframe.dialogue.shield import TakesTooLong, shielded
from mailframe.dialogue.spill import Spill
from mailframe.imap.states import Reply, State
from mailframe.imap.wire.dates import date_time
from mailframe.imap.wire.flags import flag_list
from mailframe.imap.wire.mailboxes import mailbox
from mailframe.imap.wire.parser import Parser, bad
from mailframe.imap.wire.reader import MessageOffered
from mailframe.message.content import Content
from mailframe.message.mail import new_queue_id
from mailframe.message.status import NO_SUCH_MAILBOX, STORAGE_FULL, UNAVAILABLE, MailframeError, Status
from mailframe.store.refusals import TRYCREATE
from mailframe.store.values import Appended, Flags, NewMessage

if TYPE_CHECKING:
    from mailframe.imap.session import Session

TOO_LARGE = Status((5, 3, 4), "The message is larger than what is taken here", "TOOBIG")
EMPTY = Status((5, 6, 0), "A message has at least one octet", "CANNOT")
UNKNOWN_CTE = Status((5, 6, 1), "Messages with NUL octets cannot be kept here; encode them", "UNKNOWN-CTE")
HAS_NUL = Status((5, 6, 0), "A message must not hold NUL octets", "CANNOT")

_BARE_LF = re.compile(rb"(?<!\r)\n")

log = Logger()


class Upload:
    """The message of one APPEND while it comes in.

    Bare LFs become CRLF and an unended last line is ended, because that is what a message in a store is like.

    Args:
        name: the mailbox.
        flags: the flags it starts with.
        internal_date: seconds since the epoch, or None for now.
        spill: takes the octets.
        binary: it came as a literal8.
    """

    def __init__(
        self, name: str, flags: Flags, internal_date: int | None, spill: Spill, binary: bool = False
    ) -> None:
        self.name = name
        self.flags = flags
        self.internal_date = internal_date
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
        self._keep(piece)

    def finish(self) -> Content:
        """The message.

        Raises:
            MailframeError: it was refused while it came in.
        """
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


async def without_message(session: Session, arguments: Parser) -> Reply:
    """APPEND without a literal is no command."""
    raise bad("APPEND needs a mailbox and a message as literal")


async def offer(session: Session, offered: MessageOffered) -> None:
    """Take the message that is offered, or refuse it before it comes.

    Raises:
        MailframeError: ``TOOBIG``, ``TRYCREATE``.
        ProtocolError: the arguments before it are wrong.
    """
    name, flags, internal_date = _arguments(offered.arguments)
    settings = session.settings
    if offered.size > settings.append_limit:
        raise MailframeError(TOO_LARGE)
    if not offered.size:
        raise MailframeError(EMPTY)
    if offered.synchronizing:
        # The client waits: it need not send what has no place. Otherwise it comes anyway, and the store will say.
        await _check_mailbox(session, name)
    spill = Spill(settings.spill_directory, settings.spill_limit)
    session.upload = Upload(name, flags, internal_date, spill, offered.binary)
    session.reader.accept()
    if offered.synchronizing:
        session.write(b"+ Ready for the message\r\n")


async def finish(session: Session, clean: bool) -> Reply:
    """The message is here: put it into the store.

    Args:
        clean: nothing but the line end followed it.

    Raises:
        MailframeError: the store refuses it.
        ProtocolError: more followed it.
    """
    upload, session.upload = session.upload, None
    assert upload is not None
    if not clean:
        upload.discard()
        raise bad("Something follows the message where the command should end")
    content = upload.finish()
    date = int(session.clock.seconds()) if upload.internal_date is None else upload.internal_date
    message = NewMessage(content, upload.flags, date, new_queue_id())
    work = Deferred.fromCoroutine(_store(session, upload.name, message))
    try:
        appended = await shielded(work, session.clock, session.settings.append_timeout)
    except TakesTooLong:
        raise MailframeError(UNAVAILABLE, "the store takes too long to append a message") from None
    if session.selected is not None and session.selected.mailbox.name == upload.name:
        session.selected.changed()
    return Reply("APPEND completed", f"APPENDUID {appended.uidvalidity} {appended.uids[0]}")


async def _store(session: Session, name: str, message: NewMessage) -> Appended:
    """Append; goes on when the connection is lost, so it alone knows when the content can go."""
    size = message.content.size
    try:
        appended = await session.mailboxes.append(name, [message])
    except Exception:
        if session.state is State.LOGOUT:
            log.failure("an APPEND failed after its connection was lost")
        raise
    finally:
        message.content.body.discard()
    log.info(
        "appended {queue_id} to {mailbox!r} of {account}: {size} octets",
        queue_id=message.queue_id,
        session_id=session.session_id,
        account=session.mailboxes.name,
        mailbox=name,
        size=size,
    )
    return appended


async def _check_mailbox(session: Session, name: str) -> None:
    try:
        await session.mailboxes.status(name)
    except MailframeError as error:
        if error.status.word == NO_SUCH_MAILBOX.word:
            raise MailframeError(TRYCREATE, error.reason) from None
        raise


def _arguments(arguments: Parser) -> tuple[str, Flags, int | None]:
    arguments.space()
    name = mailbox(arguments)
    arguments.space()
    flags: Flags = frozenset()
    internal_date = None
    if arguments.peek() == b"(":
        flags = flag_list(arguments)
        arguments.space()
    if arguments.peek() == b'"':
        internal_date = date_time(arguments)
        arguments.space()
    arguments.end()
    return name, flags, internal_date
