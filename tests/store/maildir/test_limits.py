"""Quota, bounds, large messages, and what the log and the figures tell."""

from __future__ import annotations

import os
import shutil
from unittest import mock

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailframe.message.content import Content
from mailframe.message.status import MAILBOX_FULL, STORAGE_FULL, UNAVAILABLE, MailframeError
from mailframe.monitor.counters import REGISTRY
from mailframe.store.hints import LocalHints
from mailframe.store.maildir import layout, reading
from mailframe.store.maildir.options import MaildirOptions
from mailframe.store.maildir.store import MaildirStore
from mailframe.store.maildrop.surroundings import Policies
from mailframe.store.quota import Limit, QuotaRules
from mailframe.store.search_keys import All, And, HasFlag, HeaderContains, Not, TextContains, UIDs
from mailframe.store.values import INBOX, SEEN, Delivery, Item, NewMessage, Span
from mailframe.testing.store import describe

from .fixture import ALICE, BOB, MaildirCase, numbered


class QuotaTests(MaildirCase):
    """An account holds no more than its quota."""

    options = MaildirOptions(threads=0, mailboxes_limit=8)
    policies = Policies(quota=QuotaRules(Limit(100)))

    def test_delivery(self) -> None:
        """What does not fit is refused for now; what fits, in the same group, is delivered."""
        large, small = b"x" * 80 + b"\r\n", b"y\r\n"
        self.assertEqual(
            [status.success for status in self.deliver(large, large, small)], [True, False, True]
        )
        self.assertEqual(self.deliver(large), [MAILBOX_FULL])
        self.assertEqual(self.contents(), [large, small])

    def test_append_and_copy(self) -> None:
        """APPEND and COPY past the quota are refused; MOVE needs no room."""
        (uid,) = self.append(b"x" * 60 + b"\r\n")
        message = NewMessage(Content.of(b"x" * 60 + b"\r\n"))
        mailbox = self.opened()
        for work in (self.account().append(INBOX, [message]), mailbox.copy([uid], "Sent")):
            self.assertIs(self.fails(work, MailframeError).status, MAILBOX_FULL)
        self.wait(mailbox.move([uid], "Sent"))

    def test_atomic(self) -> None:
        """An atomic delivery to a full and an empty mailbox is in neither."""
        self.deliver(b"x" * 90 + b"\r\n")
        message = NewMessage(Content.of(b"y" * 20 + b"\r\n"))
        statuses = self.wait(
            self.store.deliver([Delivery(ALICE, message), Delivery(BOB, message)], atomic=True)
        )
        self.assertEqual(statuses, [MAILBOX_FULL, MAILBOX_FULL])
        self.assertEqual(self.contents(account=BOB), [])

    def test_mailboxes(self) -> None:
        """There is a bound on mailboxes."""
        account = self.account()
        self.wait(account.create("a"))
        self.assertEqual(self.fails(account.create("b/c/d"), MailframeError).status.word, "LIMIT")
        self.assertIsNone(next((n for n in self.names() if n.startswith(".b")), None))


