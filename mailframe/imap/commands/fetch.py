"""FETCH and UID FETCH (RFC 3501 section 6.4.5), a window of messages at a time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING

from twisted.logger import Logger

from mailframe.imap.progress import Progress
from mailframe.imap.states import Reply, State
from mailframe.imap.wire.fetch_modifiers import fetch_modifiers
from mailframe.imap.wire.fetching import Attribute, Fact, fetch_attributes
from mailframe.imap.wire.parser import Parser, bad
from mailframe.imap.wire.resync import vanished
from mailframe.imap.wire.sequences import merged, sequence_set
from mailframe.message.status import MailframeError, Status
from mailframe.store.refusals import NONEXISTENT, NOT_ALLOWED
from mailframe.store.values import SEEN, FlagChange, Message

from .fetch_bodies import BodySender
from .fetch_plan import Plan
from .message_limit import newest
from .resync import changed_since, expunged_since, with_modseq

if TYPE_CHECKING:
    from mailframe.imap.session import Session

LARGEST_UID = 2**32 - 1
EXPUNGE_ISSUED = Status((5, 5, 0), "Some of the messages are gone already", "EXPUNGEISSUED")
_EXPECTED = (NOT_ALLOWED.word, NONEXISTENT.word)

log = Logger()


async def fetch(session: Session, arguments: Parser) -> Reply:
    """FETCH by message sequence number."""
    return await _fetch(session, arguments, by_uid=False)


async def uid_fetch(session: Session, arguments: Parser) -> Reply:
    """FETCH by UID."""
    return await _fetch(session, arguments, by_uid=True)


async def _fetch(session: Session, arguments: Parser, *, by_uid: bool) -> Reply:
    arguments.space()
    wanted = sequence_set(arguments)
    arguments.space()
    attributes = fetch_attributes(arguments)
    modifiers = fetch_modifiers(arguments, by_uid)
    arguments.end()
    if modifiers.vanished and not session.enabled.qresync:
        raise bad("VANISHED is for clients that enabled QRESYNC")
    selected = session.mailbox
    uids = selected.messages(wanted, by_uid)
    since = modifiers.changed_since
    if since is not None or Fact.MODSEQ in attributes:
        session.enabled.condstore = True
    if since is not None:
        attributes = with_modseq(attributes)
        if modifiers.vanished:
            # An asterisk is the last message there is, and also the last there ever was: others knew those above it.
            named = merged((*selected.uids(wanted), *wanted.resolve(LARGEST_UID)))
            session.write(vanished(await expunged_since(selected, since, named), earlier=True))
        uids = await changed_since(selected, since, uids)
    if modifiers.page is not None:
        uids = modifiers.page.of(uids)
    uids, limited = newest(session, uids)
    plan = Plan(attributes, selected, by_uid, session.enabled)
    progress, sent = Progress(session, "Fetching"), 0
    for start in range(0, len(uids), plan.window):
        window = uids[start : start + plan.window]
        sent += await _send_window(session, plan, window)
        await session.connection.drained()
        if not await progress.step(min(start + plan.window, len(uids)), len(uids)):
            break
    if sent < len(uids):
        # Others expunged some, and this session could not know. UID FETCH may tell that before its end; for FETCH
        # there is a word (RFC 5530).
        selected.changed()
        if not by_uid:
            raise MailframeError(EXPUNGE_ISSUED)
    return Reply("FETCH completed", limited)


async def fetch_new(session: Session, attributes: Sequence[Attribute], uids: Sequence[int]) -> None:
    """Answer for messages that came, without being asked for them (RFC 5465 section 5.2)."""
    plan = Plan(attributes, session.mailbox, False, session.enabled)
    for start in range(0, len(uids), plan.window):
        await _send_window(session, plan, uids[start : start + plan.window])
        await session.connection.drained()


async def _send_window(session: Session, plan: Plan, uids: Sequence[int]) -> int:
    """Answer for some messages; return how many of them were there."""
    sent = 0
    while uids and session.state is not State.LOGOUT:
        # Of very large descriptions the store gives a few at a time.
        messages: Sequence[Message] = await session.mailbox.mailbox.fetch(uids, plan.items)
        if not messages:
            break
        sent += await _send(session, plan, messages)
        uids = uids[bisect_right(uids, messages[-1].uid) :]
        if uids:
            await session.connection.drained()
    return sent


async def _send(session: Session, plan: Plan, messages: Sequence[Message]) -> int:
    changed: frozenset[int] = frozenset()
    if plan.marks_seen:
        messages, changed = await _mark_seen(session, messages)
    if plan.bodies or plan.binaries:
        return await BodySender(session, plan, changed).send(messages)
    session.write(b"".join(plan.responses(messages)))
    return len(messages)


async def _mark_seen(
    session: Session, messages: Sequence[Message]
) -> tuple[Sequence[Message], frozenset[int]]:
    """Set ``\\Seen`` where it is not; return the messages as they are now, and the UIDs of those that changed.

    Mail can be read even where this fails: the disk may be full.
    """
    unseen = [message.uid for message in messages if SEEN not in message.flags]
    if not unseen:
        return messages, frozenset()
    try:
        stored, _ = await session.mailbox.store(unseen, FlagChange.ADD, frozenset({SEEN}))
    except MailframeError as error:
        # Who may not is no news.
        tell = log.debug if error.status.word in _EXPECTED else log.warn
        tell(
            "session {session_id} cannot mark messages as seen: {reason}",
            session_id=session.session_id,
            reason=error.reason,
        )
        return messages, frozenset()
    after = {message.uid: message for message in stored}
    now = [
        message._replace(flags=after[message.uid].flags, modseq=after[message.uid].modseq)
        if message.uid in after
        else message
        for message in messages
    ]
    return now, frozenset(after)
