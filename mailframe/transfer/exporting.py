"""An account's mail goes into a target: files in a form that others read, or an archive."""

from __future__ import annotations

from collections.abc import Collection

from mailframe.store.interfaces import IMailAccount
from mailframe.store.names import canonical
from mailframe.store.values import MailboxEntry, TakenMailbox

from .reading import messages
from .values import Folder, FolderOutcome, Outcome, Progress, Target, TransferError, no_progress


class Export:
    """One export. What comes or goes while it works may or may not be in it; each mailbox is of one moment.

    Args:
        account: whose mail.
        target: where it goes.
        mailboxes: names of those to take; none for all.
        progress: told what was done.
    """

    def __init__(
        self,
        account: IMailAccount,
        target: Target,
        *,
        mailboxes: Collection[str] = (),
        progress: Progress = no_progress,
    ) -> None:
        self._account = account
        self._target = target
        self._wanted = {canonical(name) for name in mailboxes}
        self._progress = progress

    async def run(self) -> Outcome:
        """Do it.

        Raises:
            TransferError: a mailbox asked for is not there.
            MailframeError: the store cannot be read.
            OSError: the target cannot be written.
        """
        outcome = Outcome()
        entries = await self._account.mailboxes()
        try:
            for entry in self._chosen(entries):
                outcome.folders.append(await self._send(entry, outcome))
            subscribed = {entry.name for entry in entries if entry.subscribed}
            if self._wanted:
                subscribed &= self._wanted
            self._target.finish(frozenset(subscribed))
        except BaseException:
            self._target.abandon()
            raise
        return outcome

    def _chosen(self, entries: Collection[MailboxEntry]) -> list[MailboxEntry]:
        selectable = [entry for entry in entries if entry.selectable]
        missing = self._wanted.difference(entry.name for entry in selectable)
        if missing:
            raise TransferError(f"There is no mailbox {sorted(missing)[0]!r}.")
        return [entry for entry in selectable if not self._wanted or entry.name in self._wanted]

    async def _send(self, entry: MailboxEntry, outcome: Outcome) -> FolderOutcome:
        sent = FolderOutcome(entry.name)
        mailbox = await self._account.open(entry.name, read_only=True)
        try:
            snapshot = await mailbox.snapshot()
            taken = TakenMailbox(
                mailbox.uidvalidity, snapshot.uidnext, snapshot.modseq, mailbox.mailbox_id, entry.special_use
            )
            self._target.begin(Folder(entry.name, taken, len(snapshot.uids)))
            async for message in messages(mailbox, snapshot.uids):
                assert message.content is not None
                try:
                    self._target.add(message)
                finally:
                    message.content.body.discard()
                sent.messages += 1
                outcome.octets += message.content.size
                self._progress(entry.name, 1)
        finally:
            mailbox.close()
        return sent
