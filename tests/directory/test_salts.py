"""The secret that salts are made from."""

from __future__ import annotations

import os
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from mailframe.directory import salts
from mailframe.directory.salts import kept_secret


class SaltsTests(SynchronousTestCase):
    """One for all processes."""

    def setUp(self) -> None:
        self.directory = self.mktemp()
        os.mkdir(self.directory)
        self.path = os.path.join(self.directory, "salts.key")

    def test_kept(self) -> None:
        """It is made once, is nobody else's to read, and leaves no other file."""
        first = kept_secret(self.path)
        self.assertEqual(len(first), 64)
        self.assertEqual(kept_secret(self.path), first)
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o600)
        self.assertEqual(os.listdir(self.directory), ["salts.key"])

    def test_at_the_same_time(self) -> None:
        """Two processes that make it at once have the same in the end."""
        make = salts._make

        def first_another(path: str) -> None:
            make(path)
            make(path)

        with mock.patch.object(salts, "_make", first_another):
            first = kept_secret(self.path)
        self.assertEqual(kept_secret(self.path), first)
        self.assertEqual(os.listdir(self.directory), ["salts.key"])

    def test_no_place(self) -> None:
        """Where it cannot be kept, that is told."""
        self.assertRaises(OSError, kept_secret, os.path.join(self.directory, "missing", "salts.key"))
