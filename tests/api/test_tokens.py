"""Tests of `mailframe.api.tokens`."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailframe.api.tokens import AREAS, APIToken, KnownTokens, TokenFile
from mailframe.message.status import MailframeError


class TokenTests(SynchronousTestCase):
    """What a token is good for."""

    def test_scopes(self) -> None:
        """Whoever may write an area may read it; without an area all are meant."""

        def rights(*scopes: str) -> set[str]:
            token = APIToken("t", "", scopes)
            return {
                f"{area}:{right}"
                for area in AREAS
                for right in ("read", "write")
                if token.allows(area, write=right == "write")
            }

        everything = {f"{area}:{right}" for area in AREAS for right in ("read", "write")}
        self.assertEqual(everything, rights("write"))
        self.assertEqual({f"{area}:read" for area in AREAS}, rights("read"))
        self.assertEqual({"accounts:read"}, rights("accounts:read"))
        self.assertEqual({"accounts:read", "accounts:write", "changes:read"},
                         rights("accounts:write", "changes:read"))  # fmt: skip
        self.assertEqual(set(), rights())


class TokenFileTests(SynchronousTestCase):
    """Tokens are made, kept hashed, found and taken back."""

    def setUp(self) -> None:
        """A file that is not there yet."""
        self.now = 1000.0
        self.path = os.path.abspath(self.mktemp())
        self.file = TokenFile(self.path)
        self.known = KnownTokens(self.path, lambda: self.now)

    def test_life(self) -> None:
        """A token is known from when it is made until it is taken back, without a restart."""
        self.assertIsNone(self.known.find("mft_x"))
        first = self.file.add("first", ["read"])
        second = self.file.add("second", ["accounts:write", "accounts:write"])
        found = self.known.find(first)
        assert found is not None
        self.assertEqual(("first", ("read",)), (found.name, found.scopes))
        self.assertIsNone(self.known.find(first + "x"))
        self.file.remove("first")
        self.assertIsNone(self.known.find(first))
        self.assertEqual(("accounts:write",), getattr(self.known.find(second), "scopes", None))
        os.unlink(self.path)
        self.assertIsNone(self.known.find(second))

    def test_file(self) -> None:
        """Only its owner can read the file, and no token is in it."""
        made = self.file.add("first", ["read"])
        self.assertEqual(0o600, stat.S_IMODE(os.stat(self.path).st_mode))
        self.assertNotIn(made, Path(self.path).read_text())

    def test_expiry(self) -> None:
        """A token is good until its time."""
        made = self.file.add("first", ["read"], 1001)
        self.assertIsNotNone(self.known.find(made))
        self.now = 1001.0
        self.assertIsNone(self.known.find(made))

    def test_refusals(self) -> None:
        """No two tokens have one name, and none has an unknown scope."""
        self.file.add("first", ["read"])
        for name, scopes in (("first", ["read"]), ("a b", ["read"]), ("", ["read"]), ("-", ["read"]),
                             ("x" * 65, ["read"]), ("b", []), ("b", ["all"])):  # fmt: skip
            error = self.assertRaises(MailframeError, self.file.add, name, scopes)
            self.assertTrue(error.status.permanent)
        self.assertTrue(self.assertRaises(MailframeError, self.file.remove, "b").status.permanent)
        self.assertEqual(["first"], [one.name for one in self.file.tokens()])

    def test_broken_file(self) -> None:
        """A file that is none lets nobody in, for now, and is not written over."""
        for content in ("", "[]", "{", '{"tokens": [{}]}', "[" * 10_000):
            Path(self.path).write_text(content)
            self.assertTrue(self.assertRaises(MailframeError, self.known.find, "x").status.temporary)
            self.assertTrue(self.assertRaises(MailframeError, self.file.add, "a", ["read"]).status.temporary)
            self.assertEqual(content, Path(self.path).read_text())
