"""SEARCH by the index of texts: the same answers as by reading messages, whatever becomes of the index."""

from __future__ import annotations

import base64
import os
from itertools import pairwise
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from mailframe.store.maildir.folders import CATALOGUE
from mailframe.store.maildrop import filling, searching, texts
from mailframe.store.search_keys import (
    And,
    Dated,
    HasFlag,
    HeaderContains,
    Not,
    Or,
    SearchKey,
    TextContains,
    UIDs,
)
from mailframe.store.text.sqlite.index import path_of
from mailframe.store.values import DELETED, SEEN, FlagChange

from .fixture import ALICE, MaildirCase

WORDS = ["apple", "Äpfel", "PEAR", "ear", "a b", "é", "<b>", "subject", ":", "1", ""]


def message(number: int) -> bytes:
    """A message in one of several forms, with some of the words."""
    words = [word for at, word in enumerate(WORDS) if number >> (at % 5) & 1 or number % 11 == at]
    text = " ".join((*words, f"unique {number}."))
    head = f"Subject: {text} {number}\r\nX-Number: {number}\r\nDate: {number % 28 + 1} Mar 2020 10:00:00 +0000\r\n"
    octets = head.encode()
    match number % 4:
        case 0:
            return octets + b"\r\n" + text.encode("utf-8") + b"\r\n"
        case 1:
            encoded = base64.encodebytes(text.encode("utf-8")).replace(b"\n", b"\r\n")
            return octets + (
                b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
                + encoded
            )
        case 2:
            return octets + (
                b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n"
                b"<p>ap<i>ple</i>"
                + text.encode("utf-8")
                + b"</p>\r\n--b\r\nContent-Type: image/png; name=pear.png"
                b"\r\n\r\nxx\r\n--b--\r\n"
            )
    return b"X-Odd\r\nno header at all " + octets + b"\r\n" + text.encode("utf-16")


LEAVES: st.SearchStrategy[SearchKey] = st.one_of(
    st.builds(TextContains, st.sampled_from(WORDS), st.booleans()),
    st.builds(HeaderContains, st.sampled_from(["Subject", "x-number", "x-none"]), st.sampled_from(WORDS)),
    st.builds(Dated, st.just("sent"), st.none() | st.just(737_490), st.none() | st.just(737_500)),
    st.just(HasFlag(SEEN)),
    st.just(Not(HasFlag(SEEN))),
    st.builds(lambda first: UIDs(((first, first + 9),)), st.integers(1, 40)),
)
KEYS = st.recursive(
    LEAVES,
    lambda keys: st.one_of(
        st.builds(Not, keys),
        st.builds(Or, keys, keys),
        st.builds(And, st.lists(keys, min_size=1, max_size=3).map(tuple)),
    ),
    max_leaves=5,
)


class FullTextCase(MaildirCase):
    """An account whose mailbox is large enough for the index."""

    def setUp(self) -> None:
        """Forty messages; three of them are few."""
        super().setUp()
        self.patch(texts, "FEW", 3)
        self.patch(searching, "NEAR", 2)
        self.append(*map(message, range(40)))
        self.mailbox = self.opened()

    @property
    def catalogue(self) -> str:
        """Where the account's catalogue is."""
        return self.path(CATALOGUE)

    def find(self, key: SearchKey) -> list[int]:
        """UIDs that match."""
        return list(self.wait(self.mailbox.search(key)).uids)

    def without_index(self, key: SearchKey) -> list[int]:
        """UIDs that match when messages are read."""
        few, texts.FEW = texts.FEW, 1_000_000
        try:
            return self.find(key)
        finally:
            texts.FEW = few

    def in_drop(self, function: Any) -> Any:
        """Call a function with the open account."""
        return self.wait(self.store.work(ALICE, function, slow=True))

    def covered(self) -> int:
        """How far the index has got in INBOX."""
        found: int = self.in_drop(lambda drop: drop.catalogue.texts.covered(drop.find("INBOX")))
        return found


