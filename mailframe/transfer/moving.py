"""An account moves to another store while its owner works: ``mailframe mailbox move``.

It is copied while it is used, again and again until little is left. Then the directory says that it is held:
sessions end, logins and mail are told to come again, for the seconds that the last copy takes. Then the directory
says where it is now. Until that moment the old place is the one that counts, and whatever fails leaves it so; from
that moment on it is the new one. Mail that was put into the old place all the same, by a program that knew nothing of
the directory, is brought after it.

Whoever works on an account renews the hold; when that program dies, the hold ends by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final, Protocol

from mailframe.directory.entries import Put, account_key
from mailframe.directory.entry_interfaces import IDirectoryEntries
from mailframe.directory.values import Account, Credential
from mailframe.message.status import MailframeError
from mailframe.store.interfaces import IMailAccount
from mailframe.store.values import TakenMailbox

from .converting import Conversion
from .reading import messages
from .values import Progress, TransferError, no_progress

SETTLE: Final = 8.0
"""Seconds until everybody has heard of the hold and sessions have ended: a worker looks once a second, and gives
sessions five seconds to finish what they are in the middle of."""
LEASE: Final = 120
"""Seconds after which a hold ends that is not renewed."""
MARGIN: Final = 4
"""A hold with less left than this part of it is not relied on any more: clocks of nodes may differ."""
ROUNDS: Final = 10
SMALL: Final = 100
"""Changes between two rounds that are few enough to stop for."""


class Time(Protocol):
    """What a move needs of time."""

    def time(self) -> float:
        """Seconds since 1970."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


@dataclass(slots=True)
class MoveOutcome:
    """What became of a move.

    Attributes:
        account: its name.
        origin: where it was; "" where that followed from its name.
        rounds: how often it was copied.
        messages: that were copied.
        octets: of these.
        held: seconds that it could not be used.
        late: messages that came to the old place afterwards, and were brought after it.
    """

    account: str
    origin: str = ""
    rounds: int = 0
    messages: int = 0
    octets: int = 0
    held: float = 0.0
    late: int = 0


