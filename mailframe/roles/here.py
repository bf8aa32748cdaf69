"""A store as sessions and deliveries may use it now: not while an account is held, nor where its mail is elsewhere.

Whoever logs in or sends mail has been asked already; but that may be a while ago when a message has come in whole,
and a proxy may have an old map. Here it is asked again, last of all, so that nothing is put into a mailbox that has
moved.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from zope.interface import implementer

from mailframe.directory.interfaces import IDirectory
from mailframe.directory.refusals import held
from mailframe.message.status import MailframeError, Status
from mailframe.store.interfaces import IMailAccount, IMailStore
from mailframe.store.values import Delivery

ELSEWHERE: Final = Status(
    (4, 2, 1), "The mailbox is at another place now; try again", "UNAVAILABLE", reply_code=451
)


@implementer(IMailStore)
class HereStore:
    """A store with the directory's word in front of it.

    Args:
        store: where the mail is.
        directory: knows who is held, and where mail is.
        name: what the directory calls this store; "" where it does not say.
        seconds: the time, since 1970.
    """

    def __init__(
        self, store: IMailStore, directory: IDirectory, name: str, seconds: Callable[[], float]
    ) -> None:
        self._store = store
        self._directory = directory
        self._name = name
        self._seconds = seconds

    async def start(self) -> None:
        """The store is started by whoever made it."""

    async def deliver(self, deliveries: Sequence[Delivery], atomic: bool = False) -> Sequence[Status]:
        """See `IMailStore.deliver`."""
        refusals = [await self._refusal(delivery.account) for delivery in deliveries]
        if not any(refusals):
            return await self._store.deliver(deliveries, atomic)
        if atomic:
            first = next(refusal for refusal in refusals if refusal is not None)
            return [first.status] * len(deliveries)
        left = [one for one, refusal in zip(deliveries, refusals, strict=True) if refusal is None]
        answers = iter(await self._store.deliver(left) if left else ())
        return [next(answers) if refusal is None else refusal.status for refusal in refusals]

    async def room(self, account: str) -> Status | None:
        """See `IMailStore.room`; there is none where the mailbox cannot be used now."""
        refusal = await self._refusal(account)
        return await self._store.room(account) if refusal is None else refusal.status

    async def account(self, name: str) -> IMailAccount:
        """See `IMailStore.account`."""
        refusal = await self._refusal(name)
        if refusal is not None:
            raise refusal
        return await self._store.account(name)

    async def remove_account(self, name: str) -> None:
        """See `IMailStore.remove_account`."""
        await self._store.remove_account(name)

    async def _refusal(self, name: str) -> MailframeError | None:
        try:
            found = await self._directory.account(name)
        except MailframeError as error:
            return error
        if found is None:
            # Nobody of the directory: whoever asks has a reason, such as an authenticator of its own.
            return None
        if found.is_held(self._seconds()):
            return held(found.hold)
        if self._name and found.store not in ("", self._name):
            return MailframeError(
                ELSEWHERE, f"the mail of {name} is at {found.store}, and this is {self._name}"
            )
        return None