class FullTextTests(FullTextCase):
    """The index and the messages say the same."""

    @settings(max_examples=60)
    @given(KEYS)
    def test_same_answers(self, key: SearchKey) -> None:
        """Whatever is asked, the index and the messages say the same."""
        self.assertEqual(self.find(key), self.without_index(key))

    def test_used(self) -> None:
        """Once it is filled, no message is read for a search."""
        self.assertEqual(self.find(TextContains("unique 38.")), [39])
        self.assertEqual(self.covered(), 41)
        self.patch(searching, "source_of", None)
        self.patch(texts, "source_of", None)
        self.assertEqual(self.find(TextContains("unique 38.")), [39])
        self.assertEqual(
            self.find(And((Not(HeaderContains("X-Number", "3")), TextContains("pear.png", False))))[0], 3
        )

    def test_later_messages(self) -> None:
        """Messages that came since are found: a few by reading them, more by way of the index."""
        self.find(TextContains("1"))
        for more in (2, 10):
            uids = self.append(*[b"Subject: later\r\n\r\nzebra\r\n"] * more)
            self.assertEqual(self.find(TextContains("zebra"))[-more:], uids)
        self.assertEqual(self.covered(), 53)

    def test_gone_messages(self) -> None:
        """Expunged messages are not found, and what is moved is found where it is."""
        self.find(TextContains("1"))
        self.wait(self.mailbox.store([1, 2], FlagChange.ADD, {DELETED}))
        self.wait(self.mailbox.expunge())
        moved = list(self.wait(self.mailbox.move(range(3, 30), "Sent")).target)
        self.assertEqual(self.find(HeaderContains("x-number", "")), list(range(30, 41)))
        self.mailbox = self.opened("Sent")
        self.assertEqual(
            self.find(HeaderContains("x-number", "")), self.without_index(HeaderContains("x-number", ""))
        )
        self.assertEqual(len(self.find(TextContains(""))), len(moved))

    def test_mailbox_made_anew(self) -> None:
        """A mailbox that is deleted and made again has nothing of the old one."""
        for words in (b"old", b"new"):
            self.wait(self.account().create("Work"))
            self.append(*[b"Subject: x\r\n\r\n" + words] * 9, mailbox="Work")
            self.mailbox = self.opened("Work")
            self.assertEqual(len(self.find(TextContains(words.decode()))), 9)
            self.assertEqual(len(self.find(Not(TextContains(words.decode())))), 0)
            self.wait(self.account().delete("Work"))

    def test_long_messages(self) -> None:
        """A text that is longer than what is kept is found to its end; a large message is read in pieces."""
        (uid,) = self.append(b"Subject: long\r\n\r\n" + b"filler words\r\n" * 80_000 + b"the end\r\n")
        self.append(*map(message, range(5)))
        self.in_drop(lambda drop: texts.fill(drop))
        read: list[int | None] = []
        layout = self.in_drop(lambda drop: drop.layout)
        original = layout.read

        def measured(mailbox: Any, row: Any, offset: int = 0, length: int | None = None) -> Any:
            octets = original(mailbox, row, offset, length)
            read.append(len(octets))
            return octets

        self.patch(layout, "read", measured)
        self.assertEqual(self.find(TextContains("the end")), [uid])
        self.assertLess(max(read), 100_000)
        self.assertEqual(self.find(And((TextContains("filler"), Not(TextContains("the end"))))), [])

    def test_index_fails(self) -> None:
        """Where the index cannot be reached, or is damaged, SEARCH answers all the same."""
        self.find(TextContains("unique 38."))
        with open(path_of(self.catalogue), "r+b") as file:
            file.write(b"\xff" * os.path.getsize(path_of(self.catalogue)))
        self.store._slow._shelf.forget(ALICE)
        self.assertEqual(self.find(TextContains("unique 38.")), [39])
        self.store._slow._shelf.forget(ALICE)
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(path_of(self.catalogue) + suffix):
                os.remove(path_of(self.catalogue) + suffix)
        os.mkdir(path_of(self.catalogue))
        self.assertEqual(self.find(TextContains("unique 38.")), [39])
        self.assertEqual(self.in_drop(texts.size).messages, 0)

    def test_disk_full(self) -> None:
        """Where there is no room for texts, messages are read; when there is room again, texts are kept."""
        self.in_drop(lambda drop: drop.catalogue.texts._connection.pragma("max_page_count", 1))
        self.append(*[b"Subject: x\r\n\r\n" + b"y" * 50_000] * 4)
        self.assertEqual(self.find(TextContains("unique 38.")), [39])
        self.assertEqual(self.find(TextContains("unique 38.")), [39])
        self.assertEqual(self.covered(), 45)

    def test_another_schema(self) -> None:
        """A file that has lost its tables is made again, as any damaged one."""
        self.find(TextContains("1"))
        for table in ("blocks", "mailboxes"):
            self.in_drop(
                lambda drop, table=table: drop.catalogue.texts._connection.execute(f"DROP TABLE {table}")
            )
            for _ in range(2):
                self.assertEqual(self.find(TextContains("unique 38.")), [39])
            self.assertEqual(self.covered(), 41)

    def test_index_emptied(self) -> None:
        """Where another process empties the index in the middle of a search, messages are read."""
        self.find(TextContains("1"))
        search = searching.Search(TextContains("unique 38."))

        def step(drop: Any) -> bool:
            return search.step(drop, self.mailbox.mailbox_id)

        def empty(drop: Any) -> None:
            drop.catalogue.texts._connection.execute("DELETE FROM mailboxes")

        # First it begins, then it sees that nothing is missing.
        self.assertEqual([self.in_drop(step), self.in_drop(step)], [False, False])
        self.in_drop(empty)
        while not self.in_drop(step):
            pass
        self.assertEqual(list(search.result.uids), [39])

    def test_unreadable_message(self) -> None:
        """A message that we cannot make sense of does not keep others from being found."""
        original = texts.text_of

        def broken(uid: int, source: Any) -> Any:
            if uid == 5:
                raise ZeroDivisionError
            return original(uid, source)

        self.patch(texts, "text_of", broken)
        self.assertEqual(self.find(TextContains("unique 38.")), [39])
        self.assertEqual(
            self.find(HeaderContains("X-Number", "4")), self.without_index(HeaderContains("X-Number", "4"))
        )
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_switched_off(self) -> None:
        """Without the option nothing is kept."""
        self.wait(self.store.stop())
        self.store = self.started(options=attrs.evolve(self.options, full_text=False))
        self.mailbox = self.opened()
        self.assertEqual(self.find(TextContains("unique 38.")), [39])
        self.assertFalse(os.path.exists(path_of(self.catalogue)))