class Move:
    """One move.

    Args:
        account: canonical name.
        to: the store it moves to, as the directory calls it.
        entries: the directory.
        source: opens the account at its old place, for reading; called for each round.
        image: the account in the store it moves to.
        time: the clock.
        actor: who does it, for the directory's history.
        settle: seconds until a hold is known everywhere.
        lease: seconds after which a hold ends that is not renewed; more than ``settle``.
        progress: told what was done.
    """

    def __init__(
        self,
        account: str,
        to: str,
        entries: IDirectoryEntries,
        source: Callable[[], IMailAccount],
        image: IMailAccount,
        time: Time,
        *,
        actor: str = "move",
        settle: float = SETTLE,
        lease: int = LEASE,
        progress: Progress = no_progress,
    ) -> None:
        self._to = to
        self._entries = entries
        self._source = source
        self._image = image
        self._time = time
        self._actor = actor
        self._settle = settle
        self._lease = lease
        self._progress = progress
        self._outcome = MoveOutcome(account)
        self._held: Credential | None = None

    async def run(self) -> MoveOutcome:
        """Do it.

        Raises:
            TransferError: it cannot be done, or not now; the account is where it was.
            MailframeError: a store or the directory refuses something; likewise.
        """
        found = self._present()
        await self._copy_in_use()
        begun = self._time.time()
        self._hold(found)
        try:
            self._wait(self._settle)
            await self._copy_at_rest()
            ends = await self._ends()
            self._switch()
        except BaseException:
            self._release()
            raise
        self._outcome.held = self._time.time() - begun
        self._time.sleep(self._settle)
        await self._bring_late(ends)
        return self._outcome

    def _present(self) -> Credential:
        found = self._entries.entry(account_key(self._outcome.account))
        if not isinstance(found, Credential):
            raise TransferError(f"There is no account {self._outcome.account} in the directory.")
        account = found.account
        if account.store == self._to:
            raise TransferError(f"{account.name} is at {self._to} already.")
        if account.is_held(self._time.time()):
            raise TransferError(f"{account.name} is held: {account.hold}. Try again when that is over.")
        self._outcome.account, self._outcome.origin = account.name, account.store
        return found

    # Copying.

    async def _copy_in_use(self) -> None:
        before = 0
        for number in range(ROUNDS):
            changes = await self._round()
            if changes <= SMALL or (number and changes >= before):
                return
            before = changes

    async def _copy_at_rest(self) -> None:
        for _ in range(ROUNDS):
            self._renew()
            if not await self._round():
                return
        raise TransferError(
            f"{self._outcome.account} is still being changed at its old place although it is held: by a program that "
            "does not ask the directory. It stays where it is."
        )

    async def _round(self) -> int:
        """Copy what is lacking; return how much that was."""
        self._outcome.rounds += 1
        with self._opened() as source:
            done = await Conversion(source, self._image, delete=True, progress=self._on).run()
        self._outcome.messages += done.messages
        self._outcome.octets += done.octets
        return sum(folder.messages + folder.updated + folder.removed for folder in done.folders)

    @contextmanager
    def _opened(self) -> Iterator[IMailAccount]:
        source = self._source()
        try:
            yield source
        finally:
            source.close()

    def _on(self, name: str, count: int) -> None:
        if self._held is not None and self._left() < self._lease / 2:
            self._renew()
        self._progress(name, count)

    # What the directory says.

    def _hold(self, found: Credential) -> None:
        until = int(self._time.time()) + self._lease
        account = replace(found.account, hold=f"moving to {self._to}", hold_until=until)
        self._put(replace(found, account=account), found)

    def _renew(self) -> None:
        """Hold on; whoever else has changed the entry meanwhile ends the move.

        Raises:
            TransferError: it was too late: others may have used the mailbox.
        """
        assert self._held is not None
        if self._left() < self._lease / MARGIN:
            raise TransferError(
                f"The hold on {self._outcome.account} ended before the copy was whole. Try again."
            )
        account = replace(self._held.account, hold_until=int(self._time.time()) + self._lease)
        self._put(replace(self._held, account=account), self._held)

    def _switch(self) -> None:
        self._renew()
        assert self._held is not None
        self._put(replace(self._held, account=self._at_rest(self._held, self._to)), self._held)
        self._held = None

    def _release(self) -> None:
        """Leave all as it was. What fails here heals by itself, when the hold ends."""
        held, self._held = self._held, None
        if held is None:
            return
        try:
            self._put(replace(held, account=self._at_rest(held, self._outcome.origin)), held)
        except MailframeError:
            pass
        self._held = None

    def _at_rest(self, held: Credential, store: str) -> Account:
        return replace(held.account, hold="", hold_until=0, store=store)

    def _put(self, entry: Credential, before: Credential) -> None:
        self._entries.apply([Put(entry, instead_of=before)], self._actor)
        self._held = entry

    def _left(self) -> float:
        assert self._held is not None
        return self._held.account.hold_until - self._time.time()

    def _wait(self, seconds: float) -> None:
        self._time.sleep(seconds)
        self._renew()

    # What comes too late.

    async def _ends(self) -> dict[str, tuple[str, int]]:
        """Of each mailbox at the old place, its MAILBOXID and UIDNEXT."""
        ends = {}
        with self._opened() as source:
            for entry in await source.mailboxes():
                if entry.selectable:
                    mailbox = await source.open(entry.name, read_only=True)
                    try:
                        ends[entry.name] = (mailbox.mailbox_id, (await mailbox.snapshot()).uidnext)
                    finally:
                        mailbox.close()
        return ends

    async def _bring_late(self, ends: dict[str, tuple[str, int]]) -> None:
        with self._opened() as source:
            for name, (mailbox_id, uidnext) in ends.items():
                mailbox = await source.open(name, read_only=True)
                try:
                    late = [uid for uid in (await mailbox.snapshot()).uids if uid >= uidnext]
                    if mailbox.mailbox_id == mailbox_id:
                        async for message in messages(mailbox, late):
                            await self._image.take_over(
                                name, TakenMailbox(), [replace(message, uid=0, modseq=0)]
                            )
                            self._outcome.late += 1
                            assert message.content is not None
                            message.content.body.discard()
                finally:
                    mailbox.close()
