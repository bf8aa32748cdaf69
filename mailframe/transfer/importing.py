"""A source's mail comes into an account: again and again, until nothing is missing.

Where a mailbox here is new or empty, or has the source's UIDVALIDITY, the source's UIDs are kept, and whoever goes on
after an interruption goes on at UIDNEXT. Otherwise messages get new UIDs, and those that are here already are known
by their EMAILID, which is made from their octets. Nothing has to be remembered between two runs.
"""

from __future__ import annotations

import enum
from collections import Counter
from dataclasses import dataclass, field, replace

from mailframe.message.status import MailframeError
from mailframe.store.interfaces import IMailAccount
from mailframe.store.names import canonical
from mailframe.store.values import INBOX, SEPARATOR, Item, MailboxStatus, Message, TakenMailbox, TakenMessage

from .values import (
    Folder,
    FolderOutcome,
    Known,
    Outcome,
    Progress,
    Source,
    TransferError,
    digest,
    email_id,
    no_progress,
)

BATCH_MESSAGES = 200
BATCH_OCTETS = 16 * 1024 * 1024
"""What is made durable at once."""
PAGE = 1000
_KNOWN = Item.FLAGS | Item.DATE | Item.IDENTITY | Item.UIDL


class Import:
    """One import.

    Args:
        source: where mail comes from.
        account: where it goes.
        into: a name that all mailboxes are put below; INBOX becomes this one itself. "" for their own names.
        new_uids: give messages new UIDs in any case, and pass over those whose octets are here.
        dry_run: read all, and change nothing.
        progress: told what was done.
    """

    def __init__(
        self,
        source: Source,
        account: IMailAccount,
        *,
        into: str = "",
        new_uids: bool = False,
        dry_run: bool = False,
        progress: Progress = no_progress,
    ) -> None:
        self._source = source
        self._account = account
        self._into = into
        self._new_uids = new_uids
        self._dry_run = dry_run
        self._progress = progress
        self._outcome = Outcome()

    async def run(self) -> Outcome:
        """Do it.

        Raises:
            TransferError: the source cannot be read, or is damaged; what came before stays.
            MailframeError: the store refuses something; what came before stays.
        """
        for folder in self._source.folders():
            outcome = await self._take(folder, self.name_of(folder.name))
            self._outcome.folders.append(outcome)
        await self._subscribe()
        return self._outcome

    def name_of(self, name: str) -> str:
        """What a mailbox of the source is called here."""
        name = canonical(name)
        if not self._into:
            return name
        return self._into if name == INBOX else f"{self._into}{SEPARATOR}{name}"

    async def _take(self, folder: Folder, name: str) -> FolderOutcome:
        status = await _status(self._account, name)
        taken = folder.taken
        occupied = status is not None and status.messages and status.uidvalidity != taken.uidvalidity
        if self._new_uids or occupied:
            taken = TakenMailbox()
        there = await _There.look(self._account, name, status, bool(taken.uidvalidity))
        outcome = FolderOutcome(name, identity=bool(taken.uidvalidity))
        if not self._dry_run:
            # UIDNEXT comes last: until then it says how far we are.
            await self._account.take_over(name, replace(taken, uidnext=0, highestmodseq=0))
        batch = _Batch(self, name, replace(taken, uidnext=0, highestmodseq=0), outcome)
        try:
            for message in self._source.messages(folder, there.known):
                await self._message(message, there, batch, outcome)
            await batch.send()
        finally:
            batch.discard()
        if not self._dry_run and taken.uidvalidity:
            await self._account.take_over(name, taken)
        return outcome

    async def _message(
        self, message: TakenMessage, there: _There, batch: _Batch, outcome: FolderOutcome
    ) -> None:
        if not outcome.identity:
            message = replace(message, uid=0, modseq=0)
        if message.content is not None and not message.email_id:
            message = replace(message, email_id=email_id(digest(message.content)))
        state = there.state_of(message)
        if state is _State.OTHER:
            _discard(message)
            raise TransferError(
                f"{batch.name} has other mail under UIDs of the source, and nothing is put over it: import with "
                "new UIDs, or below another name"
            )
        if state is _State.NEW and message.content is not None:
            outcome.messages += 1
            self._outcome.octets += message.content.size
            await batch.add(message)
        elif state is _State.CHANGED:
            outcome.updated += 1
            await batch.add(message)
        else:
            _discard(message)
            outcome.kept += state is _State.SAME
            outcome.absent += state is _State.ABSENT
            self._progress(batch.name, 1)

    async def put(self, name: str, taken: TakenMailbox, messages: list[TakenMessage]) -> None:
        """Make messages durable here."""
        if not self._dry_run:
            await self._account.take_over(name, taken, messages)
        self._progress(name, len(messages))

    async def _subscribe(self) -> None:
        subscriptions = self._source.subscriptions()
        if subscriptions is None or self._dry_run:
            return
        for name in sorted(subscriptions):
            try:
                await self._account.subscribe(self.name_of(name), True)
            except MailframeError as error:
                self._outcome.differences.append(f"{name!r} cannot be subscribed to: {error.reason}")


