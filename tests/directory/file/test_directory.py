"""The directory in text files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from mailframe.config.types import FilePath
from mailframe.directory.bulk.json_lines import write_entry
from mailframe.directory.entries import Entry, Put, key_of
from mailframe.directory.entry_interfaces import IDirectoryFeed
from mailframe.directory.file.directory import FileDirectory
from mailframe.directory.file.options import FileDirectoryOptions
from mailframe.directory.file.reading import Unreadable, read_files
from mailframe.directory.interfaces import ICredentialSource, IDirectory, ISenderGrants
from mailframe.directory.memory import MemoryDirectory
from mailframe.directory.options import MemoryDirectoryOptions
from mailframe.directory.values import Account, Alias, Credential, Domain
from mailframe.message.address import Address
from mailframe.message.status import MailframeError
from mailframe.registry import PluginUnavailable
from mailframe.roles.backends import build_memory_directory
from mailframe.testing.directory import HASH
from mailframe.testing.directory_entries import all_entries, steps

reactor: Any = installed
ALICE, BOB, INFO = (Address(name, "example.test") for name in ("alice", "bob", "info"))
PASSWD = f"alice@example.test:{HASH}:::::::userdb_quota_rule=*:storage=5M\nbob:{HASH}\n# nobody\n"
ALIASES = "info@example.test alice@example.test, someone@example.net\n@example.test bob@example.test\n@other.test @example.test\n"


class ReadingTests(SynchronousTestCase):
    """What lines mean, and which are wrong."""

    def read(self, accounts: str = "", aliases: str = "", **more: Any) -> Any:
        """What two files say."""
        paths = []
        for text in (accounts, aliases):
            path = Path(self.mktemp())
            path.write_text(text, encoding="utf-8", errors="surrogateescape")
            paths.append(FilePath(str(path)))
        return read_files(FileDirectoryOptions(accounts=paths[0], aliases=paths[1], **more))

    def test_files(self) -> None:
        """Accounts, aliases, a catch-all and an alias domain; their domains follow from them."""
        found = list(
            self.read(PASSWD, ALIASES, default_domain="example.test", domains=("Third.test",)).values()
        )
        self.assertIn(Credential(Account("alice@example.test", quota=5 * 1024**2), HASH), found)
        self.assertIn(Credential(Account("bob@example.test"), HASH), found)
        self.assertIn(Alias(INFO, (ALICE, Address("someone", "example.net"))), found)
        for domain in (
            Domain("example.test", "", (BOB,)),
            Domain("other.test", "example.test"),
            Domain("third.test"),
        ):
            self.assertIn(domain, found)
        self.assertEqual(6, len(found))

    def test_wrong(self) -> None:
        """Each wrong line is told with its number, all at once; nothing of the files is taken."""
        for accounts, aliases, words in (
            ("alice:x\n", "", "line 1: 'alice' has no domain"),
            (f"a@example.test:{HASH}\nb@example.test:geheim\n", "", "line 2: a password has a {SCHEME}"),
            (f"a@example.test:{HASH}\nA@example.test:{HASH}\n", "", "line 2: a@example.test is there twice"),
            (
                f"a@example.test:{HASH}\n",
                "a@example.test b@example.test\n",
                "a@example.test is an account and an alias",
            ),
            (
                f"a@other.test:{HASH}\nb@example.test:{HASH}\n",
                "@other.test @example.test\n",
                "is in an alias domain",
            ),
            ("", "@other.test @example.test\n", "which is no domain of its own"),
            ("a b c\n", "", "line 1: "),
        ):
            error = self.assertRaises(Unreadable, self.read, accounts, aliases)
            self.assertIn(words, "; ".join(error.problems))
            self.assertNotIn("geheim", str(error.problems))
        many = self.assertRaises(Unreadable, self.read, "x\n" * 1000)
        self.assertEqual(100, len(many.problems))

    @given(st.text(alphabet='ab@:.{}$ ,\\"\n#\t=*é\udce4'), st.text(alphabet="ab@. ,\n#\té\udce4"))
    def test_anything(self, accounts: str, aliases: str) -> None:
        """Whatever is in the files, they are read or refused."""
        for kind in ("passwd", "json"):
            try:
                self.read(accounts, aliases, format=kind)
            except Unreadable as error:
                self.assertTrue(error.problems)

    @given(steps)
    def test_exported(self, todo: Any) -> None:
        """Whatever another directory has comes back from what was exported of it."""
        other = MemoryDirectory()
        for some, _ in todo:
            for edit in some:
                try:
                    other.apply([edit], "tester")
                except MailframeError:
                    continue
        wanted = all_entries(other)
        lines = "".join(write_entry(entry) + "\n" for entry in wanted)
        found = self.read(lines, format="json")
        self.assertEqual({key_of(entry): entry for entry in wanted}, found)


class FileDirectoryTests(TestCase):
    """While files are changed."""

    timeout = 60

    async def make(self, accounts: str = PASSWD, aliases: str = ALIASES, **more: Any) -> FileDirectory:
        """A directory that was started."""
        self.accounts, self.aliases = Path(self.mktemp()), Path(self.mktemp())
        self.write(accounts, aliases)
        options = FileDirectoryOptions(
            accounts=FilePath(str(self.accounts)), aliases=FilePath(str(self.aliases)), default_domain="example.test",
            check_every=0.1, **more,
        )  # fmt: skip
        directory = FileDirectory(options, reactor)
        self.addCleanup(lambda: Deferred.fromCoroutine(directory.stop()))
        await directory.start()
        return directory

    def write(self, accounts: str | None = None, aliases: str | None = None) -> None:
        """Put other files in their place, as editors do."""
        for path, text in ((self.accounts, accounts), (self.aliases, aliases)):
            if text is not None:
                new = path.with_suffix(".new")
                new.write_text(text)
                os.replace(new, path)

    async def until(self, question: Any) -> None:
        """Wait until something is so."""
        for _ in range(500):
            if await question():
                return
            await deferLater(reactor, 0.02)
        self.fail("it never became so")

    async def test_answers(self) -> None:
        """It is a directory with passwords, grants and a feed."""
        directory = await self.make()
        for interface in (IDirectory, ICredentialSource, ISenderGrants, IDirectoryFeed):
            verifyObject(interface, directory)
        self.assertEqual(Account("alice@example.test", quota=5 * 1024**2), await directory.lookup(ALICE))
        self.assertIsNone(await directory.lookup(Address("nobody", "example.test")))
        self.assertTrue(await directory.is_local("other.test"))
        found = await directory.credential("bob@example.test")
        self.assertEqual(HASH, found and found.password_hash)
        self.assertFalse(await directory.granted("alice@example.test", BOB))

    async def test_changed(self) -> None:
        """What is written takes effect within a moment, and whoever copies hears of it."""
        directory = await self.make()
        version = await directory.version()
        hints: list[int] = []
        end = directory.listen(lambda: hints.append(1))
        self.write(
            f"alice@example.test:{HASH}\ncarol@example.test:{HASH}\n",
            "info@example.test carol@example.test\n",
        )
        carol = Address("carol", "example.test")
        await self.until(lambda: directory.lookup(carol))
        self.assertIsNone(await directory.lookup(BOB))
        self.assertEqual(Alias(INFO, (carol,)), await directory.lookup(INFO))
        self.assertEqual([1], hints)
        batch = await directory.changes(version)
        assert batch is not None
        self.assertEqual({"bob@example.test", "other.test"}, {key.name for key in batch.removed})
        names = {key_of(entry).name for entry in batch.entries}
        self.assertEqual(
            {"alice@example.test", "carol@example.test", "info@example.test", "example.test"}, names
        )
        end()

    async def test_wrong(self) -> None:
        """While a line is wrong all stays as it was, and that is told; when it is right again all is well."""
        directory = await self.make()
        self.assertIsNone(await directory.health())
        self.write("alice@example.test:no-hash\n")
        await self.until(directory.health)
        self.assertIn("line 1", str(await directory.health()))
        self.assertTrue(await directory.lookup(ALICE))
        self.accounts.unlink()

        async def unreadable() -> bool:
            return "No such file" in str(await directory.health())

        await self.until(unreadable)
        self.assertTrue(await directory.lookup(ALICE))
        self.write(f"dave@example.test:{HASH}\n")
        await self.until(lambda: directory.lookup(Address("dave", "example.test")))
        self.assertIsNone(await directory.health())

    async def test_half_written(self) -> None:
        """A file that is being written is not read before it is whole."""
        directory = await self.make()
        bob: list[bool] = []
        with open(self.accounts, "w") as file:
            for number in range(12):
                file.write(f"user{number}@example.test:{HASH}\n")
                file.flush()
                await deferLater(reactor, 0.05)
                bob.append(await directory.lookup(BOB) is not None)
        self.assertEqual([True] * 12, bob)
        await self.until(lambda: directory.lookup(Address("user11", "example.test")))
        self.assertIsNone(await directory.lookup(BOB))

    async def test_not_there(self) -> None:
        """Without its files it does not start, and says why; afterwards it does."""
        directory = FileDirectory(FileDirectoryOptions(accounts=FilePath("/nonexistent/accounts")), reactor)
        with self.assertRaises(MailframeError) as caught:
            await directory.start()
        self.assertIn("No such file", caught.exception.reason)
        await directory.stop()
        with self.assertRaises(MailframeError):
            await self.make("alice@example.test:no-hash\n")

    async def test_feed(self) -> None:
        """All entries come in order, in pages."""
        directory = await self.make()
        found: list[Entry] = []
        while page := await directory.entries(key_of(found[-1]) if found else None, 2):
            found += page
        other = MemoryDirectory()
        other.apply([Put(entry) for entry in found], "tester")
        self.assertEqual(all_entries(other), found)
        self.assertEqual(5, len(found))


class StaticTests(TestCase):
    """What is written in the configuration."""

    async def test_aliases(self) -> None:
        """Aliases stand beside accounts; what cannot be is refused at the start."""
        options = MemoryDirectoryOptions(
            ("example.test",), {"alice@example.test": HASH}, {"info@example.test": ("alice@example.test",)}
        )
        directory = build_memory_directory(options, None)  # type: ignore[arg-type]
        self.assertEqual(Alias(INFO, (ALICE,)), await directory.lookup(INFO))
        for address, target in (
            ("nonsense", "alice@example.test"),
            ("a@other.test", "alice@example.test"),
            ("a@example.test", ""),
        ):
            wrong = MemoryDirectoryOptions(("example.test",), {}, {address: (target,)})
            self.assertRaises(PluginUnavailable, build_memory_directory, wrong, None)
