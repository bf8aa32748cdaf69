"""Files beside messages that other programs read and write: quota and subscriptions."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from mailframe.config.types import Size
from mailframe.store.adoption import maildirsize, subscriptions
from mailframe.store.adoption.maildirsize import Usage
from mailframe.store.maildir.options import MaildirOptions
from mailframe.store.maildrop.surroundings import Policies
from mailframe.store.quota import Limit, QuotaRules

from .fixture import ALICE, MaildirCase, numbered


class QuotaFileTests(MaildirCase):
    """``maildirsize`` tells others how full an account is."""

    options = MaildirOptions(threads=0, mailboxes={}, maildirsize=True, journal_size=Size(256 * 1024))
    policies = Policies(quota=QuotaRules(Limit(100_000, 1000)))

    def told(self) -> Usage:
        with open(self.path("maildirsize"), "rb") as file:
            return maildirsize.read(file.read())

    def test_figures(self) -> None:
        """Soon after a change the file has the limits, and what there is."""
        self.deliver(numbered(1), numbered(2))
        self.clock.advance(2)
        size = len(numbered(1)) + len(numbered(2))
        self.assertEqual(self.told(), Usage(size, 2, 100_000, 1000))
        self.wait(self.opened().remove([1]))
        self.clock.advance(2)
        self.assertEqual(self.told(), Usage(len(numbered(2)), 1, 100_000, 1000))
        with open(self.path("maildirsize"), "rb") as file:
            self.assertEqual(len(file.readlines()), 3)

    def test_own_limit(self) -> None:
        """Others are told the limits that the owner has set, too."""
        self.wait(self.account().set_quota("", Limit(messages=5)))
        self.clock.advance(2)
        self.assertEqual(self.told(), Usage(0, 0, 100_000, 5))
        self.wait(self.account().set_quota("", Limit()))
        self.clock.advance(2)
        self.assertEqual(self.told(), Usage(0, 0, 100_000, 1000))

    def test_others_append(self) -> None:
        """What a delivery program adds for its message is not counted twice."""
        self.deliver(numbered(1))
        self.clock.advance(2)
        self.put("new", "1700000000.1.other", octets=b"Subject: x\n\nbody\n")
        with open(self.path("maildirsize"), "ab") as file:
            file.write(maildirsize.lines([(17, 1)]))
        self.wait(self.account().status("INBOX"))
        self.clock.advance(2)
        self.assertEqual(self.told(), Usage(len(numbered(1)) + 20, 2, 100_000, 1000))

    def test_broken(self) -> None:
        """A file that is no such file is written anew."""
        self.deliver(numbered(1))
        self.put("maildirsize", octets=b"100S\nhalf a li")
        self.clock.advance(2)
        self.assertEqual(self.told().messages, 1)

    def test_length(self) -> None:
        """The file is written anew before it becomes long."""
        for number in range(200):
            self.deliver(numbered(number))
            self.clock.advance(2)
        self.assertEqual(self.told().messages, 200)
        self.assertLess(os.path.getsize(self.path("maildirsize")), 5121)

    def test_fault(self) -> None:
        """That it cannot be written is no reason to refuse mail; the next change tries again."""
        self.deliver(numbered(1))
        self.files.break_on("rename")
        self.clock.advance(2)
        self.files.mend()
        self.assertFalse(os.path.exists(self.path("maildirsize")))
        self.assertEqual(self.names("tmp"), [])
        self.assertTrue(self.deliver(numbered(2))[0].success)
        self.clock.advance(2)
        self.assertEqual(self.told().messages, 2)

    def test_no_quota(self) -> None:
        """Without a quota there is no file."""
        self.deliver(numbered(1))
        self.clock.advance(2)
        self.wait(self.store.stop())
        self.policies = Policies()
        self.store = self.started()
        self.deliver(numbered(2))
        self.clock.advance(2)
        self.assertFalse(os.path.exists(self.path("maildirsize")))


class DovecotSubscriptionTests(MaildirCase):
    """Dovecot's list of subscriptions is kept in step."""

    options = MaildirOptions(threads=0, mailboxes={"Sent": "\\Sent"}, subscriptions="dovecot")

    def setUp(self) -> None:
        super().setUp()
        self.subscribe("Work", True)

    def subscribe(self, name: str, subscribed: bool) -> None:
        self.wait(self.account().subscribe(name, subscribed))

    def subscribed(self) -> set[str]:
        return {entry.name for entry in self.wait(self.account().mailboxes()) if entry.subscribed}

    def listed(self) -> set[str]:
        with open(self.path("subscriptions"), "rb") as file:
            return {"/".join(levels) for levels in subscriptions.read(file.read())}

    def change(self, *names: str) -> None:
        octets = subscriptions.write([tuple(name.split("/")) for name in names])
        self.put("subscriptions", octets=octets)

    def test_written(self) -> None:
        """A change by a session is in the file."""
        self.assertEqual(self.listed(), {"INBOX", "Sent", "Work"})
        self.subscribe("Work", False)
        self.subscribe("Tür/a.b", True)
        self.assertEqual(self.listed(), {"INBOX", "Sent", "T&APw-r/a\\2eb"})

    def test_read(self) -> None:
        """A change in the file is a change here, in both directions, and a session's change keeps it."""
        self.change("INBOX", "News/Python")
        self.assertEqual(self.subscribed(), {"INBOX", "News/Python"})
        self.change("INBOX", "News/Python", "Other")
        self.subscribe("Mine", True)
        self.assertEqual(self.subscribed(), {"INBOX", "News/Python", "Other", "Mine"})
        self.assertEqual(self.listed(), {"INBOX", "News/Python", "Other", "Mine"})

    def test_version(self) -> None:
        """The older form stays the older form."""
        self.put("subscriptions", octets=b"INBOX\nWork.2026\n")
        self.subscribe("More", True)
        with open(self.path("subscriptions"), "rb") as file:
            self.assertEqual(file.read(), b"INBOX\nMore\nWork.2026\n")

    def test_missing(self) -> None:
        """A file that is lost takes nothing away, and comes back with the next change."""
        os.unlink(self.path("subscriptions"))
        self.assertEqual(self.subscribed(), {"INBOX", "Sent", "Work"})
        self.subscribe("More", True)
        self.assertEqual(self.listed(), {"INBOX", "Sent", "Work", "More"})

    def test_fault(self) -> None:
        """What cannot be written is not done."""
        self.files.break_on("rename")
        self.fails(self.account().subscribe("More", True), Exception)
        self.files.mend()
        self.assertEqual(self.subscribed(), {"INBOX", "Sent", "Work"})

    def test_unreadable(self) -> None:
        """While the list cannot be read, mailboxes are listed, and nobody's change is lost."""
        self.change("INBOX", "Theirs")
        self.files.break_on("open")
        self.assertEqual(self.subscribed(), {"INBOX", "Sent", "Work"})
        self.fails(self.account().subscribe("More", True), Exception)
        self.files.mend()
        self.assertEqual(self.subscribed(), {"INBOX", "Theirs"})

    def test_restart(self) -> None:
        """What another program changed while the store was stopped counts."""
        self.wait(self.store.stop())
        self.change("INBOX")
        self.store = self.started()
        self.assertEqual(self.subscribed(), {"INBOX"})

    @given(st.lists(st.sets(st.sampled_from("abcd"), max_size=3), max_size=6))
    def test_any_changes(self, turns: list[set[str]]) -> None:
        """Whoever changes the list last, both have the same."""
        for number, names in enumerate(turns):
            if number % 2:
                self.change(*sorted(names))
            else:
                for name in "abcd":
                    self.subscribe(name, name in names)
            self.assertEqual(self.subscribed() & set("abcd"), names)
            self.assertEqual(self.listed() & set("abcd"), names)


class CourierSubscriptionTests(MaildirCase):
    """Courier's list of subscriptions is kept in step."""

    options = MaildirOptions(threads=0, mailboxes={}, subscriptions="courier")

    def test_both_ways(self) -> None:
        """A session's change is in the file, and one in the file is a change here."""
        self.wait(self.account().subscribe("Work/2026", True))
        with open(self.path("courierimapsubscribed"), "rb") as file:
            self.assertEqual(file.read(), b"INBOX\nINBOX.Work.2026\n")
        self.put("courierimapsubscribed", octets=b"INBOX.News\n")
        found = {entry.name for entry in self.wait(self.account(ALICE).mailboxes()) if entry.subscribed}
        self.assertEqual(found, {"News"})
