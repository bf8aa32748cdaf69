"""One account becomes the image of another, in another store: ``mailframe mailbox convert``.

The account that is converted is only read. What the image lacks comes in with UIDs, MODSEQs and object ids as they
are; flags follow; what is expunged goes. So an interrupted conversion goes on where it was, and one that is run again
takes what happened meanwhile: a large account is converted while the node serves it, and the last run, when the node
is stopped, takes seconds.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from mailframe.message.status import MailframeError
from mailframe.store.identity import object_id
from mailframe.store.interfaces import IMailAccount, IMailbox
from mailframe.store.values import INBOX, Item, MailboxEntry, Message, Snapshot, TakenMailbox, TakenMessage

from .importing import BATCH_MESSAGES, BATCH_OCTETS
from .reading import messages, taken
from .sharing import follow_sharing
from .values import FolderOutcome, Outcome, Progress, TransferError, no_progress

PAGE = 1000


class Conversion:
    """One run.

    Args:
        source: the account as it is.
        image: the account in the other store.
        delete: remove mailboxes of the image that the account does not have (any more).
        dry_run: change nothing, and count.
        progress: told what was done.
    """

    def __init__(
        self,
        source: IMailAccount,
        image: IMailAccount,
        *,
        delete: bool = False,
        dry_run: bool = False,
        progress: Progress = no_progress,
    ) -> None:
        self._source = source
        self._image = image
        self._delete = delete
        self._dry_run = dry_run
        self._progress = progress
        self._outcome = Outcome()

    async def run(self) -> Outcome:
        """Do it.

        Raises:
            TransferError: the image has mail that is not the account's.
            MailframeError: a store refuses something; the next run goes on.
        """
        entries = await self._source.mailboxes()
        await self._remove_others([entry for entry in entries if entry.selectable])
        for entry in entries:
            if entry.selectable:
                self._outcome.folders.append(await self._convert(entry))
        await self._subscribe(entries)
        if not self._dry_run:
            await follow_sharing(
                self._source, self._image, [entry.name for entry in entries if entry.selectable]
            )
        return self._outcome

    # Mailboxes.

    async def _remove_others(self, wanted: Sequence[MailboxEntry]) -> None:
        """Mailboxes that the account does not have: default ones of a new account go, others only when told so."""
        ids = {entry.name: entry.mailbox_id for entry in wanted}
        others = []
        for entry in await self._image.mailboxes():
            if entry.selectable and ids.get(entry.name) != entry.mailbox_id:
                empty = not (await self._image.status(entry.name)).messages
                if not empty:
                    others.append(entry.name)
                elif entry.name not in ids and not self._dry_run:
                    await self._image.delete(entry.name)
        if others and (not self._delete or INBOX in others):
            raise TransferError(
                f"the new store has mail of this account that is not the old one's, in {', '.join(others)}"
            )
        for name in others:
            if not self._dry_run:
                await self._image.delete(name)

    async def _convert(self, entry: MailboxEntry) -> FolderOutcome:
        outcome = FolderOutcome(entry.name)
        source = await self._source.open(entry.name, read_only=True)
        try:
            snapshot = await source.snapshot()
            described = TakenMailbox(source.uidvalidity, 0, 0, source.mailbox_id, entry.special_use)
            if self._dry_run:
                image = await self._open_image(source)
            else:
                await self._image.take_over(entry.name, described)
                image = await self._image.open(entry.name)
            try:
                await _Mailbox(self, entry.name, source, image, snapshot, described, outcome).follow()
            finally:
                if image is not None:
                    image.close()
        finally:
            source.close()
        return outcome

    async def _open_image(self, source: IMailbox) -> IMailbox | None:
        """The mailbox of the image, where a run before this one made it."""
        try:
            image = await self._image.open(source.name, read_only=True)
        except MailframeError as error:
            if error.status.word != "NONEXISTENT":
                raise
            return None
        if image.mailbox_id == source.mailbox_id:
            return image
        image.close()
        return None

    async def _subscribe(self, entries: Sequence[MailboxEntry]) -> None:
        if self._dry_run:
            return
        wanted = {entry.name for entry in entries if entry.subscribed}
        here = {entry.name for entry in await self._image.mailboxes() if entry.subscribed}
        for name in here ^ wanted:
            await self._image.subscribe(name, name in wanted)

    # Messages.

    async def put(self, name: str, taken: TakenMailbox, messages: Sequence[TakenMessage]) -> None:
        """Make messages, flags or numbers durable in the image."""
        if not self._dry_run:
            await self._image.take_over(name, taken, messages)
        self._progress(name, len(messages))

    @property
    def dry_run(self) -> bool:
        """Change nothing."""
        return self._dry_run

    def count_octets(self, octets: int) -> None:
        """So many came over."""
        self._outcome.octets += octets


@dataclass(slots=True)
class _Mailbox:
    """One mailbox and its image."""

    conversion: Conversion
    name: str
    source: IMailbox
    image: IMailbox | None
    snapshot: Snapshot
    described: TakenMailbox
    outcome: FolderOutcome

    async def follow(self) -> None:
        """Make the image what the mailbox was at the snapshot."""
        here, uidnext = await self._here()
        wanted = set(self.snapshot.uids)
        new = [uid for uid in self.snapshot.uids if uid not in here]
        if new and new[0] < uidnext:
            raise TransferError(
                f"{self.name} in the new store is past UID {new[0]}, which it does not have: others used it, or the "
                "machine stopped. Begin anew."
            )
        await self._flags([uid for uid in self.snapshot.uids if uid in here])
        await self._add(new)
        numbers = replace(self.described, uidnext=self.snapshot.uidnext, highestmodseq=self.snapshot.modseq)
        await self.conversion.put(self.name, numbers, [])
        gone = sorted(here - wanted)
        self.outcome.removed = len(gone)
        # Last, so that they are expunged at a modseq that no client has been told of.
        if gone and self.image is not None and not self.conversion.dry_run:
            await self.image.remove(gone)

    async def _here(self) -> tuple[set[int], int]:
        if self.image is None:
            return set(), 1
        snapshot = await self.image.snapshot()
        return set(snapshot.uids), snapshot.uidnext

    async def _flags(self, uids: Sequence[int]) -> None:
        """Messages of the image get the flags and modseqs of the account."""
        for start in range(0, len(uids), PAGE):
            page = uids[start : start + PAGE]
            changed = [message async for message in self._changed(page)]
            self.outcome.updated += len(changed)
            self.outcome.kept += len(page) - len(changed)
            if changed:
                await self.conversion.put(self.name, self.described, changed)

    async def _changed(self, uids: Sequence[int]) -> AsyncIterator[TakenMessage]:
        assert self.image is not None
        facts = Item.FLAGS | Item.IDENTITY
        before: dict[int, Message] = {message.uid: message for message in await self.image.fetch(uids, facts)}
        for message in await self.source.fetch(uids, facts):
            here = before.get(message.uid)
            if here is None:
                continue
            if object_id(message.email_id) not in ("", here.email_id):
                raise TransferError(
                    f"{self.name} in the new store has another message under UID {message.uid}: others used it. "
                    "Begin anew."
                )
            if (here.flags, here.modseq) != (message.flags, message.modseq):
                yield taken(message, None)

    async def _add(self, uids: Sequence[int]) -> None:
        batch: list[TakenMessage] = []
        octets = 0
        try:
            async for message in messages(self.source, uids):
                assert message.content is not None
                batch.append(message)
                octets += message.content.size
                if len(batch) >= BATCH_MESSAGES or octets >= BATCH_OCTETS:
                    await self._send(batch, octets)
                    octets = 0
            await self._send(batch, octets)
        finally:
            _discard(batch)

    async def _send(self, batch: list[TakenMessage], octets: int) -> None:
        if batch:
            await self.conversion.put(self.name, self.described, batch)
            self.outcome.messages += len(batch)
            self.conversion.count_octets(octets)
        _discard(batch)


def _discard(batch: list[TakenMessage]) -> None:
    for message in batch:
        assert message.content is not None
        message.content.body.discard()
    batch.clear()
