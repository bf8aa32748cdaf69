"""Searches whose results a session is kept informed of (CONTEXT=SEARCH, RFC 5267).

After a change only the messages that it touched are searched again; what came in or fell out is told, by ADDTO and
REMOVEFROM, around the announcement of the change itself.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mailframe.message.status import MailframeError
from mailframe.store.interfaces import IMailbox
from mailframe.store.search_keys import And, SearchKey, UIDs
from mailframe.store.values import Changes
from mailframe.store.view import Announcement, MailboxView

from .wire.fetching import Attribute
from .wire.responses import quoted, status_line
from .wire.returns import context_update
from .wire.sequences import ranges_of

CONTEXTS_LIMIT = 8
"""Searches one session may be kept informed of."""


@dataclass(slots=True)
class Context:
    """One such search.

    Attributes:
        tag: of its command.
        key: the program.
        by_uid: is it told in UIDs?
        attributes: what is wanted of messages that come in.
        members: UIDs the client believes to be the result, ascending.
        gone: members that are expunged, of which the client has not been told.
    """

    tag: bytes
    key: SearchKey
    by_uid: bool
    attributes: tuple[Attribute, ...]
    members: array[int]
    gone: frozenset[int] = frozenset()

    def found_in(self, uids: Sequence[int]) -> Iterable[int]:
        """Those members that are among these."""
        for first, last in ranges_of(uids):
            yield from self.members[bisect_left(self.members, first) : bisect_right(self.members, last)]

    def change(self, added: Iterable[int], removed: Iterable[int]) -> None:
        """Note what was told."""
        self.members = array("I", sorted(set(self.members).difference(removed).union(added)))


class Contexts:
    """Those of one selected mailbox.

    Args:
        mailbox: is asked again.
        write: sends octets to the client.
    """

    def __init__(self, mailbox: IMailbox, write: Callable[[bytes], None]) -> None:
        self._mailbox = mailbox
        self._write = write
        self._contexts: dict[bytes, Context] = {}
        self._matching: dict[bytes, frozenset[int]] = {}
        self._numbers: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._contexts)

    def __contains__(self, tag: bytes) -> bool:
        return tag in self._contexts

    def begin(
        self,
        tag: bytes,
        key: SearchKey,
        by_uid: bool,
        found: Sequence[int],
        attributes: tuple[Attribute, ...] = (),
    ) -> bool:
        """Keep the session informed from now on; False where it is of too many already."""
        if len(self._contexts) >= CONTEXTS_LIMIT:
            return False
        self._contexts[tag] = Context(tag, key, by_uid, attributes, array("I", found))
        return True

    def cancel(self, tag: bytes) -> None:
        """Not any more; of one that is not known there is nothing to do."""
        self._contexts.pop(tag, None)

    async def look(self, changes: Changes, view: MailboxView) -> None:
        """Before changes are announced: find out what they mean to each search. `before` and `after` tell it."""
        touched = ranges_of(message.uid for message in changes.messages)
        vanished = list(view.known(changes.vanished)) if self._contexts else []
        self._matching.clear()
        for context in list(self._contexts.values()):
            context.gone |= frozenset(context.found_in(vanished))
            if not touched:
                continue
            try:
                found = await self._mailbox.search(And((UIDs(touched), context.key)))
            except MailframeError:
                # What cannot be kept up is given up, and the client knows.
                self.cancel(context.tag)
                self._write(no_update(context.tag, "The search cannot be gone on with"))
                continue
            self._matching[context.tag] = frozenset(found.uids)
        gone = {uid for context in self._contexts.values() for uid in context.gone}
        numbered = ((uid, view.number(uid)) for uid in gone)
        self._numbers = {uid: number for uid, number in numbered if number is not None}

    def before(self, news: Announcement) -> None:
        """Tell of messages that are about to be expunged, by the numbers that they still have."""
        vanished = frozenset(news.vanished)
        for context in self._contexts.values():
            leaving = sorted(context.gone & vanished)
            if leaving:
                numbers = leaving if context.by_uid else [self._numbers[uid] for uid in leaving]
                self._write(context_update(context.tag, b"REMOVEFROM", numbers, by_uid=context.by_uid))
                context.change((), leaving)
                context.gone -= vanished

    def attributes_of(self, uid: int) -> Iterable[Attribute]:
        """What is wanted of a new message by the searches that find it, between `before` and `after`."""
        for context in self._contexts.values():
            if uid in self._matching.get(context.tag, ()):
                yield from context.attributes

    def after(self, changes: Changes, view: MailboxView) -> None:
        """Tell what came in and what fell out, by the numbers that messages have now."""
        for context in self._contexts.values():
            matching = self._matching.get(context.tag)
            if matching is None:
                continue
            touched = [message.uid for message in changes.messages]
            members = set(context.found_in(touched))
            known = {uid for uid in touched if uid not in context.gone and view.number(uid) is not None}
            removed, added = (members & known) - matching, (matching & known) - members
            self._tell(context, view, b"REMOVEFROM", removed)
            self._tell(context, view, b"ADDTO", added)
            if added or removed:
                context.change(added, removed)

    def _tell(self, context: Context, view: MailboxView, word: bytes, uids: Iterable[int]) -> None:
        found = sorted(uids)
        numbers = found if context.by_uid else [view.number(uid) or 0 for uid in found]
        if numbers:
            self._write(context_update(context.tag, word, numbers, by_uid=context.by_uid))


def no_update(tag: bytes, text: str) -> bytes:
    """The response that says that a search is not kept up (RFC 5267 section 4.3.1)."""
    return status_line(b"NO", text, f"NOUPDATE {quoted(tag).decode('ascii')}")
