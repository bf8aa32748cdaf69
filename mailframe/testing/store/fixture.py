"""What every part of the contract suite stands on: a store, an account, messages, and a way to wait."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from mailframe.message.content import Content, FileBody
from mailframe.message.status import MailframeError
from mailframe.store.hints import LocalHints
from mailframe.store.interfaces import IHints, IMailAccount, IMailbox, IMailStore
from mailframe.store.values import (
    INBOX,
    Delivery,
    Describe,
    Description,
    Flags,
    Item,
    Message,
    NewMessage,
    Span,
)

if TYPE_CHECKING:
    # Typed, which trial's own is not; backends mix this into trial's.
    from unittest import TestCase as _Base
else:
    _Base = object

ALICE = "alice@example.test"
BOB = "bob@example.test"
HELLO = b"From: bob@example.test\r\nTo: alice@example.test\r\nSubject: hello\r\n\r\nHello, Alice.\r\n"
PATIENCE = 10.0
"""Seconds a hint may take before a test gives up."""


def describe(pieces: Iterable[bytes]) -> Description:
    """A description that tells a test which octets were described, and nothing of IMAP."""
    digest, size = hashlib.sha256(), 0
    for piece in pieces:
        digest.update(piece)
        size += len(piece)
    return Description(
        envelope=b"(%d)" % size,
        bodystructure=b"(structure %d)" % size,
        body=b"(body %d)" % size,
        parts=digest.digest(),
    )


def numbered(number: int) -> bytes:
    """A message that differs from those with another number."""
    return b"Subject: message %d\r\n\r\nThis is message %d.\r\n" % (number, number)


def in_file(octets: bytes) -> Content:
    """Content whose body lies in a file, as large messages do when they come in."""
    file = tempfile.TemporaryFile()  # noqa: SIM115
    file.write(octets)
    file.flush()
    return Content(FileBody(cast(BinaryIO, file), len(octets), octets[: 64 * 1024]))


def new(octets: bytes = HELLO, flags: Iterable[str] = (), internal_date: int = 1_600_000_000) -> NewMessage:
    """A message on its way into a mailbox."""
    return NewMessage(Content.of(octets), frozenset(flags), internal_date, "QUEUEID")


class StoreFixture(_Base):
    """Makes a store for each test. A backend's test case says how.

    Attributes:
        threads: does the store work in threads? Then the test against the model runs in a thread too.
        keywords_limit: keywords one mailbox of this store may have.
    """

    threads = False
    keywords_limit = 128

    async def make_store(self, describe: Describe, hints: IHints) -> IMailStore:
        """A new, empty, started store; may be called several times in one test.

        Its mailboxes are `mailframe.store.names.DEFAULT_MAILBOXES`.
        """
        raise NotImplementedError

    async def stop_store(self, store: IMailStore) -> None:
        """Stop a store that `make_store` or `restart_store` made."""
        await cast(Any, store).stop()

    async def restart_store(self, store: IMailStore, describe: Describe, hints: IHints) -> IMailStore:
        """The same mail after a restart; a store that forgets everything answers with itself."""
        return store

    async def second_store(self, store: IMailStore, describe: Describe, hints: IHints) -> IMailStore | None:
        """Another store on the same mail, as another process of the node would have it, stopped by `stop_store`.

        None where there cannot be two, or where a test case does not try that. The test against the model lets both
        work by turns.
        """
        return None

    async def setUp(self) -> None:  # type: ignore[override]
        """Make a store."""
        self.hints = LocalHints()
        self.store = await self.make_store(describe, self.hints)
        self.addCleanup(self._cleaned_up)

    def _cleaned_up(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.stop_store(self.store))

    # Short ways to say what a test needs.

    async def account(self, name: str = ALICE) -> IMailAccount:
        """A session with an account, closed after the test."""
        account = await self.store.account(name)
        self.addCleanup(account.close)
        return account

    async def opened(self, mailbox: str = INBOX, read_only: bool = False, account: str = ALICE) -> IMailbox:
        """A session with a mailbox."""
        return await (await self.account(account)).open(mailbox, read_only)

    async def append(
        self, *messages: NewMessage | bytes, mailbox: str = INBOX, account: str = ALICE
    ) -> list[int]:
        """Append messages; returns their UIDs."""
        made = [new(message) if isinstance(message, bytes) else message for message in messages]
        return list((await (await self.account(account)).append(mailbox, made)).uids)

    async def filled(self, count: int, mailbox: str = INBOX) -> tuple[IMailbox, list[int]]:
        """A mailbox with this many numbered messages, and their UIDs."""
        uids = await self.append(*map(numbered, range(count)), mailbox=mailbox)
        return await self.opened(mailbox), uids

    async def deliver(self, *octets: bytes, account: str = ALICE, mailbox: str = INBOX) -> None:
        """Deliver messages, which must succeed."""
        deliveries = [Delivery(account, new(each), mailbox) for each in octets]
        for status in await self.store.deliver(deliveries):
            self.assertTrue(status.success, status)

    async def names(self, account: str = ALICE) -> list[str]:
        """Names of the mailboxes that are there."""
        entries = await (await self.account(account)).mailboxes()
        return [entry.name for entry in entries if entry.selectable]

    async def uids(self, mailbox: IMailbox) -> list[int]:
        """All UIDs of a mailbox now."""
        return list((await mailbox.snapshot()).uids)

    async def octets(self, mailbox: IMailbox, uid: int) -> bytes | None:
        """One whole message."""
        (octets,) = await mailbox.read([Span(uid)])
        return octets

    async def contents(self, mailbox: IMailbox) -> list[bytes | None]:
        """All whole messages, in UID order."""
        return list(await mailbox.read([Span(uid) for uid in await self.uids(mailbox)]))

    async def flags(self, mailbox: IMailbox) -> dict[int, Flags]:
        """The flags of all messages, by UID."""
        messages = await mailbox.fetch(await self.uids(mailbox), Item.FLAGS)
        return {message.uid: message.flags for message in messages}

    async def refused(self, word: str, awaitable: Awaitable[object]) -> None:
        """It must be refused for good, with this word."""
        try:
            answer = await awaitable
        except MailframeError as error:
            self.assertEqual(error.status.word, word)
            self.assertTrue(error.status.permanent)
        else:
            self.fail(f"{word} was expected, not {answer!r}")

    async def eventually(self, happened: Callable[[], bool]) -> None:
        """Wait until something is so; a store may tell its hints late."""
        from twisted.internet import reactor

        waited = 0.0
        while not happened() and waited < PATIENCE:
            await deferLater(cast(Any, reactor), 0.01)
            waited += 0.01
        self.assertTrue(happened(), "it did not happen in time")


def by_uid(messages: Sequence[Message]) -> dict[int, Message]:
    """Messages by their UIDs."""
    return {message.uid: message for message in messages}
