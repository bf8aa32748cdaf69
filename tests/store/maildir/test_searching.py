"""SEARCH that reads messages: in slices, so that nobody waits for another's search."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from mailframe.store.hints import LocalHints
from mailframe.store.maildrop import searching
from mailframe.store.maildrop.account import MaildropAccount
from mailframe.store.search_keys import All, And, HeaderContains, Not, Or, TextContains, UIDs

from .fixture import ALICE, MaildirCase, numbered


class OneByOne:
    """Threads that do one piece of work when they are told."""

    def __init__(self, store: Any) -> None:
        self.hints = LocalHints()
        self.waiting: list[Deferred[Any]] = []
        self._store = store

    async def work(self, account: str, function: Any, slow: bool = False) -> Any:
        """Wait, then do it."""
        turn: Deferred[None] = Deferred()
        self.waiting.append(turn)
        await turn
        return await self._store.work(account, function, slow)

    def go_on(self) -> None:
        """Do what waits first."""
        self.waiting.pop(0).callback(None)


class SlicesTests(MaildirCase):
    """A search through many messages."""

    def setUp(self) -> None:
        """Five messages, each of which fills a slice."""
        super().setUp()
        self.deliver(*map(numbered, range(5)))
        self.patch(searching, "SLICE_SECONDS", 0.0)

    def search(self, threads: OneByOne, key: Any) -> Deferred[Any]:
        """Begin to search in INBOX."""

        async def opened() -> Any:
            return await (await MaildropAccount(ALICE, threads).open("INBOX")).search(key)

        return Deferred.fromCoroutine(opened())

    def test_result(self) -> None:
        """Slices give what one go would have given, in order."""
        mailbox = self.opened()
        key = Or(UIDs(((4, 4),)), And((All(), TextContains("message 1"))))
        found = self.wait(mailbox.search(key))
        self.assertEqual(list(found.uids), [2, 4])
        self.assertGreater(found.modseq, 0)
        self.assertEqual(list(self.wait(mailbox.search(HeaderContains("subject", ""))).uids), [1, 2, 3, 4, 5])

    def test_others_have_their_turn(self) -> None:
        """A search that has begun later, and reads less, is over earlier."""
        threads = OneByOne(self.store)
        long = self.search(threads, TextContains("message 3"))
        short = self.search(threads, And((UIDs(((2, 2),)), TextContains("message 1"))))
        while not short.called:
            threads.go_on()
        self.assertEqual(list(self.successResultOf(short).uids), [2])
        self.assertNoResult(long)
        while not long.called:
            threads.go_on()
        self.assertEqual(list(self.successResultOf(long).uids), [4])

    def test_given_up(self) -> None:
        """When a session is gone, nothing more is read for its search."""
        threads = OneByOne(self.store)
        search = self.search(threads, TextContains("message"))
        for _ in range(3):
            threads.go_on()
        self.assertEqual(len(threads.waiting), 1)
        search.cancel()
        self.failureResultOf(search, CancelledError)
        self.assertEqual(len(threads.waiting), 1)

    def steps(self, search: searching.Search, limit: int = 1000) -> int:
        """Go on with a search in INBOX; gives the slices that it took, not more than the limit."""
        mailbox = self.opened()
        for count in range(1, limit + 1):
            if self.wait(
                self.store.work(ALICE, lambda drop: search.step(drop, mailbox.mailbox_id), slow=True)
            ):
                return count
        return limit

    def test_long_message(self) -> None:
        """A long message is read in several slices, whatever becomes of the open account in between."""
        (uid,) = self.append(b"Subject: long\r\n\r\n" + b"filler words\r\n" * 80_000 + b"the end\r\n")
        search = searching.Search(And((UIDs(((uid, uid),)), TextContains("the end"))))
        original, begun = searching.source_of, []

        def source_of(drop: Any, *place: Any) -> Any:
            begun.append(drop)
            return original(drop, *place)

        self.patch(searching, "source_of", source_of)
        self.assertEqual(self.steps(search, 5), 5)
        self.store._slow._shelf.forget(ALICE)
        self.assertGreater(self.steps(search), 10)
        self.assertEqual((len(begun), len(set(begun))), (2, 2))
        self.assertEqual(list(search.result.uids), [uid])

    def test_long_message_goes(self) -> None:
        """A message that is expunged while it is read is not found."""
        (uid,) = self.append(b"Subject: long\r\n\r\n" + b"filler words\r\n" * 80_000 + b"the end\r\n")
        search = searching.Search(And((UIDs(((uid, uid),)), Not(TextContains("the beginning")))))
        self.assertEqual(self.steps(search, 5), 5)
        self.wait(self.opened().remove([uid]))
        self.steps(search)
        self.assertEqual(list(search.result.uids), [])

    def test_mailbox_goes(self) -> None:
        """A mailbox that is deleted in the middle ends the search with what was found."""
        self.wait(self.account().create("Work"))
        self.append(*map(numbered, range(3)), mailbox="Work")
        search = searching.Search(TextContains("message"))
        mailbox = self.opened("Work")
        for _ in range(2):
            self.assertFalse(
                self.wait(self.store.work(ALICE, lambda drop: search.step(drop, mailbox.mailbox_id)))
            )
        self.wait(self.account().delete("Work"))
        self.assertTrue(self.wait(self.store.work(ALICE, lambda drop: search.step(drop, mailbox.mailbox_id))))
        self.assertEqual(list(search.result.uids), [1])
