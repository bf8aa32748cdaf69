"""Tests of search filters."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial import unittest

from mailframe.directory.ldap.filters import both, either, equals, escaped


class FilterTests(unittest.SynchronousTestCase):
    """What is asked for cannot change the question."""

    def test_special(self) -> None:
        """Signs that mean something in a filter are written as octets."""
        self.assertEqual(r"(x=\2a\29\28uid\3d\5c\00)", equals("x", "*)(uid=\\\0"))
        self.assertEqual("(mail=alice@example.test)", equals("mail", "alice@example.test"))

    def test_together(self) -> None:
        """Filters are put together by and and or."""
        self.assertEqual("(&(a=b)(|(c=d)(e=f)))", both("(a=b)", either(["(c=d)", "(e=f)"])))

    @given(st.text())
    def test_any_text(self, value: str) -> None:
        """Any text is escaped so that it can be read back, and has no sign with a meaning."""
        written = escaped(value)
        self.assertIsNone(re.search(r"[()*\0]|\\(?![0-9a-f]{2})", written))
        octets = re.sub(r"\\(..)", lambda found: chr(int(found[1], 16)), written).encode("latin-1")
        self.assertEqual(value.encode("utf-8", "backslashreplace"), octets)
