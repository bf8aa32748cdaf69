"""The store in memory: accounts, and deliveries into them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from mailframe.message.status import STORAGE_FULL, UNKNOWN_FAULT, MailframeError, Status
from mailframe.store.flags import KEYWORDS_LIMIT
from mailframe.store.hints import LocalHints
from mailframe.store.interfaces import IHints, IMailStore
from mailframe.store.names import DEFAULT_MAILBOXES, MAILBOXES_LIMIT
from mailframe.store.quota import NO_RULES, QuotaRules, Usage
from mailframe.store.values import Delivery, Describe

from .account import MemoryAccount
from .box import Row, new_row, usage_of
from .maildrop import Maildrop, Surroundings

log = Logger()


@implementer(IMailStore)
class MemoryStore:
    """Mail in memory.

    Args:
        describe: describes a message for IMAP.
        hints: told of changes; `LocalHints` of its own where None.
        clock: tells the time; the machine's where None.
        mailboxes: what a new account has besides INBOX, name to special use.
        quota: how much mail there may be.
        mailboxes_limit: mailboxes an account may have.
        keywords_limit: keywords a mailbox may have.
    """

    def __init__(
        self,
        describe: Describe,
        hints: IHints | None = None,
        clock: IReactorTime | None = None,
        *,
        mailboxes: Mapping[str, str] = DEFAULT_MAILBOXES,
        quota: QuotaRules = NO_RULES,
        mailboxes_limit: int = MAILBOXES_LIMIT,
        keywords_limit: int = KEYWORDS_LIMIT,
    ) -> None:
        seconds: Callable[[], float] = time.time if clock is None else clock.seconds
        self._surroundings = Surroundings(
            describe=describe,
            hints=hints if hints is not None else LocalHints(),
            now=lambda: int(seconds()),
            mailboxes=dict(mailboxes),
            quota=quota,
            mailboxes_limit=mailboxes_limit,
            keywords_limit=keywords_limit,
        )
        self._accounts: dict[str, Maildrop] = {}

    async def start(self) -> None:
        """Nothing to open."""

    async def stop(self) -> None:
        """Nothing to close."""

    async def deliver(self, deliveries: Sequence[Delivery], atomic: bool = False) -> Sequence[Status]:
        """See `IMailStore.deliver`."""
        waiting: dict[tuple[str, str], Usage] = {}
        prepared = [self._prepared(delivery, waiting) for delivery in deliveries]
        _share_email_ids(deliveries, prepared)
        failures = [status for status in prepared if isinstance(status, Status)]
        if atomic and failures:
            return [failures[0]] * len(deliveries)
        return [
            row if isinstance(row, Status) else self._maildrop(delivery.account).deliver(delivery, row)
            for delivery, row in zip(deliveries, prepared, strict=True)
        ]

    async def account(self, name: str) -> MemoryAccount:
        """See `IMailStore.account`."""
        return MemoryAccount(self._maildrop(name))

    async def remove_account(self, name: str) -> None:
        """See `IMailStore.remove_account`."""
        maildrop = self._accounts.pop(name, None)
        if maildrop is not None:
            for box in tuple(maildrop.boxes.values()):
                maildrop.discard(box)

    async def room(self, account: str) -> Status | None:
        """See `IMailStore.room`."""
        try:
            if account in self._accounts:
                self._accounts[account].check_quota(Usage(1, 1))
        except MailframeError as error:
            return error.status
        return None

    def _maildrop(self, name: str) -> Maildrop:
        maildrop = self._accounts.get(name)
        if maildrop is None:
            maildrop = self._accounts[name] = Maildrop(name, self._surroundings)
        return maildrop

    def _prepared(self, delivery: Delivery, waiting: dict[tuple[str, str], Usage]) -> Row | Status:
        try:
            row = new_row(delivery.message, self._surroundings.now())
            maildrop = self._maildrop(delivery.account)
            box = maildrop.target(delivery)
            places, usage = [(maildrop.name, ""), (maildrop.name, box.name)], usage_of([row])
            account, mailbox = (waiting.get(place, Usage()) + usage for place in places)
            maildrop.check_quota(account)
            maildrop.check_box(box, mailbox)
            waiting.update(zip(places, (account, mailbox), strict=True))
        except MailframeError as error:
            return error.status
        except OSError as error:
            log.error(
                "the content of {queue_id} cannot be read: {error}", error=error, queue_id=_id(delivery)
            )
            return STORAGE_FULL
        except Exception:
            log.failure("a delivery of {queue_id} failed", queue_id=_id(delivery))
            return UNKNOWN_FAULT
        return row


def _share_email_ids(deliveries: Sequence[Delivery], prepared: Sequence[Row | Status]) -> None:
    """Equal messages of one delivery have one EMAILID (RFC 8474 section 5.1)."""
    known: dict[tuple[int, bytes], str] = {}
    for delivery, row in zip(deliveries, prepared, strict=True):
        if isinstance(row, Row):
            content = delivery.message.content
            row.email_id = known.setdefault((id(content.body), content.prefix), row.email_id)


def _id(delivery: Delivery) -> str:
    return delivery.message.queue_id
