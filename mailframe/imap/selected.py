"""The mailbox a session has selected: its view, its flags on the wire, and the announcing of changes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Awaitable, Callable, Sequence

from twisted.internet.interfaces import IReactorTime

from mailframe.message.status import MailframeError, ProtocolError
from mailframe.store.columns import flags_of
from mailframe.store.interfaces import IMailbox
from mailframe.store.refusals import NOPERM as READ_ONLY
from mailframe.store.values import SYSTEM_FLAGS, FlagChange, Flags, Message, Snapshot, Stored
from mailframe.store.view import Announcement, MailboxView

from .contexts import Contexts
from .enabled import UID_REQUIRED, Enabled
from .wire.flags import render_flags
from .wire.responses import status_line
from .wire.resync import vanished
from .wire.sequences import Ranges, SequenceSet, ranges_of

RENDERED_LIMIT = 4096
"""Combinations of flags whose rendering is remembered."""


ANY_KEYWORD = "\\*"
"""Stands for keywords among the flags that may be changed."""


class Selected:
    """One selected mailbox of one session.

    Args:
        mailbox: opened for this session; closed by `close`.
        write: sends octets to the client.
        clock: for the slow look behind the hints.
        poll_interval: seconds after which the mailbox is looked at without a hint.
        enabled: what the client has switched on, which says in what form it is told.

    Attributes:
        view: what the session knows of it; there from `begin` on.
        permitted: among `SYSTEM_FLAGS` and ``\\*`` for keywords, what the client may change; None for all.
        saved: UIDs that the last SEARCH with SAVE found: what ``$`` stands for (RFC 5182).
        contexts: searches that the client is kept informed of.
    """

    view: MailboxView

    def __init__(
        self,
        mailbox: IMailbox,
        write: Callable[[bytes], None],
        clock: IReactorTime,
        poll_interval: float,
        enabled: Enabled,
    ) -> None:
        self.mailbox = mailbox
        self._write = write
        self._clock = clock
        self._poll_interval = poll_interval
        self._enabled = enabled
        self._looked_at = clock.seconds()
        self._keywords: set[str] = set()
        self.permitted: Flags | None = None
        self.saved: Ranges = ()
        self.contexts = Contexts(mailbox, write)
        self._rendered: dict[Flags, bytes] = {}
        self._rendered_recent: dict[Flags, bytes] = {}
        self.tells_flags = True
        self._hinted = False
        self._on_hint: Callable[[], None] | None = None
        self._stop_listening = mailbox.listen(self._hint)

    def begin(self, snapshot: Snapshot) -> None:
        """Start from this; asked of the mailbox after this listens to it, so that nothing falls between."""
        self.view = MailboxView(snapshot)
        self._keywords.update(snapshot.keywords)

    @property
    def read_only(self) -> bool:
        """Was it opened by EXAMINE?"""
        return bool(self.mailbox.read_only)

    def close(self) -> None:
        """The session is done with it."""
        self._on_hint = None
        self._stop_listening()
        self.mailbox.close()

    # Which messages a command means; also what a search program asks (`wire.searching.Resolver`).

    def messages(self, wanted: SequenceSet, by_uid: bool) -> Sequence[int]:
        """The UIDs a command names, by message sequence number or UID, ascending.

        Raises:
            ProtocolError: there is no such message sequence number.
        """
        if wanted.saved:
            return self.view.uids_of_uids(self.saved)
        if not by_uid:
            self._check_numbers()
        find = self.view.uids_of_uids if by_uid else self.view.uids_of_numbers
        return find(wanted.ranges)

    def opening(self, message: Message) -> bytes:
        """How the FETCH response for a message begins; with UIDONLY it is UIDFETCH (RFC 9586 section 3.3)."""
        if self._enabled.uid_only:
            return b"* %d UIDFETCH (" % message.uid
        return b"* %d FETCH (" % self.number(message)

    def number(self, message: Message) -> int:
        """The message sequence number of a message that the session knows."""
        number = self.view.number(message.uid)
        assert number is not None
        return number

    def numbers(self, wanted: SequenceSet) -> Ranges:
        """The UIDs behind message sequence numbers in a search program."""
        if wanted.saved:
            return self.saved
        self._check_numbers()
        return ranges_of(self.view.uids_of_numbers(wanted.ranges))

    def uids(self, wanted: SequenceSet) -> Ranges:
        """The UIDs of a set in a search program."""
        if wanted.saved:
            return self.saved
        uids = self.view.uids
        return wanted.resolve(uids[-1] if uids else 1)

    def now(self) -> int:
        """The time, for searches by age."""
        return int(self._clock.seconds())

    def recent(self) -> Ranges:
        """The UIDs that are ``\\Recent`` in this session."""
        if not self.view.recent_count:
            return ()
        return ranges_of(uid for uid in self.view.uids if self.view.is_recent(uid))

    # Flags.

    def flags(self, message: Message) -> bytes:
        """A message's flags as FETCH shows them; new keywords are announced before (RFC 3501 section 7.2.6)."""
        # IMAP4rev2 knows no \Recent (RFC 9051 section 2.3.2).
        recent = not self._enabled.rev2 and self.view.is_recent(message.uid)
        rendered = self._rendered_recent if recent else self._rendered
        octets = rendered.get(message.flags)
        if octets is None:
            self._learn(message.flags)
            if len(rendered) >= RENDERED_LIMIT:
                rendered.clear()
            octets = rendered[message.flags] = render_flags(message.flags, recent)
        return octets

    def flags_of(self, messages: Sequence[Message]) -> list[bytes]:
        """The flags of some messages as FETCH shows them."""
        if self.view.recent_count:
            return [self.flags(message) for message in messages]
        try:
            return list(map(self._rendered.__getitem__, flags_of(messages)))
        except KeyError:
            return [self.flags(message) for message in messages]

    def write_flags(self) -> None:
        """Say which flags there are, and which can be changed for good."""
        known = render_flags(SYSTEM_FLAGS | self._keywords)
        permanent = b"()" if self.read_only else self._permanent(known)
        self._write(b"* FLAGS %b\r\n" % known)
        self._write(
            status_line(b"OK", "Flags permitted", f"PERMANENTFLAGS {permanent.decode('ascii', 'replace')}")
        )

    def _permanent(self, known: bytes) -> bytes:
        # The asterisk says that new keywords may be made.
        if self.permitted is None:
            return known[:-1] + b" \\*)"
        keywords = self._keywords if ANY_KEYWORD in self.permitted else ()
        flags = render_flags((self.permitted & SYSTEM_FLAGS) | set(keywords))
        return flags[:-1] + b" \\*)" if ANY_KEYWORD in self.permitted else flags

    def _learn(self, flags: Flags) -> None:
        new = flags - SYSTEM_FLAGS - self._keywords
        if new:
            self._keywords |= new
            self.write_flags()

    # Changes.

    async def announce(
        self,
        *,
        expunges: bool,
        look: bool = False,
        tell_new: Callable[[Sequence[int]], Awaitable[None]] | None = None,
    ) -> None:
        """Tell the client what happened.

        Args:
            expunges: may it be told of messages that are gone? Not while it uses message sequence numbers
                (RFC 3501 section 7.4.1).
            look: ask the store even where nothing hints at a change.
            tell_new: tells more of new messages, by their UIDs: behind EXISTS, before what searches are changed by
                them (RFC 5465 section 7).

        Raises:
            MailframeError: the store cannot say; ``NONEXISTENT`` when the mailbox is gone.
        """
        overdue = self._clock.seconds() - self._looked_at >= self._poll_interval
        held_back = expunges and self.view.waiting
        if not (look or self._hinted or overdue or held_back):
            return
        self._hinted = False
        try:
            changes = await self.mailbox.changes(self.view.modseq)
            await self.contexts.look(changes, self.view)
        except BaseException:
            self._hinted = True
            raise
        self._looked_at = self._clock.seconds()
        known = self.view.uidnext
        news = self.view.apply(changes, expunges=expunges)
        self.contexts.before(news)
        self._tell(news)
        try:
            if tell_new is not None and self.view.uidnext > known:
                uids = self.view.uids
                await tell_new(uids[bisect_left(uids, known) :])
        finally:
            self.contexts.after(changes, self.view)

    def changed(self) -> None:
        """This session changed something: look for it at the next opportunity."""
        self._hinted = True

    def listen(self, on_hint: Callable[[], None] | None) -> None:
        """Call back on each hint, until this is called with None."""
        self._on_hint = on_hint

    async def store(
        self,
        uids: Sequence[int],
        change: FlagChange,
        flags: Flags,
        *,
        silent: bool = False,
        unchanged_since: int | None = None,
    ) -> tuple[Sequence[Message], Stored]:
        """Change flags.

        Args:
            uids: of which messages.
            silent: the client does not want to hear of it (``.SILENT``).
            unchanged_since: leave messages alone that changed after this modseq (RFC 7162 section 3.1.3).

        Returns:
            The messages whose flags the client must be told, and what the store says.
            With ``silent`` there are no messages, unless others may have changed something just before; then silence
            would leave the client with wrong flags.

        Raises:
            MailframeError: ``NOPERM``, ``LIMIT`` or a temporary one.
        """
        self.check_writable()
        settled = not self._hinted
        stored = await self.mailbox.store(uids, change, flags, unchanged_since)
        # A modseq that went up by no more than our own change shows that nobody else changed anything between.
        ours_alone = stored.modseq == self.view.modseq + stored.changed
        if ours_alone and not self.contexts:
            # The store need not be asked for what it has just answered; only kept-up searches look at it all.
            self.view.follow(stored.modseq)
        else:
            self.view.told(stored.messages)
        if silent and settled and ours_alone:
            return (), stored
        return stored.messages, stored

    def fetch_flags(self, message: Message, with_uid: bool = True, number: int | None = None) -> bytes:
        """A FETCH response with flags, and with the MODSEQ for clients that know CONDSTORE.

        Args:
            number: the message's, where it is known already.
        """
        enabled = self._enabled
        if enabled.uid_only:
            opening = b"* %d UIDFETCH (" % message.uid
        elif with_uid or enabled.qresync:
            opening = b"* %d FETCH (UID %d " % (number or self.number(message), message.uid)
        else:
            opening = b"* %d FETCH (" % (number or self.number(message))
        if enabled.condstore:
            return b"%bFLAGS %b MODSEQ (%d))\r\n" % (opening, self.flags(message), message.modseq)
        return b"%bFLAGS %b)\r\n" % (opening, self.flags(message))

    def fetch_modseq(self, message: Message) -> bytes:
        """What a client is told that did not want to hear of flags (RFC 7162 section 3.1.3)."""
        uid = b"" if self._enabled.uid_only else b"UID %d " % message.uid
        return b"%b%bMODSEQ (%d))\r\n" % (self.opening(message), uid, message.modseq)

    def check_writable(self) -> None:
        """Refuse what would change a mailbox opened by EXAMINE.

        Raises:
            MailframeError: ``NOPERM``.
        """
        if self.read_only:
            raise MailframeError(READ_ONLY)

    def _tell(self, news: Announcement) -> None:
        if self._enabled.qresync or self._enabled.uid_only:
            pieces = [vanished(ranges_of(news.vanished))]
        else:
            pieces = [b"* %d EXPUNGE\r\n" % number for number in news.expunged]
        if news.exists is not None:
            pieces.append(b"* %d EXISTS\r\n" % news.exists)
        if news.recent is not None and not self._enabled.rev2:
            pieces.append(b"* %d RECENT\r\n" % news.recent)
        if self.tells_flags:
            pieces += [self.fetch_flags(message, number=number) for number, message in news.flags]
        if pieces:
            self._write(b"".join(pieces))

    def _check_numbers(self) -> None:
        if self._enabled.uid_only:
            raise ProtocolError(UID_REQUIRED)

    def _hint(self) -> None:
        self._hinted = True
        if self._on_hint is not None:
            self._on_hint()
