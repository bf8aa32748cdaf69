from __future__ import annotations

import email.utils
from datetime import UTC, date, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.dates import SentDate, format_date, parse_date

DAY = date(2026, 3, 2).toordinal()
NOON = int(datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp())


class ParseDateTests(SynchronousTestCase):
    def test_forms(self) -> None:
        """Today's, obsolete and some broken forms are read."""
        for octets in [
            b"Mon, 02 Mar 2026 12:00:00 +0000",
            b"Mon, 2 Mar 2026 13:00:00 +0100 (CET (or so))",
            b" 2 Mar 2026 12:00 GMT ",
            b"Monday, 2-Mar-26 12:00:00 UTC",
            b"2 Mar 26 07:00:00 EST",
            b"Mon Mar  2 12:00:00 2026",
            b"Mon Mar 02 12:00:00 UTC 2026",
            b"2 March 2026 12:00:00 Z",
            b"Mon, 02 Mar 2026 12:00:00",
            b"Mon, 02 Mar 2026 12.00.00 -0000",
            b"Mon,02 Mar 2026 14:00:00 GMT+0200",
        ]:
            self.assertEqual(parse_date(octets), SentDate(NOON, DAY), octets)

    def test_day_as_written(self) -> None:
        """The day is the one the sender wrote, whatever the zone makes of it."""
        found = parse_date(b"Mon, 02 Mar 2026 00:30:00 +0200")
        self.assertEqual(found, SentDate(NOON - 12 * 3600 - 90 * 60, DAY))

    def test_no_time(self) -> None:
        """A date without time is its midnight."""
        self.assertEqual(parse_date(b"2 Mar 2026"), SentDate(NOON - 12 * 3600, DAY))

    def test_not_a_date(self) -> None:
        """What is no date is None."""
        for octets in (
            b"",
            b"yesterday",
            b"32 Mar 2026 12:00:00 +0000",
            b"30 Feb 2026 12:00:00 +0000",
            b"1 Foo 2026 1:1:1 +0000",
            b"1 Jan 0000 0:0:0 +0000",
            b"1 Jan 2026 99:00:00 +0000",
            b"\xff" * 300,
        ):
            self.assertIsNone(parse_date(octets), octets)

    @given(
        st.integers(86400, 253402000000),
        st.integers(-14 * 60, 14 * 60),
    )
    def test_standard_library(self, seconds: int, minutes: int) -> None:
        """Dates that the standard library writes are read to the second."""
        moment = datetime.fromtimestamp(seconds, timezone(timedelta(minutes=minutes)))
        text = email.utils.format_datetime(moment)
        self.assertEqual(parse_date(text.encode()), SentDate(seconds, moment.toordinal()))
        self.assertEqual(format_date(seconds, minutes), text)

    @given(st.one_of(st.binary(max_size=50), st.text("0123456789 :+-MonarGT,", max_size=50).map(str.encode)))
    def test_anything(self, octets: bytes) -> None:
        """Any octets are a date or none."""
        parse_date(octets)


class FormatDateTests(SynchronousTestCase):
    def test_format(self) -> None:
        """Dates are written in UTC or another zone."""
        self.assertEqual(format_date(NOON), "Mon, 02 Mar 2026 12:00:00 +0000")
        self.assertEqual(format_date(NOON + 0.9, -90), "Mon, 02 Mar 2026 10:30:00 -0130")
