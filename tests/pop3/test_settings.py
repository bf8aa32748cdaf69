"""Options of POP3 listeners."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailframe.pop3.settings import POP3Settings


class UIDLFormatTests(SynchronousTestCase):
    """What UIDL may call messages."""

    def test_formats(self) -> None:
        """Formats of the field's servers are taken."""
        for text in ("%08Xu%08Xv", "%u", "%v.%u", "UID%u-%v", "%{uid | hex(8)}%{uidvalidity}"):
            with self.subTest(text=text):
                self.assertEqual(POP3Settings(uidl_format=text).uidl_format, text)

    def test_refused(self) -> None:
        """One that gives all messages the same name, or names that clients cannot take, is refused."""
        for text in ("", "%v", "%f", "%q%u", "%u %v", "%9u", "x" * 70 + "%u", "\u00e9%u"):
            with self.subTest(text=text):
                self.assertRaises(ValueError, POP3Settings, uidl_format=text)