class _State(enum.Enum):
    """Where a message of the source stands here."""

    NEW = enum.auto()
    SAME = enum.auto()
    CHANGED = enum.auto()
    """It has other flags there."""
    ABSENT = enum.auto()
    """Its UID was given, and is not here: it was expunged."""
    OTHER = enum.auto()
    """Another message has its UID."""


@dataclass(slots=True)
class _Batch:
    """Messages that are put in together."""

    put: Import
    name: str
    taken: TakenMailbox
    outcome: FolderOutcome
    _messages: list[TakenMessage] = field(default_factory=list)
    _octets: int = 0

    async def add(self, message: TakenMessage) -> None:
        """One more; all are sent when there are enough."""
        self._messages.append(message)
        self._octets += message.content.size if message.content is not None else 0
        if len(self._messages) >= BATCH_MESSAGES or self._octets >= BATCH_OCTETS:
            await self.send()

    async def send(self) -> None:
        """Put in what waits."""
        if self._messages:
            await self.put.put(self.name, self.taken, self._messages)
        self.discard()

    def discard(self) -> None:
        """Give their content back."""
        for message in self._messages:
            _discard(message)
        self._messages, self._octets = [], 0


@dataclass(slots=True)
class _There:
    """What a mailbox here has already: by UID where UIDs are the source's, else by EMAILID."""

    uidnext: int = 1
    by_uid: dict[int, Message] = field(default_factory=dict)
    by_email_id: Counter[str] = field(default_factory=Counter)
    uidls: set[str] = field(default_factory=set)

    @classmethod
    async def look(
        cls, account: IMailAccount, name: str, status: MailboxStatus | None, identity: bool
    ) -> _There:
        there = cls()
        if status is None or not status.messages:
            return there
        mailbox = await account.open(name, read_only=True)
        try:
            snapshot = await mailbox.snapshot()
            for start in range(0, len(snapshot.uids), PAGE):
                for message in await mailbox.fetch(snapshot.uids[start : start + PAGE], _KNOWN):
                    if identity:
                        there.by_uid[message.uid] = message
                    else:
                        there.by_email_id[message.email_id] += 1
                        there.uidls.add(message.uidl)
        finally:
            mailbox.close()
        if identity:
            there.uidnext = snapshot.uidnext
        return there

    @property
    def known(self) -> Known:
        """What the source need not fetch."""
        return Known(self.uidnext, frozenset(self.uidls - {""}))

    def state_of(self, message: TakenMessage) -> _State:
        """Is it here? Each EMAILID counts as often as it is here: a mailbox may have a message twice."""
        if not message.uid:
            if message.content is None:
                return _State.SAME
            if self.by_email_id[message.email_id] <= 0:
                return _State.NEW
            self.by_email_id[message.email_id] -= 1
            return _State.SAME
        if message.uid >= self.uidnext:
            return _State.NEW
        here = self.by_uid.get(message.uid)
        if here is None:
            return _State.ABSENT
        if message.internal_date and here.internal_date != message.internal_date:
            return _State.OTHER
        return _State.CHANGED if here.flags != message.flags or message.modseq > here.modseq else _State.SAME


def _discard(message: TakenMessage) -> None:
    if message.content is not None:
        message.content.body.discard()


async def _status(account: IMailAccount, name: str) -> MailboxStatus | None:
    try:
        return await account.status(name)
    except MailframeError as error:
        if error.status.word != "NONEXISTENT":
            raise
        return None
