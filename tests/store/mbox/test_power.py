"""What is answered is on stable storage: a disk that forgets everything that was not flushed."""

from __future__ import annotations

import os
from pathlib import Path

import attrs

from mailframe.message.content import Content
from mailframe.store.values import Delivery, NewMessage

from .fixture import ALICE, BOB, FROM, FaultyFiles, MboxCase, numbered


class ForgetfulFiles(FaultyFiles):
    """Remembers what would be there after the power was cut: flushed octets under flushed names, nothing else."""

    __slots__ = ("names_on_disk", "octets_on_disk")

    def __init__(self) -> None:
        super().__init__()
        self.octets_on_disk: dict[int, bytes] = {}
        self.names_on_disk: dict[str, dict[str, int]] = {}

    def flush(self, descriptor: int) -> None:
        super().flush(descriptor)
        size, inode = os.fstat(descriptor).st_size, os.fstat(descriptor).st_ino
        self.octets_on_disk[inode] = Path(f"/proc/self/fd/{descriptor}").read_bytes()[:size]

    def flush_directory(self, path: str) -> None:
        super().flush_directory(path)
        self.names_on_disk[os.path.realpath(path)] = {
            entry.name: entry.inode() for entry in os.scandir(path) if entry.is_file()
        }

    def cut_power(self, directory: str) -> None:
        """Make files what they would be: the worst that a disk may do."""
        for place, _, names in os.walk(directory):
            if os.path.basename(place) == ".index":
                continue
            known = self.names_on_disk.get(os.path.realpath(place), {})
            # Before any is written: the system may give an inode's number to another file.
            wanted = {name: self.octets_on_disk.get(inode, b"") for name, inode in known.items()}
            for name in names:
                os.unlink(os.path.join(place, name))
            for name, octets in wanted.items():
                if not name.endswith(".lock"):
                    Path(place, name).write_bytes(octets)


class PowerTests(MboxCase):
    """After an answer the power may go."""

    with_catalogue = False

    def setUp(self) -> None:
        super().setUp()
        self.wait(self.store.stop())
        self.files = ForgetfulFiles()
        self.boots = 1
        self.store = self.started()

    def cut_power(self) -> None:
        """The machine stops without a warning, and comes back, without its catalogues or with them."""
        before, files = self.store, self.files
        files.cut_power(self.directory)
        files.break_at(1, dead=True)
        self.addCleanup(lambda: self.wait(before.stop()))
        if not self.with_catalogue:
            for place, _, names in os.walk(self.directory):
                for name in names:
                    if name.startswith("catalogue"):
                        os.unlink(os.path.join(place, name))
        self.boots += 1
        self.files = ForgetfulFiles()
        self.store = self.started(f"boot-{self.boots}")

    def test_nothing_flushed(self) -> None:
        """The disk of these tests does forget."""
        self.deliver(numbered(1))
        self.add(FROM + b"Subject: x\n\nnot flushed\n")
        self.cut_power()
        self.assertEqual(self.contents(), [numbered(1)])

    def test_deliveries(self) -> None:
        """Delivered messages are there, in all accounts."""
        self.deliver(numbered(1), numbered(2))
        shared = NewMessage(Content.of(numbered(3)))
        self.wait(self.store.deliver([Delivery(ALICE, shared), Delivery(BOB, shared)]))
        self.cut_power()
        self.assertEqual(self.contents(), [numbered(1), numbered(2), numbered(3)])
        self.assertEqual(self.contents(account=BOB), [numbered(3)])

    def test_append(self) -> None:
        """Appended messages are there, and no UID names another message."""
        self.append(numbered(1))
        (uid,) = self.append(numbered(2), mailbox="Sent", flags=["\\Seen"])
        self.cut_power()
        self.assertEqual(self.contents(), [numbered(1)])
        self.assertEqual(self.contents("Sent"), [numbered(2)])
        self.assertEqual(list(self.messages("Sent")), [uid])
        self.assertGreater(self.append(numbered(3), mailbox="Sent")[0], uid)

    def test_copy_and_move(self) -> None:
        """Copies and moved messages are where they should be, and do not come back where they were."""
        uids = self.append(numbered(1), numbered(2))
        self.wait(self.opened().copy(uids[:1], "Sent"))
        self.wait(self.opened().move(uids[1:], "Sent"))
        self.cut_power()
        self.assertEqual(self.contents("Sent"), [numbered(1), numbered(2)])
        self.assertEqual(self.contents(), [numbered(1)])

    def test_expunge(self) -> None:
        """Removed messages do not come back."""
        uids = self.append(*map(numbered, range(5)))
        self.wait(self.opened().remove(uids[1:3]))
        self.cut_power()
        self.assertEqual(self.contents(), [numbered(0), numbered(3), numbered(4)])
        self.assertEqual(list(self.messages()), [uids[0], *uids[3:]])


class KnowingPowerTests(PowerTests):
    """The same where the catalogues happen to know everything."""

    with_catalogue = True


class InPlacePowerTests(PowerTests):
    """The same where files are written in their place."""

    options = attrs.evolve(PowerTests.options, rewriting="in_place")