class LargeMessageTests(MaildirCase):
    """Messages larger than what is read at once."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(reading, "LARGE", 100)
        self.patch(layout, "LARGE", 100)

    def test_windows_and_description(self) -> None:
        """A large message is described and read window by window, also after it was flagged elsewhere."""
        octets = b"Subject: large\r\n\r\n" + b"0123456789\r\n" * 50
        (uid,) = self.append(octets, flags=[SEEN])
        mailbox = self.opened()
        self.wait(mailbox.snapshot())
        spans = [Span(uid, offset, 64) for offset in range(0, len(octets), 64)]
        self.assertEqual(b"".join(self.wait(mailbox.read(spans))), octets)
        (name,) = self.names("cur")
        os.rename(self.path("cur", name), self.path("cur", name + "T"))
        self.assertEqual(
            self.wait(mailbox.read([Span(uid), Span(uid, 10**6), Span(uid, 5, 2)])),
            [octets, b"", octets[5:7]],
        )

    def test_of_another_program(self) -> None:
        """A large file of another program, with a wrong size in its name, is served with its true size."""
        self.deliver(numbered(1))
        octets = b"Subject: theirs\n\n" + b"0123456789\n" * 50
        self.put("cur", f"1.1.other,S={len(octets)},W=5000:2,S", octets=octets)
        (uid, _) = sorted(self.messages(), reverse=True)
        whole = octets.replace(b"\n", b"\r\n")
        mailbox = self.opened()
        (message,) = self.wait(mailbox.fetch([uid], Item.ENVELOPE))
        self.assertEqual(message.description.envelope, b"(%d)" % len(whole))
        (message,) = self.wait(mailbox.fetch([uid], Item.SIZE))
        self.assertEqual(message.size, len(whole))
        self.assertEqual(self.messages()[uid], whole)
        status = self.wait(self.account().status(INBOX))
        self.assertEqual(status.size, len(whole) + len(numbered(1)))

    def test_gone_for_good(self) -> None:
        """A large message whose file is gone is gone."""
        (uid,) = self.append(b"x" * 500 + b"\r\n", flags=[SEEN])
        mailbox = self.opened()
        os.unlink(self.path("cur", self.names("cur")[0]))
        self.assertEqual(self.wait(mailbox.read([Span(uid)])), [None])
        self.assertEqual(self.wait(mailbox.fetch([uid], Item.ENVELOPE)), [])

    def test_described_once(self) -> None:
        """A description is made once and kept, for a copy too."""
        (uid,) = self.append(b"Subject: x\r\n\r\nx\r\n")
        mailbox = self.opened()
        self.wait(mailbox.copy([uid], "Sent"))
        self.wait(mailbox.fetch([uid], Item.ENVELOPE))
        self.wait(self.opened("Sent").fetch([1], Item.BODYSTRUCTURE))
        self.assertEqual(self.described, 1)


class NamesTests(MaildirCase):
    """Mailbox names that are too long for directories, and directories that are missing."""

    def test_long_names(self) -> None:
        """A mailbox of a very long name is found again when the catalogue was lost."""
        name = "/".join(["a rather long level of a name " * 2] * 8)
        self.wait(self.account().create(name))
        self.append(numbered(1), mailbox=name)
        self.wait(self.account().rename(name, name + " too"))
        self.wait(self.store.stop())
        for file in [each for each in self.names() if each.startswith("catalogue")]:
            os.unlink(self.path(file))
        self.store = self.started()
        self.assertEqual(self.contents(name + " too"), [numbered(1)])

    def test_missing_tmp(self) -> None:
        """Directories that somebody tidied away are made again."""
        self.deliver(numbered(1))
        shutil.rmtree(self.path("tmp"))
        self.assertTrue(self.deliver(numbered(2))[0].success)
        shutil.rmtree(self.path("new"))
        self.assertTrue(self.deliver(numbered(3))[0].success)
        self.assertIn(numbered(3), self.contents())

    def test_directory_in_the_way(self) -> None:
        """A renamed mailbox keeps its directory where another lies already."""
        self.append(numbered(1), mailbox="Sent")
        self.account()
        os.makedirs(self.path(".Gone"))
        self.wait(self.account().rename("Sent", "Gone"))
        self.assertEqual(self.contents("Gone"), [numbered(1)])
        self.restarted()
        self.assertEqual(self.contents("Gone"), [numbered(1)])

    def test_delete_what_has_no_directory(self) -> None:
        """A mailbox whose directory is gone can be deleted."""
        account = self.account()
        shutil.rmtree(self.path(".Sent"))
        self.wait(account.delete("Sent"))
        self.assertEqual(
            [entry.name for entry in self.wait(account.mailboxes()) if entry.selectable], [INBOX]
        )


class SearchTests(MaildirCase):
    """Searches read as little as they can."""

    def found(self, key) -> list[int]:
        return list(self.wait(self.opened().search(key)).uids)

    def test_narrowed(self) -> None:
        """Unseen messages and ranges of UIDs are found by indexes, with the same answers."""
        uids = self.append(*(numbered(n) for n in range(6)))
        self.append(numbered(9), flags=[SEEN])
        unseen = Not(HasFlag("\\seen"))
        self.assertEqual(self.found(unseen), uids)
        self.assertEqual(self.found(And((All(), UIDs(((2, 3), (5, 4_000_000_000))), unseen))), [2, 3, 5, 6])
        self.assertEqual(self.found(UIDs(((1, 4_294_967_295),))), [*uids, 7])
        self.assertEqual(self.found(And((UIDs(((2, 3),)), TextContains("message 2")))), [3])

    def test_wide_ranges(self) -> None:
        """A range of more UIDs than are worth writing out is a range all the same."""
        self.append(numbered(1))
        self.wait(self.store.stop())
        self.store = self.started("boot-2")
        for _ in range(8):
            self.addCleanup(lambda store=self.store: self.wait(store.stop()))
            self.deliver(numbered(2))
            self.store = self.started(f"boot-{id(self.store)}")
        self.assertEqual(len(self.found(UIDs(((1, 4_294_967_295),)))), 9)

    def test_message_that_is_gone(self) -> None:
        """A message whose file has gone matches nothing."""
        self.append(numbered(1), numbered(2), flags=[SEEN])
        mailbox = self.opened()
        os.unlink(self.path("cur", self.names("cur")[0]))
        key = HeaderContains("subject", "")
        self.assertEqual(list(self.wait(mailbox.search(key)).uids), [2])


class ToldTests(MaildirCase):
    """What administrators see."""

    def figure(self, name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(f"mailframe_store_{name}", labels) or 0.0

    def test_log(self) -> None:
        """Each delivered message is one line in the log, with the fields of the house."""
        with capturedLogs() as events:
            self.deliver(numbered(7))
        (event,) = [event for event in events if event.get("queue_id")]
        self.assertEqual(
            [event[field] for field in ("queue_id", "account", "mailbox", "uid", "size")],
            ["Q", ALICE, INBOX, 1, len(numbered(7))],
        )

    def test_figures(self) -> None:
        """Deliveries are counted by outcome, with their octets."""
        before = [
            self.figure("deliveries_total", outcome="delivered"),
            self.figure("deliveries_total", outcome="deferred"),
            self.figure("delivered_octets_total"),
        ]
        self.deliver(numbered(1), numbered(2))
        self.files.break_on("create", code=28)
        self.assertEqual(self.deliver(numbered(3)), [STORAGE_FULL])
        after = [
            self.figure("deliveries_total", outcome="delivered"),
            self.figure("deliveries_total", outcome="deferred"),
            self.figure("delivered_octets_total"),
        ]
        self.assertEqual(
            [new - old for new, old in zip(after, before, strict=True)], [2, 1, 2 * len(numbered(1))]
        )


class StoppedTests(SynchronousTestCase):
    """A store that cannot work says so."""

    def test_unwritable(self) -> None:
        """A directory that this user may not write fails the start with its name."""
        store = MaildirStore(self.mktemp(), describe, LocalHints(), reactor, MaildirOptions(threads=0))
        with mock.patch("os.access", return_value=False), self.assertRaises(PermissionError) as caught:
            store.start().send(None)
        self.assertIn("cannot be written", str(caught.exception))


class BusyTests(TestCase):
    """Too much work at once is answered, not kept."""

    timeout = 30

    async def test_too_much_waits(self) -> None:
        """Past the bound of what may wait, deliveries get a temporary answer; the others are done."""
        self.patch(MaildirStore, "waiting_limit", 10)
        store = MaildirStore(os.path.abspath(self.mktemp()), describe, LocalHints(), reactor)
        await store.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(store.stop()))
        message = NewMessage(Content.of(numbered(1)))
        answers = await gatherResults(
            [Deferred.fromCoroutine(store.deliver([Delivery(ALICE, message)])) for _ in range(50)]
        )
        statuses = [answer[0] for answer in answers]
        self.assertEqual(len([status for status in statuses if status.success]), 10)
        self.assertEqual({status for status in statuses if not status.success}, {UNAVAILABLE})
