"""Dates on the wire."""

from __future__ import annotations

import datetime
import imaplib
import time

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.imap.wire.dates import date, date_time, render_date_time
from mailframe.imap.wire.parser import Parser
from mailframe.message.status import ProtocolError


class DateTests(SynchronousTestCase):
    """Dates are read and written."""

    def test_date(self):
        """A date may be quoted."""
        wanted = datetime.date(2026, 11, 2).toordinal()
        for octets in (b"2-Nov-2026", b'"2-nov-2026"', b"02-NOV-2026"):
            self.assertEqual(date(Parser(octets)), wanted)

    def test_refused(self):
        """What is no date is a protocol error."""
        for octets in (
            b"31-Feb-2026",
            b"1-Foo-2026",
            b"0-Jan-2026",
            b"1-Jan-26",
            b"1-Jan-0000",
            b'"x"',
            b"(",
        ):
            self.assertRaises(ProtocolError, date, Parser(octets))
        for octets in (
            b'"01-Jan-2026 24:00:00 +0000"',
            b'"01-Jan-2026 00:60:00 +0000"',
            b'"01-Jan-2026 00:00:00"',
            b'"1-Jan-2026 00:00:00 +0000"',
            b'"31-Feb-2026 00:00:00 +0000"',
            b"01-Jan-2026",
        ):
            self.assertRaises(ProtocolError, date_time, Parser(octets))

    def test_zones(self):
        """A zone is taken into account."""
        self.assertEqual(date_time(Parser(b'" 1-Jan-1970 01:30:00 +0130"')), 0)
        self.assertEqual(date_time(Parser(b'"31-Dec-1969 22:30:00 -0130"')), 0)

    @given(st.integers(-(10**10), 10**11))
    def test_round_trip(self, seconds):
        """A rendered date-time is read back."""
        self.assertEqual(date_time(Parser(render_date_time(seconds))), seconds)

    @given(st.integers(0, 4 * 10**9))
    def test_imaplib(self, seconds):
        """The standard library reads what we write."""
        read = imaplib.Internaldate2tuple(b"INTERNALDATE " + render_date_time(seconds))
        wanted = time.localtime(seconds)
        self.assertEqual(read[:6], wanted[:6])

    def test_strange(self):
        """A date no calendar has is shown as the nearest there is."""
        self.assertEqual(render_date_time(10**15)[:13], b'"31-Dec-9999 ')
        self.assertEqual(render_date_time(-(10**15))[:13], b'" 1-Jan-0001 ')
