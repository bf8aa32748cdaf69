"""Tests of what can be configured of sharing."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailframe.store.sharing.options import SharingOptions


class SharingOptionsTests(SynchronousTestCase):
    """Names above other people's mailboxes."""

    def test_hiding(self) -> None:
        """Names that would hide mailboxes everybody has, or are none, are refused."""
        for name in ("", "INBOX", "inbox/Others", "/", "Others/", "a//b", ".expunged/x", "u\u0308"):
            with self.assertRaises(ValueError, msg=name):
                SharingOptions(others=name)
            with self.assertRaises(ValueError, msg=name):
                SharingOptions(shared=name)

    def test_apart(self) -> None:
        """Both names must be apart where both are used."""
        for others, shared in (("x", "x"), ("x", "x/y"), ("x/y", "x")):
            with self.assertRaises(ValueError):
                SharingOptions(others=others, shared=shared, public="office@example.test")
            SharingOptions(others=others, shared=shared)
        SharingOptions(others="Team/Others", shared="Team/All", public="office@example.test")
