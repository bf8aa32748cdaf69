"""Folders of Dovecot and Courier are taken over, with what clients know of them."""

from __future__ import annotations

import contextlib
import os
import shutil

import attrs

from mailframe.message.status import MailframeError
from mailframe.pop3.maildrop import open_maildrop
from mailframe.store.maildir.adopting import TAKEN_OVER
from mailframe.store.values import ANSWERED, FLAGGED, INBOX, SEEN, Item

from .fixture import ALICE, MaildirCase, numbered

OCTETS = b"Subject: other\n\nprogram\n"
GUID = "3085f01b7f11094c501100008c4a11c1"


class AdoptingCase(MaildirCase):
    """An account's tree is there before the store sees it."""

    def tree(self, folder: str = "") -> None:
        for name in ("cur", "new", "tmp"):
            os.makedirs(self.path(folder, name), exist_ok=True)

    def write(self, name: str, *lines: str) -> None:
        """A text file of the other program."""
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in lines))

    def dovecot(self, *lines: str, folder: str = "", uidnext: int = 10) -> None:
        """Three messages of Dovecot's, and its list."""
        self.tree(folder)
        self.put(folder, "cur", "1600000001.a.host:2,S", octets=OCTETS)
        self.put(folder, "cur", "1600000002.b.host:2,FRabz", octets=OCTETS)
        self.put(folder, "new", "1600000003.c.host", octets=OCTETS)
        # Their order is not that of the names.
        lines = lines or ("3 :1600000002.b.host:2,F", "5 :1600000001.a.host", "9 :1600000003.c.host")
        self.write(f"{folder}/dovecot-uidlist" if folder else "dovecot-uidlist",
                   f"3 V1234567 N{uidnext} G{GUID}", *lines)  # fmt: skip
        self.write(f"{folder}/dovecot-keywords" if folder else "dovecot-keywords", "0 $Forwarded", "1 Work")

    def courier(self) -> None:
        """Three messages of Courier's, and its lists."""
        self.tree()
        self.put("cur", "1600000001.a.host:2,S", octets=OCTETS)
        self.put("cur", "1600000002.b.host:2,", octets=OCTETS)
        self.put("new", "1600000003.c.host", octets=OCTETS)
        self.write("courierimapuiddb", "1 1234567 10", "3 1600000002.b.host", "5 1600000001.a.host")
        self.write(
            "courierimapkeywords/:list", "Work", "Home", "", "1600000001.a.host:0 1", "1600000002.b.host:1"
        )
        self.write("courierimapkeywords/.7.1600000002.b.host", "New")
        self.write(
            "courierpop3dsizelist",
            "/3 9 777",
            "1600000001.a.host:2,S 26 4:777:0",
            "1600000002.b.host 26 2:555:0",
        )

    def uidls(self) -> list[str]:
        maildrop = self.wait(open_maildrop(self.account()))
        found = [maildrop.unique_id(number) for number in maildrop.numbers()]
        maildrop.close()
        return found

    def subscribed(self) -> set[str]:
        return {entry.name for entry in self.wait(self.account().mailboxes()) if entry.subscribed}


