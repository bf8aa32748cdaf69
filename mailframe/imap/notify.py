"""What a client wants to hear of without asking: NOTIFY (RFC 5465).

Hints say where something may have changed; then the store is asked, and what is different from what the client was
told is told. That is done between commands and while the client idles, one thing after the other, and a command that
comes meanwhile waits for the one under way. However many hints come, a mailbox is asked once in `DELAY`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailframe.message.status import MailframeError, Status
from mailframe.store.refusals import NONEXISTENT
from mailframe.store.sharing.rights import READ
from mailframe.store.values import ANYTHING, NAMES, MailboxEntry, MailboxStatus

from .mailbox_choice import chooses
from .states import NO_TAG, State
from .wire import notifying as events
from .wire.notifying import SELECTED_DELAYED, EventGroup, Wishes
from .wire.responses import astring, mailbox, mailbox_list, status_line

if TYPE_CHECKING:
    from .session import Session

DELAY = 0.1
"""Seconds between a hint and the question what it is about: what comes in between is told in one go."""
WATCHED_LIMIT = 1000
"""Mailboxes one session may hear of."""
OVERFLOW = Status((5, 3, 4), "These are too many mailboxes to watch", "NOTIFICATIONOVERFLOW")

_Figures = tuple[int, ...]
_NEVER_USED = (0, 1)
"""MESSAGES and UIDNEXT of a mailbox that never had a message."""
_ROOTS = ("/private", "/shared")

log = Logger()


class Notify:
    """What one session hears of without asking.

    Args:
        session: whose.
        wishes: what it wants.
    """

    def __init__(self, session: Session, wishes: Wishes) -> None:
        self._session = session
        self._wishes = wishes
        self._groups = [group for group in wishes.groups if not group.is_selected]
        self._selected: EventGroup | None = next((one for one in wishes.groups if one.is_selected), None)
        self._entries: Mapping[str, MailboxEntry] = {}
        self._by_id: Mapping[str, str] = {}
        self._told: dict[str, _Figures] = {}
        self._annotations: dict[str, dict[str, int]] = {}
        # MAILBOXIDs: a mailbox may be renamed before it is looked at.
        self._due: dict[str, None] = {}
        self._barred: set[str] = set()
        self._names_due = self._selected_due = False
        self._alarm: IDelayedCall | None = None
        self._running: Deferred[None] | None = None
        self._waiting: Deferred[None] | None = None
        self._stop_listening: Callable[[], None] | None = None

    async def begin(self) -> None:
        """Look at how things are, and listen from now on.

        Raises:
            MailframeError: ``NOTIFICATIONOVERFLOW``, or a temporary one.
        """
        account = self._session.mailboxes
        if self._groups:
            self._stop_listening = await account.listen(self._hint)
            await self._list()
            if self._watched_count() > WATCHED_LIMIT:
                raise MailframeError(OVERFLOW)
            await self._tell_access()
            await self._note_annotations()
            if self._wishes.status:
                for name in list(self._entries):
                    await self._look_at(name, begins=True)
        self.selected()

    def stop(self) -> None:
        """The session does not want to hear any more."""
        if self._stop_listening is not None:
            self._stop_listening()
            self._stop_listening = None
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._running is not None:
            self._running.cancel()
        selected = self._session.selected
        if selected is not None:
            selected.tells_flags = True
            if not self._session.idling:
                selected.listen(None)

    # The session calls these.

    @property
    def tells_selected(self) -> bool:
        """Is anything that happens in the selected mailbox to be told? Without a group about it nothing is."""
        return self._selected is not None and bool(self._selected.events)

    def selected(self) -> None:
        """A mailbox was selected, or is while this begins."""
        selected, group = self._session.selected, self._selected
        if selected is not None:
            selected.tells_flags = group is not None and events.FLAG_CHANGE in group.events
            self._listen_to_selected()

    async def wait(self) -> None:
        """A command begins: wait for what is being told."""
        if self._running is not None:
            self._waiting = Deferred()
            await self._waiting

    def resume(self) -> None:
        """A command is over: tell what waits."""
        if not self._session.idling:
            self._listen_to_selected()
        if self._running is None and self._alarm is None and self._has_work() and self._may_speak():
            # What came first in the meantime has its turn before.
            self._alarm = self._session.clock.callLater(DELAY, self._ring)

    def wanted_of_new(self) -> EventGroup | None:
        """What is to be told of each new message in the selected mailbox; None: nothing but that it is there."""
        group = self._selected
        return group if group is not None and group.attributes else None

    # Hints.

    def _hint(self, about: str) -> None:
        if about in (NAMES, ANYTHING):
            self._names_due = True
            if about == ANYTHING:
                self._due.update(dict.fromkeys(self._by_id))
        else:
            # One that is not known may be new, and have mail already.
            self._names_due |= about not in self._by_id
            self._due[about] = None
        self.resume()

    def _selected_hint(self) -> None:
        self._selected_due = True
        self.resume()

    def _listen_to_selected(self) -> None:
        selected = self._session.selected
        if selected is not None and self.tells_selected:
            selected.listen(self._selected_hint)

    def _ring(self) -> None:
        self._alarm = None
        if self._running is not None or not self._may_speak():
            return
        work = Deferred.fromCoroutine(self._tell())
        if not work.called:
            self._running = work
        work.addErrback(self._failed).addBoth(self._told_all)

    def _has_work(self) -> bool:
        return bool(self._names_due or self._selected_due or self._due)

    def _may_speak(self) -> bool:
        session = self._session
        return session.state in (State.AUTHENTICATED, State.SELECTED) and (
            session.tag == NO_TAG or session.idling
        )

    def _told_all(self, _: object) -> None:
        self._running = None
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)

    def _failed(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            log.failure(
                "session {session_id} cannot be notified",
                failure=failure,
                session_id=self._session.session_id,
            )

    # Telling.

    async def _tell(self) -> None:
        session = self._session
        while self._has_work() and self._may_speak() and self._waiting is None:
            # A client that does not read is not written to: what it misses is told in one go later.
            await session.connection.drained()
            if self._selected_due:
                self._selected_due = False
                if not session.idling and self._selected is not None:
                    await session.announce(expunges=self._selected.filter.word != SELECTED_DELAYED)
            elif self._names_due:
                self._names_due = False
                await self._look_at_names()
            else:
                mailbox_id = next(iter(self._due))
                del self._due[mailbox_id]
                await self._look_at(self._by_id.get(mailbox_id, ""))

    async def _look_at(self, name: str, begins: bool = False) -> None:
        """Tell the figures of a mailbox that is not selected, if they are others.

        A hint may come without anything having happened: of a mailbox that never had a message there is no news.
        """
        entry, selected = self._entries.get(name), self._session.selected
        wanted = self._events_of(entry) & events.ABOUT_MESSAGES if entry is not None else frozenset()
        if not wanted or (selected is not None and selected.mailbox.name == name):
            return
        try:
            status = await self._session.mailboxes.status(name)
        except MailframeError as error:
            self._names_due |= error.status.word == NONEXISTENT.word
            return
        figures = _figures(status, events.FLAG_CHANGE in wanted)
        news = begins or name in self._told or figures[:2] != _NEVER_USED
        if self._told.get(name) != figures:
            self._told[name] = figures
            if not news:
                return
            # Who has switched CONDSTORE on is told of the mod-sequence in any case (RFC 5465 section 5.2).
            modseq = status.highestmodseq if self._session.enabled.condstore else None
            self._session.write(_status(self._spelt(name), figures, modseq))

    async def _look_at_names(self) -> None:
        """Tell which mailboxes came and went, and what is noted of them."""
        before, known = self._entries, self._by_id
        await self._list()
        if self._watched_count() > WATCHED_LIMIT:
            self._overflow()
            return
        # What a client was told of a mailbox it knows under the new name, too.
        self._told = {
            self._by_id[entry.mailbox_id]: self._told[name]
            for name, entry in before.items()
            if name in self._told and entry.mailbox_id in self._by_id
        }
        for name, entry in before.items():
            now = self._entries.get(name)
            moved = entry.mailbox_id in self._by_id
            gone = entry.selectable and not moved and (now is None or not now.selectable)
            if gone and events.MAILBOX_NAME in self._events_of(entry):
                self._list_response((b"\\NonExistent",), name)
        for name, entry in self._entries.items():
            self._compare(before.get(name), entry, known.get(entry.mailbox_id, ""))
        await self._tell_access()
        await self._tell_annotations()

    async def _tell_access(self) -> None:
        """Tell of which mailboxes of others nothing can be told: they are seen, but must not be read."""
        session, namespaces = self._session, self._session.surroundings.namespaces
        self._barred &= self._entries.keys()
        for name, entry in self._entries.items():
            if namespaces is None or not entry.selectable or not namespaces.is_foreign(name):
                continue
            if not self._events_of(entry) & events.ABOUT_MESSAGES:
                continue
            try:
                barred = READ not in await session.mailboxes.rights(name, session.mailboxes.name)
            except MailframeError:
                # It has gone meanwhile, which is told by itself.
                continue
            if barred and name not in self._barred:
                self._barred.add(name)
                self._list_response((b"\\NoAccess",), name)
            elif not barred and name in self._barred:
                self._barred.remove(name)
                self._due[entry.mailbox_id] = None

    def _compare(self, before: MailboxEntry | None, now: MailboxEntry, old_name: str) -> None:
        wanted = self._events_of(now)
        attributes = (b"\\Subscribed",) if now.subscribed else ()
        is_new = now.selectable and (before is None or before.mailbox_id != now.mailbox_id)
        if is_new and events.MAILBOX_NAME in wanted:
            self._list_response(attributes, now.name, old_name)
            return
        subscribed = before is not None and before.subscribed
        if subscribed != now.subscribed and events.SUBSCRIPTION_CHANGE in wanted:
            self._list_response(attributes, now.name)

    def _list_response(self, attributes: Sequence[bytes], name: str, old_name: str = "") -> None:
        extended = b'"OLDNAME" (%b)' % self._spelt(old_name) if old_name else b""
        utf8 = self._session.enabled.utf8_names
        self._session.write(mailbox_list(b"LIST", attributes, name, utf8, extended))

    # Annotations: kept as numbers that stand for values, to see which are others.

    async def _note_annotations(self) -> None:
        for name in self._annotated():
            self._annotations[name] = await self._values(name)

    async def _tell_annotations(self) -> None:
        for name in self._annotated():
            before, now = self._annotations.get(name, {}), await self._values(name)
            self._annotations[name] = now
            changed = sorted(
                entry for entry in before.keys() | now.keys() if before.get(entry) != now.get(entry)
            )
            if changed:
                entries = b" ".join([astring(entry.encode("ascii")) for entry in changed])
                self._session.write(b"* METADATA %b %b\r\n" % (self._spelt(name), entries))

    def _annotated(self) -> list[str]:
        """Names whose annotations are watched, "" for the account's."""
        names = [
            name for name, one in self._entries.items() if events.MAILBOX_METADATA in self._events_of(one)
        ]
        server = any(events.SERVER_METADATA in group.events for group in self._groups)
        return ["", *names] if server else names

    async def _values(self, name: str) -> dict[str, int]:
        try:
            found = await self._session.mailboxes.metadata(name or None, _ROOTS, -1)
        except MailframeError:
            return self._annotations.get(name, {})
        return {entry: hash(value) for entry, value in found.items()}

    # What they share.

    async def _list(self) -> None:
        entries = await self._session.mailboxes.mailboxes()
        self._entries = {entry.name: entry for entry in entries}
        self._by_id = {entry.mailbox_id: entry.name for entry in entries if entry.mailbox_id}

    def _events_of(self, entry: MailboxEntry) -> frozenset[str]:
        """What is wanted of a mailbox by the groups that are about it; those behind a NONE do not count."""
        namespaces = self._session.surroundings.namespaces
        wanted: frozenset[str] = frozenset()
        for group in self._groups:
            if chooses(group.filter, entry, namespaces):
                if not group.events:
                    break
                wanted |= group.events
        return wanted

    def _watched_count(self) -> int:
        return sum(1 for entry in self._entries.values() if entry.selectable and self._events_of(entry))

    def _overflow(self) -> None:
        """From here on it is as after NOTIFY NONE (RFC 5465 section 5.8)."""
        self._session.write(status_line(b"OK", OVERFLOW.text, OVERFLOW.word))
        self._groups, self._selected = [], None
        self._due.clear()
        self._names_due = self._selected_due = False
        running, self._running = self._running, None
        self.stop()
        self._running = running
        self.selected()

    def _spelt(self, name: str) -> bytes:
        return mailbox(name, self._session.enabled.utf8_names)


def _figures(status: MailboxStatus, flags: bool) -> _Figures:
    """Figures in the order of `_status`; those that change with flags only where somebody wants to hear of flags."""
    figures = status.messages, status.uidnext, status.uidvalidity
    return (*figures, status.unseen, status.highestmodseq) if flags else figures


def _status(name: bytes, figures: _Figures, modseq: int | None) -> bytes:
    names = (b"MESSAGES", b"UIDNEXT", b"UIDVALIDITY", b"UNSEEN", b"HIGHESTMODSEQ")
    told = [b"%b %d" % pair for pair in zip(names, figures, strict=False)]
    if modseq is not None and len(figures) < len(names):
        told.append(b"HIGHESTMODSEQ %d" % modseq)
    return b"* STATUS %b (%b)\r\n" % (name, b" ".join(told))
