"""What UIDL tells of messages that came from another server."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.content import Content
from mailframe.pop3.maildrop import open_maildrop
from mailframe.store.memory import MemoryStore
from mailframe.store.values import INBOX, TakenMailbox, TakenMessage
from mailframe.testing.store import describe
from mailframe.testing.store.fixture import HELLO


class UidlTests(SynchronousTestCase):
    """Names of another server's making."""

    def test_names(self) -> None:
        """A message that another server has named keeps its name; others have one made of UID and UIDVALIDITY."""
        found = self.successResultOf(Deferred.fromCoroutine(self.names()))
        self.assertEqual(found, ["UID1-77", f"{9:08x}{4711:08x}"])

    async def names(self) -> list[str]:
        store = MemoryStore(describe)
        account = await store.account("alice@example.test")
        messages = [TakenMessage(Content.of(HELLO), 5, uidl="UID1-77"), TakenMessage(Content.of(HELLO), 9)]
        await account.take_over(INBOX, TakenMailbox(4711), messages)
        maildrop = await open_maildrop(account)
        return [maildrop.unique_id(number) for number in maildrop.numbers()]
