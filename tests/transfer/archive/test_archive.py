"""Tests of `mailframe.transfer.archive`."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.store.values import INBOX, TakenMailbox, TakenMessage
from mailframe.testing.store.fixture import ALICE
from mailframe.transfer.archive import records
from mailframe.transfer.archive.reading import ArchiveSource
from mailframe.transfer.archive.wire import BLOCK, BadContainer, Entry, header, padding, parse
from mailframe.transfer.archive.writing import ArchiveTarget
from mailframe.transfer.comparing import compare_accounts
from mailframe.transfer.exporting import Export
from mailframe.transfer.importing import Import
from mailframe.transfer.values import Folder, TransferError
from tests.transfer.fixture import LARGE, TransferTestCase

numbers = st.integers(0, 2**32 - 1)
modseqs = st.integers(0, 2**63 - 1)
texts = st.text(max_size=40)


class WireTests(SynchronousTestCase):
    """Headers of files."""

    @given(st.from_regex(r"[A-Za-z0-9./_-]{1,99}", fullmatch=True), st.integers(0, 8**11 - 1), modseqs)
    def test_round_trip(self, name, size, time):
        """What is written is read again."""
        found = parse(header(Entry(name, size, time)))
        self.assertEqual((found.name, found.size, found.time), (name, size, min(time, 8**11 - 1)))

    @given(st.binary(min_size=BLOCK, max_size=BLOCK))
    @example(bytes(BLOCK))
    @example(b"")
    def test_anything(self, block):
        """Whatever is there instead of a header is refused in one way."""
        try:
            parse(block)
        except BadContainer:
            return

    @given(st.integers(0, BLOCK - 1), st.integers(1, 255))
    def test_damage(self, place, change):
        """A changed octet of a header does not pass unnoticed."""
        block = bytearray(header(Entry("mailboxes/00001.json", 4711, 1_700_000_000)))
        block[place] ^= change
        try:
            found = parse(bytes(block))
        except BadContainer:
            return
        # In the checksum's own field blanks and zeros at the ends are worth the same.
        self.assertEqual(found, Entry("mailboxes/00001.json", 4711, 1_700_000_000))

    def test_other_programs(self):
        """Any tar program reads it."""
        octets = b"hello"
        block = header(Entry("a/b.eml", 5, 77)) + octets + bytes(padding(5)) + bytes(2 * BLOCK)
        with tarfile.open(fileobj=io.BytesIO(block)) as archive:
            member = archive.getmember("a/b.eml")
            self.assertEqual((member.size, member.mtime, member.mode), (5, 77, 0o600))
            self.assertEqual(archive.extractfile(member).read(), octets)

    def test_what_cannot_be_written(self):
        """Names and sizes that the container has no room for are refused."""
        for entry in (Entry("x" * 100, 1, 1), Entry("ok", 8**11, 1), Entry("a b", 1, 1)):
            self.assertRaises(ValueError, header, entry)


class RecordTests(SynchronousTestCase):
    """The JSON files."""

    @given(texts, numbers, numbers, modseqs, texts, st.none() | texts, st.none() | numbers)
    def test_folders(self, name, uidvalidity, uidnext, modseq, mailbox_id, special_use, count):
        """What is known of a mailbox is read as it was written."""
        folder = Folder(
            name, TakenMailbox(uidvalidity, uidnext, modseq, mailbox_id, special_use), count, "00001"
        )
        self.assertEqual(records.parse_folder(records.folder(folder), "00001"), folder)

    @given(numbers, st.frozensets(texts), modseqs, modseqs, modseqs, texts, texts, texts)
    def test_messages(self, uid, flags, date, modseq, saved, email_id, thread_id, uidl):
        """What is known of a message is read as it was written."""
        message = TakenMessage(None, uid, flags, date, modseq, saved, email_id, thread_id, uidl)
        self.assertEqual(records.parse_message(records.message(message, "0" * 64)), (message, "0" * 64))

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | texts,
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["uid", "flags", "sha256", "name", "version", "format"]), inner
                )
            ),
        ),
    )
    def test_anything(self, value):
        """Whatever JSON says, it is understood or refused in one way."""
        octets = json.dumps(value).encode()
        for parse_record in (
            records.parse_beginning,
            lambda octets: records.parse_folder(octets, ""),
            records.parse_message,
            records.parse_end,
            records.parse_subscriptions,
        ):
            try:
                parse_record(octets)
            except TransferError:
                continue

    def test_later_version(self):
        """An archive of a later version is refused with its number."""
        octets = json.dumps({"format": records.FORMAT, "version": 2}).encode()
        with self.assertRaises(TransferError) as caught:
            records.parse_beginning(octets)
        self.assertIn("version 2", str(caught.exception))


class ArchiveTests(TransferTestCase):
    """A whole account, there and back."""

    async def archived(self):
        self.account = await self.filled(self.memory)
        path = Path(self.mktemp())
        await Export(self.account, ArchiveTarget(path, ALICE, 1_700_000_000)).run()
        return path

    async def test_there_and_back(self):
        """An account that comes back from an archive is what it was, in any store."""
        path = await self.archived()
        for store in (self.maildir, self.memory):
            image = await store.account("image@example.test")
            self.addCleanup(image.close)
            for name in ("Trash", "Empty"):
                if name in {entry.name for entry in await image.mailboxes()}:
                    await image.delete(name)
            await image.subscribe("Sent", False)
            await image.subscribe("Trash", False)
            source = ArchiveSource(path)
            self.addCleanup(source.close)
            self.assertEqual(source.account, ALICE)
            await Import(source, image).run()
            differences = await compare_accounts(self.account, image)
            self.assertEqual([text for text in differences if "Trash" not in text], [])

    async def test_other_programs(self):
        """Any tar program finds the messages in it, octet by octet."""
        path = await self.archived()
        with tarfile.open(path) as archive:
            names = archive.getnames()
            self.assertEqual((names[0], names[-1]), ("archive.json", "end.json"))
            large = archive.extractfile("mailboxes/00001/0000000070.eml").read()
            self.assertEqual(large, LARGE)
            facts = json.load(archive.extractfile("mailboxes/00001/0000000003.json"))
        self.assertEqual((facts["uid"], facts["modseq"], facts["email_id"]), (3, 12, "Ma"))

    async def test_damage(self):
        """One changed octet, wherever it is, is found; so is an archive that was cut off."""
        path = await self.archived()
        whole = path.read_bytes()
        places = [
            whole.index(b"Subject: message 3"),
            whole.index(b'"modseq": 12'),
            whole.index(b'"uidnext"') + 14,
        ]
        for place in places:
            damaged = bytearray(whole)
            damaged[place] ^= 1
            path.write_bytes(damaged)
            await self.refused(path)
        for size in (0, 100, len(whole) // 2, whole.index(b"end.json")):
            path.write_bytes(whole[:size])
            await self.refused(path)

    async def refused(self, path):
        """A dry import finds that something is wrong."""
        account = await self.memory.account("nobody@example.test")
        with self.assertRaises(TransferError):
            source = ArchiveSource(path)
            try:
                await Import(source, account, dry_run=True).run()
            finally:
                source.close()

    async def test_some_mailboxes(self):
        """An export of one mailbox has that one only; one that is not there is told."""
        account = await self.filled(self.memory)
        path = Path(self.mktemp())
        await Export(account, ArchiveTarget(path, ALICE, 1), mailboxes=["inbox"]).run()
        source = ArchiveSource(path)
        self.addCleanup(source.close)
        self.assertEqual([folder.name for folder in source.folders()], [INBOX])
        self.assertEqual(source.subscriptions(), {INBOX})
        with self.assertRaises(TransferError):
            await Export(account, ArchiveTarget(path, ALICE, 1), mailboxes=["none"]).run()

    async def test_failure_leaves_nothing(self):
        """An export that fails leaves the old archive as it is, and no half of a new one."""
        account = await self.filled(self.memory)
        path = Path(self.mktemp())
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"old")

        def broken(name, count):
            raise OSError("disk full")

        with self.assertRaises(OSError):
            await Export(account, ArchiveTarget(path, ALICE, 1), progress=broken).run()
        self.assertEqual(path.read_bytes(), b"old")
        self.assertEqual(
            [other.name for other in path.parent.iterdir() if path.name in other.name], [path.name]
        )
