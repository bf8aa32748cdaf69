"""Maildirs that the real Dovecot and Courier have made are taken over in place, and given back."""

from __future__ import annotations

import imaplib
import re
import shutil
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import attrs

from mailframe.message.content import Content
from mailframe.pop3.maildrop import open_maildrop
from mailframe.store.adoption import uidlist
from mailframe.store.directories import encode_utf7
from mailframe.store.maildir import look
from mailframe.store.values import ANSWERED, FLAGGED, INBOX, SEEN, FlagChange, Item, NewMessage
from tests.store.maildir.fixture import MaildirCase, numbered

from . import service
from .maildir_servers import Courier, Dovecot, Server

FOLDERS = ("Work", "Work/Deep", "Bücher", "Sent")
SUBSCRIBED = {"INBOX", "Work/Deep", "Bücher"}
YEAR_2020 = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp())
BODIES = (
    numbered(1),
    b"Subject: eight bits\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n",
    b"Subject: long\r\n\r\n" + b"line\r\n" * 9000,
)
_FETCHED = re.compile(rb"UID (\d+) FLAGS \(([^)]*)\) INTERNALDATE (\"[^\"]*\")")


@dataclass(frozen=True)
class Fact:
    """One message as a server shows it."""

    uid: int
    flags: frozenset[str]
    date: int
    octets: bytes


@dataclass(frozen=True)
class Folder:
    """One mailbox as a server shows it."""

    uidvalidity: int
    messages: tuple[Fact, ...]


