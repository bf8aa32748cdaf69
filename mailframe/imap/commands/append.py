"""APPEND and REPLACE: messages come in octet by octet and go to the store whole.

RFC 9051 section 6.3.12, several at once (MULTIAPPEND, RFC 3502), put together (CATENATE, RFC 4469), with UTF-8 in
their headers (RFC 9755), in the place of another (REPLACE, RFC 8508); bounded by RFC 7889.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from mailframe.dialogue.shield import TakesTooLong, shielded
from mailframe.imap.states import Reply, State
from mailframe.imap.wire.appending import Begin, Inside, Step, between
from mailframe.imap.wire.mailboxes import mailbox
from mailframe.imap.wire.parser import Parser, bad
from mailframe.imap.wire.reader import MessageOffered
from mailframe.imap.wire.responses import status_line
from mailframe.imap.wire.sequences import render_set, sequence_set
from mailframe.message.mail import new_queue_id
from mailframe.message.status import NO_SUCH_MAILBOX, UNAVAILABLE, MailframeError, Status
from mailframe.store.refusals import TRYCREATE
from mailframe.store.values import Appended, Item, NewMessage

from .catenate import add_from_url
from .message_limit import check
from .uploads import EMPTY, Uploads

if TYPE_CHECKING:
    from mailframe.imap.session import Session

NOT_THERE = Status((5, 5, 4), "There is no such message", "CLIENTBUG")
EXPUNGE_ISSUED = Status((5, 5, 0), "The message to be replaced is gone already", "EXPUNGEISSUED")

log = Logger()


async def offer(session: Session, offered: MessageOffered) -> None:
    """Take the literal that is offered, or refuse it before it comes.

    Raises:
        MailframeError: ``TOOBIG``, ``TRYCREATE``, ``BADURL``.
        ProtocolError: the arguments before it are wrong.
    """
    try:
        await _offer(session, offered)
    except BaseException:
        discard(session)
        raise


async def _offer(session: Session, offered: MessageOffered) -> None:
    if not offered.more:
        session.upload = _begun(session, offered.name, offered.arguments)
    uploads = session.upload
    assert uploads is not None
    steps, uploads.inside = between(offered.arguments, uploads.inside, literal=True)
    if uploads.inside is Inside.UTF8 and not session.enabled.utf8:
        raise bad("UTF8 is for clients that enabled UTF8=ACCEPT")
    if not offered.size and uploads.inside is not Inside.CATENATE:
        raise MailframeError(EMPTY)
    uploads.check(offered.size)
    if offered.synchronizing and not offered.more:
        # The client waits: it need not send what has no place. Otherwise it comes anyway, and the store will say.
        await _check_mailbox(session, uploads.name)
    await _do(session, uploads, steps, binary=offered.binary)
    check(session, len(uploads))
    session.reader.accept()
    if offered.synchronizing:
        session.write(b"+ Ready for the message\r\n")


async def finish(session: Session, rest: Parser) -> Reply:
    """The last literal is here: put the messages into the store.

    Args:
        rest: what follows it.

    Raises:
        MailframeError: the store refuses them, or one of them was refused while it came in.
        ProtocolError: more follows than can.
    """
    uploads = session.upload
    assert uploads is not None
    try:
        steps, _ = between(rest, uploads.inside, literal=False)
        await _do(session, uploads, steps)
        check(session, len(uploads))
        messages = uploads.finish(int(session.clock.seconds()), new_queue_id)
    except BaseException:
        discard(session)
        raise
    session.upload = None
    return await _stored(session, uploads, messages)


async def without_literal(session: Session, arguments: Parser, name: str = "APPEND") -> Reply:
    """APPEND without a literal: a message is put together from others (CATENATE)."""
    uploads = session.upload = _begun(session, name, arguments)
    uploads.inside = Inside.NOTHING
    return await finish(session, arguments)


async def replace_without_literal(session: Session, arguments: Parser) -> Reply:
    """REPLACE without a literal."""
    return await without_literal(session, arguments, "REPLACE")


async def uid_replace_without_literal(session: Session, arguments: Parser) -> Reply:
    """UID REPLACE without a literal."""
    return await without_literal(session, arguments, "UID REPLACE")


def discard(session: Session) -> None:
    """Throw away what came in."""
    uploads, session.upload = session.upload, None
    if uploads is not None:
        uploads.discard()


def _begun(session: Session, name: str, arguments: Parser) -> Uploads:
    replaced = None if name == "APPEND" else _replaced(session, arguments, by_uid=name == "UID REPLACE")
    arguments.space()
    return Uploads(mailbox(arguments), session.settings, replaced)


def _replaced(session: Session, arguments: Parser, *, by_uid: bool) -> int:
    """The UID of the message that is replaced."""
    if session.state is not State.SELECTED:
        raise bad("REPLACE cannot be used in this state")
    arguments.space()
    session.mailbox.check_writable()
    uids = session.mailbox.messages(sequence_set(arguments), by_uid)
    if len(uids) != 1:
        raise MailframeError(NOT_THERE)
    return uids[0]


async def _do(session: Session, uploads: Uploads, steps: list[Step], *, binary: bool = False) -> None:
    for step in steps:
        if isinstance(step, Begin):
            uploads.begin(step.flags, step.internal_date, binary)
        else:
            await add_from_url(session, uploads, step.url)


async def _stored(session: Session, uploads: Uploads, messages: list[NewMessage]) -> Reply:
    await _check_replaced(session, uploads, messages)
    work = Deferred.fromCoroutine(_store(session, uploads.name, messages))
    try:
        appended = await shielded(work, session.clock, session.settings.append_timeout)
    except TakesTooLong:
        raise MailframeError(UNAVAILABLE, "the store takes too long to append a message") from None
    if session.selected is not None and session.selected.mailbox.name == uploads.name:
        session.selected.changed()
    word = f"APPENDUID {appended.uidvalidity} {render_set(appended.uids).decode('ascii')}"
    if uploads.replaced is None:
        return Reply("APPEND completed", word)
    # The new one is safe before the old one goes (RFC 8508 section 3.5).
    session.write(status_line(b"OK", "The message that replaces it is there", word))
    await session.mailbox.mailbox.remove([uploads.replaced])
    session.mailbox.changed()
    return Reply("REPLACE completed")


async def _check_replaced(session: Session, uploads: Uploads, messages: list[NewMessage]) -> None:
    """The message that is to be replaced must still be there: two programs that save the same draft leave one."""
    if uploads.replaced is None or await session.mailbox.mailbox.fetch([uploads.replaced], Item.FLAGS):
        return
    for message in messages:
        message.content.body.discard()
    session.mailbox.changed()
    raise MailframeError(EXPUNGE_ISSUED)


async def _store(session: Session, name: str, messages: list[NewMessage]) -> Appended:
    """Append; goes on when the connection is lost, so it alone knows when the content can go."""
    try:
        appended = await session.mailboxes.append(name, messages)
    except Exception:
        if session.state is State.LOGOUT:
            log.failure("an APPEND failed after its connection was lost")
        raise
    finally:
        sizes = [message.content.size for message in messages]
        for message in messages:
            message.content.body.discard()
    for message, size in zip(messages, sizes, strict=True):
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
