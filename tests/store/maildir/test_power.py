"""What is answered is on stable storage: a disk that forgets everything that was not flushed."""

from __future__ import annotations

import os
from pathlib import Path

from mailframe.message.content import Content
from mailframe.store.maildir.options import MaildirOptions
from mailframe.store.values import Delivery, NewMessage

from .fixture import ALICE, BOB, FaultyFiles, MaildirCase, numbered


class ForgetfulFiles(FaultyFiles):
    """Remembers what would be there after the power was cut: flushed octets under flushed names, nothing else."""

    __slots__ = ("names_on_disk", "octets_on_disk", "paths")

    def __init__(self) -> None:
        super().__init__()
        self.paths: dict[int, str] = {}
        self.octets_on_disk: dict[int, bytes] = {}
        self.names_on_disk: dict[str, dict[str, int]] = {}

    def create(self, path: str) -> int:
        descriptor = super().create(path)
        self.paths[descriptor] = path
        return descriptor

    def flush(self, descriptor: int) -> None:
        super().flush(descriptor)
        path = Path(self.paths[descriptor])
        self.octets_on_disk[path.stat().st_ino] = path.read_bytes()

    def flush_directory(self, path: str) -> None:
        super().flush_directory(path)
        found = os.scandir(path)
        self.names_on_disk[os.path.realpath(path)] = {entry.name: entry.inode() for entry in found}

    def cut_power(self, directory: str) -> None:
        """Make the files of mailboxes what they would be: the worst that a disk may do."""
        for place, _, names in os.walk(directory):
            if os.path.basename(place) not in ("new", "cur", "tmp"):
                continue
            wanted = {
                name: inode
                for name, inode in self.names_on_disk.get(os.path.realpath(place), {}).items()
                if inode in self.octets_on_disk
            }
            for name in names:
                os.unlink(os.path.join(place, name))
            for name, inode in wanted.items():
                Path(place, name).write_bytes(self.octets_on_disk[inode])


class PowerTests(MaildirCase):
    """After an answer the power may go."""

    def setUp(self) -> None:
        super().setUp()
        self.wait(self.store.stop())
        self.files = ForgetfulFiles()
        self.store = self.started()

    def cut_power(self) -> None:
        """The machine stops without a warning, and comes back."""
        self.files.cut_power(self.directory)
        self.addCleanup(lambda store=self.store: self.wait(store.stop()))
        self.store = self.started("boot-2")

    def test_nothing_flushed(self) -> None:
        """The disk of these tests does forget."""
        self.deliver(numbered(1))
        self.put("new", "1600000000.other.host")
        self.cut_power()
        self.assertEqual(self.contents(), [numbered(1)])

    def test_deliveries(self) -> None:
        """Delivered messages are there, those of several accounts and those that share a file as well."""
        self.deliver(numbered(1), numbered(2))
        shared = NewMessage(Content.of(numbered(3)))
        self.wait(self.store.deliver([Delivery(ALICE, shared), Delivery(BOB, shared)]))
        self.cut_power()
        self.assertEqual(self.contents(), [numbered(1), numbered(2), numbered(3)])
        self.assertEqual(self.contents(account=BOB), [numbered(3)])

    def test_append(self) -> None:
        """Appended messages are there, with flags (in cur/) and without."""
        self.append(numbered(1))
        self.append(numbered(2), mailbox="Sent", flags=["\\Seen"])
        self.cut_power()
        self.assertEqual(self.contents(), [numbered(1)])
        self.assertEqual(self.contents("Sent"), [numbered(2)])

    def test_copy(self) -> None:
        """Copies are there."""
        uids = self.append(numbered(1), flags=["\\Seen"])
        self.wait(self.opened().copy(uids, "Sent"))
        self.cut_power()
        self.assertEqual(self.contents("Sent"), [numbered(1)])
        self.assertEqual(self.contents(), [numbered(1)])

    def test_move(self) -> None:
        """Moved messages are where they were moved to, and do not come back where they were."""
        uids = self.append(numbered(1), flags=["\\Seen"]) + self.append(numbered(2))
        self.wait(self.opened().move(uids, "Sent"))
        self.cut_power()
        self.assertEqual(self.contents("Sent"), [numbered(1), numbered(2)])
        self.assertEqual(self.contents(), [])


class PowerAndCRLFTests(PowerTests):
    """The same where files are kept as they were received."""

    options = MaildirOptions(threads=0, mailboxes={"Sent": "\\Sent"}, line_ends="crlf")