class AdoptionCase(MaildirCase):
    """A tree of another server's, where the store has ALICE's account."""

    skip = service.SKIP
    timeout = 180
    options = attrs.evolve(MaildirCase.options, mailboxes={"Sent": "\\Sent"})

    def setUp(self) -> None:
        base = Path(tempfile.mkdtemp(prefix="mailframe-adoption-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, base, ignore_errors=True)
        super().setUp()
        shutil.rmtree(self.directory)
        self.directory = str(base / "mail")
        self.tree = base / "mail" / "example.test" / "alice"
        for name in ("cur", "new", "tmp"):
            (self.tree / name).mkdir(parents=True)
        for path in (base, base / "mail", base / "mail" / "example.test"):
            path.chmod(0o755)
        self.base = base
        self.restarted()

    # The other server.

    def fill(self, server: Server) -> None:
        """Make mailboxes and messages as a client does over years: with gaps, flags and keywords."""
        server.owned()
        client = server.imap()
        for name in FOLDERS:
            self.ok(client.create(self.wired(server, name)))
        for name in SUBSCRIBED:
            self.ok(client.subscribe(self.wired(server, name)))
        for name in (INBOX, *FOLDERS[:3]):
            for number in range(9):
                date = f'"{number + 1:02}-Jan-2020 00:00:00 +0000"'
                body = BODIES[number % 3]
                self.ok(client.append(self.wired(server, name), "", date, body))
            self.ok(client.select(self.wired(server, name)))
            self.ok(client.store("2,4,9", "+FLAGS", r"(\Deleted)"))
            self.ok(client.expunge())
            self.ok(client.store("1,3", "+FLAGS", r"(\Seen $Forwarded)"))
            self.ok(client.store("2", "+FLAGS", r"(\Answered \Flagged Custom)"))
            self.ok(client.store("3", "+FLAGS", r"(Custom \Deleted)"))
            self.ok(client.unselect() if "UNSELECT" in client.capabilities else client.check())
        client.logout()

    def seen_by(self, server: Server, *names: str) -> dict[str, Folder]:
        """What the other server shows."""
        client = server.imap()
        found = {name: self.folder(client, self.wired(server, name)) for name in names or (INBOX, *FOLDERS)}
        client.logout()
        return found

    def folder(self, client: imaplib.IMAP4, name: str) -> Folder:
        answer, (messages,) = client.select(name, readonly=True)
        self.assertEqual(answer, "OK")
        uidvalidity = int(client.response("UIDVALIDITY")[1][0] or b"0")
        _, lines = (
            ("OK", []) if messages == b"0" else client.fetch("1:*", "(UID FLAGS INTERNALDATE BODY.PEEK[])")
        )
        facts = []
        for each in lines:
            if not isinstance(each, tuple):
                continue
            match = _FETCHED.search(each[0])
            assert match is not None, each[0]
            flags = frozenset(match[2].decode().split()) - {"\\Recent"}
            when = datetime.strptime(match[3].decode().strip('" '), "%d-%b-%Y %H:%M:%S %z").timestamp()
            facts.append(Fact(int(match[1]), flags, int(when), each[1]))
        return Folder(uidvalidity, tuple(facts))

    def wired(self, server: Server, name: str) -> str:
        """A mailbox's name in the command."""
        return encode_utf7(server.name(name))

    def ok(self, answer: tuple[str, list[object]]) -> None:
        self.assertEqual(answer[0], "OK", answer)

    # This store.

    def seen_here(self, *names: str) -> dict[str, Folder]:
        """What the store shows."""
        return {name: self.folder_here(name) for name in names or (INBOX, *FOLDERS)}

    def folder_here(self, name: str) -> Folder:
        mailbox = self.opened(name, read_only=True)
        uids = list(self.wait(mailbox.snapshot()).uids)
        octets = self.messages(name)
        messages = self.wait(mailbox.fetch(uids, Item.FLAGS | Item.DATE | Item.SIZE))
        for message in messages:
            self.assertEqual(message.size, len(octets[message.uid]))
        facts = (Fact(one.uid, one.flags, one.internal_date, octets[one.uid]) for one in messages)
        return Folder(mailbox.uidvalidity, tuple(facts))

    def subscribed_here(self) -> set[str]:
        return {entry.name for entry in self.wait(self.account().mailboxes()) if entry.subscribed}

    def uidls_here(self) -> list[str]:
        maildrop = self.wait(open_maildrop(self.account()))
        found = [maildrop.unique_id(number) for number in maildrop.numbers()]
        maildrop.close()
        return found

    def sizes_here(self) -> dict[str, int]:
        """Sizes by what UIDL tells."""
        maildrop = self.wait(open_maildrop(self.account()))
        found = {maildrop.unique_id(number): maildrop.size(number) for number in maildrop.numbers()}
        maildrop.close()
        return found

    # What all of them must show.

    def check_taken_over(self, server: Server) -> None:
        """UIDs, flags, keywords, dates, octets, subscriptions and UIDLs are as they were."""
        uidls = server.pop3()
        before = self.seen_by(server)
        self.assertEqual([len(before[name].messages) for name in (INBOX, *FOLDERS)], [6, 6, 6, 6, 0])
        self.assertEqual(before[INBOX].messages[0].flags, {"\\Seen", "$Forwarded"})
        self.assertEqual(self.seen_here(), before)
        self.assertEqual(self.subscribed_here(), SUBSCRIBED)
        # Courier numbers messages by the names of their files, and not by their UIDs.
        self.assertEqual(sorted(self.uidls_here()), sorted(uidls))
        self.assertEqual(len(uidls), 6)
        self.assertEqual(self.sizes_here(), server.sizes())

    def check_given_back(self, server: Server) -> None:
        """The other server goes on with the same UIDs, and sees what happened here meanwhile."""
        before = self.seen_here()
        inbox = self.opened()
        uids = [fact.uid for fact in before[INBOX].messages]
        self.wait(inbox.store(uids[3:5], FlagChange.ADD, frozenset({SEEN, FLAGGED})))
        self.wait(inbox.remove(uids[5:]))
        self.deliver(numbered(77))
        self.wait(
            self.account().append("Work", [NewMessage(Content.of(numbered(78)), frozenset({ANSWERED}))])
        )
        server.owned()
        after = self.seen_by(server)
        for name in (INBOX, *FOLDERS):
            self.assertEqual(after[name].uidvalidity, before[name].uidvalidity)
        kept = after[INBOX].messages
        self.assertEqual([fact.uid for fact in kept[:5]], uids[:5])
        self.assertEqual(kept[:3], before[INBOX].messages[:3])
        self.assertEqual(kept[3].flags, before[INBOX].messages[3].flags | {SEEN, FLAGGED})
        self.assertEqual(
            [fact.octets for fact in kept], [*(f.octets for f in before[INBOX].messages[:5]), numbered(77)]
        )
        self.assertEqual(after["Work"].messages[-1].flags, {ANSWERED})
        self.assertEqual(after["Bücher"], before["Bücher"])


class DovecotTests(AdoptionCase):
    """A tree of Dovecot's."""

    def test_there_and_back(self) -> None:
        """Clients of IMAP and POP3 find all as it was, and so do they when Dovecot serves the tree again."""
        server = Dovecot(self.base, self.tree)
        self.fill(server)
        self.check_taken_over(server)
        self.assertEqual(self.uidls_here(), server.pop3())
        self.check_given_back(server)

    def test_other_uidls(self) -> None:
        """Where Dovecot was configured to call messages otherwise, they keep these names."""
        for text in ("%v.%u", "%f", "%g", "%Mf"):
            server = Dovecot(self.base, self.tree, f"pop3_uidl_format = {text}\n")
            if text == "%v.%u":
                self.fill(server)
            uidls = server.pop3()
            shutil.rmtree(self.tree / "mailbox-taken-over", ignore_errors=True)
            self.wait(self.store.stop())
            for name in (
                "catalogue.sqlite",
                "catalogue.sqlite-wal",
                "catalogue.sqlite-shm",
                "mailbox-taken-over",
            ):
                (self.tree / name).unlink(missing_ok=True)
            self.store = self.started(options=attrs.evolve(self.options, adopted_uidl_format=text))
            self.assertEqual(self.uidls_here(), uidls, text)

    def test_listed_uidls(self) -> None:
        """Names in Dovecot's list, where those who came from another server have them, count for both."""
        server = Dovecot(self.base, self.tree)
        self.fill(server)
        place = self.tree / "dovecot-uidlist"
        listed = uidlist.read(place.read_bytes())
        records = [replace(one, extensions=(("P", f"UID{one.uid}-5"),)) for one in listed.records[:4]]
        place.write_bytes(uidlist.write(replace(listed, records=[*records, *listed.records[4:]])))
        server.owned()
        uidls = server.pop3()
        self.assertEqual(uidls[:2], ["UID1-5", "UID3-5"])
        self.assertEqual(self.uidls_here(), uidls)


class BesideDovecotTests(AdoptionCase):
    """Both serve one tree at a time, and give out UIDs by one list."""

    options = attrs.evolve(AdoptionCase.options, dovecot_uidlist=True)

    def setUp(self) -> None:
        super().setUp()
        # What the other has done is looked for each time.
        for name in ("UNSETTLED_SECONDS", "UNSETTLED_SHARE", "SHARE"):
            self.patch(look, name, 0)

    def test_by_turns(self) -> None:
        """Whoever takes a message, moves or removes it: both call it by one UID, and no UID names two."""
        server = Dovecot(self.base, self.tree)
        self.fill(server)
        names = (INBOX, "Work")
        before = self.seen_by(server, *names)
        self.assertEqual(self.seen_here(*names), before)
        known = {fact.uid: fact.octets for fact in before[INBOX].messages}
        for turn in range(3):
            self.deliver(numbered(100 + turn), numbered(200 + turn))
            self.append(numbered(300 + turn), flags=[SEEN])
            uids = list(self.messages())
            self.wait(self.opened().move(uids[:1], "Work"))
            server.owned()
            self.assertEqual(self.seen_by(server, *names), self.seen_here(*names))
            client = server.imap()
            for number in range(2):
                self.ok(client.append("INBOX", r"(\Seen)", None, numbered(400 + 10 * turn + number)))
            self.ok(client.select("INBOX"))
            self.ok(client.store("1", "+FLAGS", r"(\Deleted)"))
            self.ok(client.expunge())
            client.logout()
            found = self.seen_by(server, *names)
            self.assertEqual(self.seen_here(*names), found)
            for fact in found[INBOX].messages:
                self.assertEqual(known.setdefault(fact.uid, fact.octets), fact.octets)
        self.assertEqual(self.uidls_here(), server.pop3())
        self.assertNotIn("rror", server.errors())


class CourierTests(AdoptionCase):
    """A tree of Courier's."""

    def test_there_and_back(self) -> None:
        """Clients of IMAP and POP3 find all as it was, and so do they when Courier serves the tree again."""
        server = Courier(self.base, self.tree)
        self.fill(server)
        self.check_taken_over(server)
        self.assertTrue(all(uidl.startswith("UID") for uidl in self.uidls_here()))
        self.check_given_back(server)

    def test_by_way_of_dovecot(self) -> None:
        """Of a tree that went from Courier to Dovecot, what Dovecot has counts: it was the last."""
        courier, dovecot = Courier(self.base, self.tree), Dovecot(self.base, self.tree)
        self.fill(courier)
        client = dovecot.imap()
        self.ok(client.append("INBOX", "", None, numbered(5)))
        client.logout()
        before = self.seen_by(dovecot, INBOX)
        self.assertEqual(self.seen_here(INBOX), before)