class FillingTests(FullTextCase):
    """The index is filled in the background."""

    def advance(self, seconds: float) -> None:
        """Let time go by, in small steps."""
        for _ in range(int(seconds * 10)):
            self.clock.advance(0.1)

    def test_filled(self) -> None:
        """Some time after mail has come it is in the index, and nothing is left to do."""
        self.advance(filling.DELAY_SECONDS - 1)
        self.assertFalse(os.path.exists(path_of(self.catalogue)))
        self.advance(2)
        self.assertEqual(self.covered(), 41)

    def test_share(self) -> None:
        """After each slice there is a pause, as long as the share of the time asks for."""
        begun: list[float] = []

        def slow(drop: Any) -> tuple[bool, float]:
            begun.append(self.clock.seconds())
            return len(begun) < 4, 0.05

        self.patch(texts, "timed_fill", slow)
        self.advance(60)
        self.assertEqual(len(begun), 4)
        for earlier, later in pairwise(begun):
            self.assertAlmostEqual(later - earlier, 0.5, delta=0.11)

    def test_dropped(self) -> None:
        """Texts of messages that are gone go, too."""
        self.append(*map(message, range(40, 800)))
        self.advance(60)
        self.assertEqual(self.in_drop(texts.size).messages, 800)
        self.wait(self.mailbox.remove(range(1, 791)))
        self.advance(60)
        self.assertLess(self.in_drop(texts.size).messages, 100)
        self.assertEqual(self.find(HeaderContains("X-Number", "798")), [799])

    def test_bounded(self) -> None:
        """What is read at a time is bounded, long headers included, and a slow message ends its slice."""
        self.append(*[b"X-Long: " + b"x " * 100_000 + b"\r\n\r\n"] * 20)
        groups: list[int] = []
        original = texts._keep

        def keep(drop: Any, mailbox: Any, found: Any, first: int, covered: int) -> Any:
            groups.append(sum(len(body) for each in found for _, body in each.fields))
            return original(drop, mailbox, found, first, covered)

        self.patch(texts, "_keep", keep)
        self.patch(texts, "SLICE_SECONDS", 60.0)
        self.in_drop(texts.fill)
        self.assertGreater(sum(groups), 3_000_000)
        self.assertLess(max(groups), 1_300_000)
        self.append(*map(message, range(5)))
        self.patch(texts, "SLICE_SECONDS", 0.0)
        before = self.covered()
        self.in_drop(texts.fill)
        self.assertEqual(self.covered(), before + 1)

    def test_disk_fails(self) -> None:
        """A fault of the disk ends it for now; the next news begins again."""
        self.files.break_on("open")
        self.advance(60)
        self.files.mend()
        self.flushLoggedErrors()
        self.append(message(1))
        self.advance(60)
        self.assertEqual(self.covered(), 42)

    def test_account_goes(self) -> None:
        """An account that is removed meanwhile is no fault."""
        self.wait(self.store.remove_account(ALICE))
        self.advance(60)
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertFalse(os.path.exists(self.path()))

    def test_stopped(self) -> None:
        """A store that was stopped does nothing more."""
        self.wait(self.store.stop())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.store = self.started()