class DovecotTests(AdoptingCase):
    """A tree of Dovecot's."""

    def test_uids(self) -> None:
        """Messages keep UIDVALIDITY, UIDs, flags, keywords and dates, and UIDNEXT goes on from there."""
        self.dovecot()
        os.utime(self.path("cur", "1600000001.a.host:2,S"), (1_500_000_000, 1_500_000_000))
        mailbox = self.opened()
        self.assertEqual(mailbox.uidvalidity, 1234567)
        self.assertEqual(
            self.flags(),
            {3: frozenset({FLAGGED, ANSWERED, "$Forwarded", "Work"}), 5: frozenset({SEEN}), 9: frozenset()},
        )
        (message,) = self.wait(mailbox.fetch([5], Item.DATE | Item.SIZE))
        self.assertEqual((message.internal_date, message.size), (1_500_000_000, 27))
        self.assertEqual(self.wait(self.account().status(INBOX)).uidnext, 10)
        self.assertEqual(self.append(numbered(1)), [10])

    def test_next_uid_of_the_list(self) -> None:
        """UIDs of messages that are gone do not come back."""
        self.dovecot(uidnext=500)
        self.assertEqual(self.append(numbered(1)), [500])

    def test_delivery_comes_first(self) -> None:
        """Mail that comes before anybody looks gets a new UID, and messages that were there keep theirs."""
        self.dovecot()
        self.deliver(numbered(1))
        self.assertEqual(list(self.messages()), [3, 5, 9, 10])

    def test_message_that_is_not_listed(self) -> None:
        """Messages that Dovecot has not seen get new UIDs in their order, behind all others, and are recent."""
        self.dovecot()
        self.put("new", "1500000009.d.host", octets=numbered(9))
        self.put("cur", "1500000008.e.host:2,T", octets=numbered(8))
        snapshot = self.wait(self.opened().snapshot())
        self.assertEqual((list(snapshot.uids), snapshot.recent), ([3, 5, 9, 10, 11], {10, 11}))
        self.assertEqual(self.contents()[3:], [numbered(8), numbered(9)])

    def test_folders(self) -> None:
        """Each folder has its own numbers; one that Dovecot makes later is taken over as well."""
        self.dovecot()
        self.dovecot("7 :1600000001.a.host", folder=".Work.Deep", uidnext=8)
        self.assertEqual(list(self.messages("Work/Deep")), [7, 8, 9])
        self.dovecot("70 :1600000001.a.host", folder=".Later", uidnext=71)
        self.assertEqual(list(self.messages("Later")), [70, 71, 72])
        self.assertEqual(self.opened("Later").uidvalidity, 1234567)

    def test_folder_with_a_special_use(self) -> None:
        """A folder that every account has here is taken over where it is there."""
        self.tree()
        self.dovecot(folder=".Sent")
        self.assertEqual(list(self.messages("Sent")), [3, 5, 9])
        entry = next(entry for entry in self.wait(self.account().mailboxes()) if entry.name == "Sent")
        self.assertEqual(entry.special_use, "\\Sent")

    def test_taken_over_once(self) -> None:
        """When the catalogue is lost later, the old list does not count: UIDs were given out here since."""
        self.dovecot()
        self.assertEqual(list(self.messages()), [3, 5, 9])
        self.assertIn(TAKEN_OVER, self.names())
        self.wait(self.store.stop())
        os.unlink(self.path("catalogue.sqlite"))
        self.store = self.started()
        self.assertNotEqual(self.opened().uidvalidity, 1234567)
        self.assertEqual(len(self.messages()), 3)

    def test_stopped_before_the_first_look(self) -> None:
        """An account that was opened for a delivery only is taken over by whoever comes next."""
        self.dovecot()
        self.deliver(numbered(1))
        self.restarted("boot-2")
        self.assertEqual(list(self.messages())[:3], [3, 5, 9])

    def test_lost_power_supply(self) -> None:
        """When the rows of a first look are lost with the power supply, the next one gives the same UIDs."""
        self.dovecot()
        self.put("new", "1700000000.d.host", octets=numbered(4))
        self.account()
        self.wait(self.store.stop())
        shutil.copy(self.path("catalogue.sqlite"), self.path("before"))
        self.restarted("boot-1")
        before = self.messages()
        self.assertEqual(list(before), [3, 5, 9, 10])
        self.wait(self.store.stop())
        os.replace(self.path("before"), self.path("catalogue.sqlite"))
        self.store = self.started("boot-2")
        after = self.messages()
        self.assertEqual(list(after)[:3], [3, 5, 9])
        # A UID that was told of a message that is not listed is given to no message, not even to that one.
        self.assertTrue(all(after[uid] == before[uid] for uid in set(after) & set(before)))

    def test_sizes_of_the_list(self) -> None:
        """Sizes that the list tells save reading the messages at once, and are checked when they are read."""
        self.dovecot("3 S24 W27 :1600000002.b.host", "5 W99 S24 :1600000001.a.host", "9 :1600000003.c.host")
        for size in (99, 27):
            mailbox = self.opened(read_only=True)
            self.wait(mailbox.snapshot())
            (message,) = self.wait(mailbox.fetch([5], Item.SIZE))
            self.assertEqual(message.size, size)
            self.assertEqual(set(self.contents()), {OCTETS.replace(b"\n", b"\r\n")})

    def test_unreadable_list(self) -> None:
        """While the list cannot be read nobody is told other UIDs, and later they are as they were."""
        self.dovecot()
        self.files.break_on("read")
        self.fails(self.store.account(ALICE), MailframeError)
        self.files.mend()
        self.assertEqual(list(self.messages()), [3, 5, 9])

    def test_broken_list(self) -> None:
        """A list that is none is as good as none: the messages are there, with new numbers."""
        self.dovecot()
        self.write("dovecot-uidlist", "what is this?")
        self.assertEqual(list(self.messages()), [1, 2, 3])
        self.flushLoggedErrors()

    def test_switched_off(self) -> None:
        """Who does not want it has new numbers."""
        self.wait(self.store.stop())
        self.store = self.started(options=attrs.evolve(self.options, adopt=False))
        self.dovecot()
        self.assertEqual(list(self.messages()), [1, 2, 3])
        self.assertEqual(self.subscribed(), {INBOX, "Sent"})

    def test_disk_full(self) -> None:
        """Whatever operation fails while an account is taken over, the next attempt finds it as it was."""
        for number in range(1, 60):
            shutil.rmtree(self.path(), ignore_errors=True)
            self.dovecot()
            self.restarted()
            self.files.break_at(number)
            with contextlib.suppress(AssertionError):
                self.messages()
            self.files.mend()
            self.assertEqual(list(self.messages()), [3, 5, 9], number)


