"""What SEARCH and SORT found, told to the client and kept for it (RFC 4731, RFC 5182, RFC 5267, RFC 7162)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from mailframe.imap.progress import Progress
from mailframe.imap.wire.returns import Place, Returns, esearch
from mailframe.imap.wire.searching import asks_modseq
from mailframe.imap.wire.sequences import ranges_of
from mailframe.store.interfaces import IMailbox
from mailframe.store.search_keys import SearchKey
from mailframe.store.values import Item, SearchResult

if TYPE_CHECKING:
    from mailframe.imap.session import Session

WINDOW = 5000
"""Messages that are dealt with before others may have their turn."""
ALL = Returns(frozenset({"ALL"}))
"""What a command without RETURN gives."""


class Found(NamedTuple):
    """What was found and is known to the client.

    Attributes:
        uids: in the order in which it is told.
        numbers: message sequence numbers of the same.
    """

    uids: Sequence[int]
    numbers: Sequence[int]


async def known(session: Session, progress: Progress, uids: Sequence[int]) -> Found:
    """Those that the client was told of: the others have no number, and their UIDs would be a riddle."""
    numbers = session.mailbox.view.numbers(uids)
    await progress.step(len(uids), len(uids))
    if None not in numbers:
        return Found(uids, [number for number in numbers if number is not None])
    pairs = [(uid, number) for uid, number in zip(uids, numbers, strict=True) if number is not None]
    return Found([uid for uid, _ in pairs], [number for _, number in pairs])


async def tell(
    session: Session,
    progress: Progress,
    key: SearchKey,
    result: SearchResult,
    found: Found,
    returns: Returns | None,
    *,
    by_uid: bool,
    word: bytes = b"SEARCH",
    place: Place | None = None,
) -> None:
    """Say what was found in the selected mailbox, and save it where that is wanted.

    Args:
        key: what was searched for.
        result: what the store says to it.
        found: what is told of it, in order.
        returns: None for a response of the old form, unless ``word`` is SEARCH and the session one of IMAP4rev2.
        word: of the old form.
        place: the mailbox, where the answer is to name it; then nothing is said where nothing is found.

    Raises:
        MailframeError: a temporary one.
    """
    meant = (returns or ALL).meant(found.uids)
    modseq = None
    if asks_modseq(key):
        # Whoever asks for mod-sequences knows CONDSTORE (RFC 7162 section 3.1).
        session.enabled.condstore = True
        modseq = await highest(session.mailbox.mailbox, progress, result, meant)
    if returns is not None and returns.saves:
        session.mailbox.saved = ranges_of(sorted(meant))
        if returns.silent:
            return
    if place is not None and not found.uids:
        return
    numbers = found.uids if by_uid else found.numbers
    if returns is None and session.enabled.rev2 and word == b"SEARCH":
        returns = ALL
    if returns is not None:
        session.write(esearch(session.tag, returns, numbers, by_uid=by_uid, modseq=modseq, place=place))
        return
    end = b" (MODSEQ %d)" % modseq if modseq else b""
    session.write(b"* %b%b%b\r\n" % (word, b"".join([b" %d" % number for number in numbers]), end))


def forget(session: Session, returns: Returns | None) -> None:
    """A command that was to save and says NO leaves nothing saved (RFC 5182 section 2.1)."""
    if returns is not None and returns.saves:
        session.mailbox.saved = ()


async def highest(mailbox: IMailbox, progress: Progress, result: SearchResult, meant: Sequence[int]) -> int:
    """The highest modseq among some of the messages found."""
    if len(meant) == len(result.uids):
        return result.modseq
    most = 0
    for start in range(0, len(meant), WINDOW):
        window = await mailbox.fetch(meant[start : start + WINDOW], Item.FLAGS)
        most = max([most, *(message.modseq for message in window)])
        if not await progress.step(start, len(meant)):
            break
    return most
