"""The directory in memory."""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from mailframe.directory.memory import MemoryDirectory
from mailframe.directory.passwords import verify
from mailframe.testing.directory import DirectoryContract, KeepKeysContract


class MemoryDirectoryTests(KeepKeysContract, DirectoryContract, TestCase):
    """The contract, and what is special."""

    async def make_directory(self) -> MemoryDirectory:
        """An empty one."""
        directory = MemoryDirectory()
        await directory.start()
        return directory

    async def test_accounts_of_the_constructor(self) -> None:
        """Passwords may be given in clear or hashed; in clear they are not kept."""
        directory = MemoryDirectory(
            ["example.test"],
            {"alice@example.test": "geheim", "bob@example.test": "{PLAIN}x", "carol@example.test": "{x}y"},
        )
        alice = await directory.credential("alice@example.test")
        bob = await directory.credential("bob@example.test")
        carol = await directory.credential("carol@example.test")
        assert alice is not None
        assert bob is not None
        assert carol is not None
        self.assertNotIn("geheim", alice.password_hash)
        self.assertTrue(verify(b"geheim", alice.password_hash))
        self.assertTrue(verify(b"x", bob.password_hash))
        self.assertTrue(verify(b"{x}y", carol.password_hash))