class SubscriptionTests(AdoptingCase):
    """Subscription lists."""

    def test_dovecot(self) -> None:
        """Only what was on the list is subscribed to, and the folders that were made here."""
        self.dovecot()
        self.tree(".Work.Deep")
        self.tree(".B&APw-cher")
        self.write("subscriptions", "V\t2", "", "Work\tDeep", "B&APw-cher", "Gone")
        self.assertEqual(self.subscribed(), {"Work/Deep", "Bücher", "Gone", "Sent"})

    def test_unsubscribed(self) -> None:
        """A folder that was there and not on the list stays off it, and so does INBOX."""
        self.dovecot()
        self.tree(".Sent")
        self.write("subscriptions", "Work")
        self.assertEqual(self.subscribed(), {"Work"})

    def test_courier(self) -> None:
        """Courier's names are below INBOX, and in UTF-8."""
        self.courier()
        self.tree(".Bücher")
        self.write("courierimapsubscribed", "INBOX", "INBOX.Bücher", "INBOX.Work.Deep")
        self.assertEqual(self.subscribed(), {INBOX, "Bücher", "Work/Deep", "Sent"})
        self.assertEqual(self.contents("Bücher"), [])


class CourierTests(AdoptingCase):
    """A tree of Courier's."""

    def test_uids(self) -> None:
        """Messages keep UIDs, flags and keywords."""
        self.courier()
        self.assertEqual(self.opened().uidvalidity, 1234567)
        self.assertEqual(
            self.flags(), {3: frozenset({"New"}), 5: frozenset({SEEN, "Work", "Home"}), 10: frozenset()}
        )

    def test_uidls(self) -> None:
        """POP3 goes on calling messages what it called them, and a new one as this server does."""
        self.courier()
        self.assertEqual(self.uidls(), ["UID2-555", "UID4-777", f"{10:08x}{1234567:08x}"])

    def test_only_pop3(self) -> None:
        """Where nobody used IMAP, there are names of POP3 alone."""
        self.courier()
        os.unlink(self.path("courierimapuiddb"))
        self.assertEqual(self.uidls()[:2], ["UID4-777", "UID2-555"])

    def test_newer_list_counts(self) -> None:
        """Where Dovecot came after Courier, its list counts, and the other way round."""
        for time, expected in ((1, [3, 5, 10]), (2_000_000_000, [3, 5, 9])):
            shutil.rmtree(self.path(), ignore_errors=True)
            self.courier()
            shutil.rmtree(self.path("cur"))
            self.dovecot()
            self.write("courierimapuiddb", "1 1234567 10", "3 1600000002.b.host", "5 1600000001.a.host")
            os.utime(self.path("courierimapuiddb"), (1_000_000_000, 1_000_000_000))
            os.utime(self.path("dovecot-uidlist"), (time, time))
            self.restarted()
            self.assertEqual(list(self.messages()), expected)


class UidlTests(AdoptingCase):
    """What POP3 calls messages."""

    def test_listed(self) -> None:
        """A name that Dovecot's list has counts; others are what Dovecot calls them by default."""
        self.dovecot("3 Pold.name :1600000002.b.host", "5 :1600000001.a.host", "9 :1600000003.c.host")
        self.assertEqual(self.uidls(), ["old.name", "000000050012d687", "000000090012d687"])

    def test_format(self) -> None:
        """Where Dovecot was configured otherwise, its names are made as it made them."""
        self.wait(self.store.stop())
        self.store = self.started(options=attrs.evolve(self.options, adopted_uidl_format="%g"))
        self.dovecot("3 Gguid :1600000002.b.host", "5 :1600000001.a.host", "9 :1600000003.c.host")
        self.deliver(numbered(1))
        self.assertEqual(
            self.uidls(), ["guid", "1600000001.a.host", "1600000003.c.host", f"{10:08x}{1234567:08x}"]
        )

    def test_format_is_checked(self) -> None:
        """A format that is none is refused where it is configured."""
        for text in ("%m", "mail"):
            self.assertRaises(ValueError, attrs.evolve, self.options, adopted_uidl_format=text)

    def test_names_that_cannot_be(self) -> None:
        """What no UIDL can be, or a name that another message has, is not taken over."""
        long = "P" + "x" * 71
        self.dovecot(
            f"3 {long} :1600000002.b.host", "5 Psame :1600000001.a.host", "9 Psame :1600000003.c.host"
        )
        self.assertEqual(self.uidls(), ["000000030012d687", "same", "000000090012d687"])

    def test_expunged(self) -> None:
        """Names go with their messages, and a copy has none of them."""
        self.dovecot("3 Pold.name :1600000002.b.host", "5 Pother :1600000001.a.host", "9 :1600000003.c.host")
        mailbox = self.opened()
        self.assertEqual(self.uidls()[:2], ["old.name", "other"])
        self.wait(mailbox.copy([3], INBOX))
        self.wait(mailbox.remove([3]))
        self.assertEqual(self.uidls(), ["other", "000000090012d687", "0000000a0012d687"])
        (message,) = self.wait(mailbox.fetch([5], Item.UIDL | Item.ENVELOPE))
        self.assertEqual(message.uidl, "other")
