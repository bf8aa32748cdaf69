"""Names of directories that all stores in files share."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.store.directories import account_directory, decode_utf7, encode_utf7

TEXT = st.text(st.characters(exclude_categories=("Cs",)))


class AccountDirectoryTests(SynchronousTestCase):
    """Accounts as directories."""

    def test_known(self) -> None:
        """Ordinary addresses look like themselves."""
        self.assertEqual(account_directory("alice@example.test"), "example.test/alice")
        self.assertEqual(account_directory("a.b+c_d@example.test"), "example.test/a.b+c_d")
        self.assertEqual(account_directory("a b/c@example.test"), "example.test/a%20b%2Fc")
        self.assertEqual(account_directory("..@example.test"), "example.test/%2E.")
        self.assertEqual(account_directory("alice"), "%/alice")

    @given(TEXT.filter(bool), TEXT.filter(bool))
    def test_any(self, local: str, domain: str) -> None:
        """No address leads out of the store, hides in it, or has a name too long for a disk."""
        parts = account_directory(f"{local}@{domain}").split("/")
        self.assertEqual(len(parts), 2)
        for part in parts:
            self.assertTrue(part and len(part) <= 255 and not part.startswith("."), part)

    @given(TEXT.filter(bool), TEXT.filter(bool))
    def test_apart(self, one: str, other: str) -> None:
        """Two accounts never share a directory."""
        same = account_directory(f"{one}@example.test") == account_directory(f"{other}@example.test")
        self.assertEqual(same, one == other)


class UTF7Tests(SynchronousTestCase):
    """Modified UTF-7, as IMAP has it."""

    @given(TEXT)
    def test_utf7(self, text: str) -> None:
        """Modified UTF-7 gives back what went in."""
        self.assertEqual(decode_utf7(encode_utf7(text)), text)
