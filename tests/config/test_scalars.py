"""Tests of single values."""

from __future__ import annotations

import datetime

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.config.describe import duration_text, size_text
from mailframe.config.scalars import (
    one_of,
    shown,
    to_bool,
    to_duration,
    to_float,
    to_int,
    to_network,
    to_size,
    to_str,
)


class ScalarTests(SynchronousTestCase):
    """Values are taken strictly."""

    def test_durations(self) -> None:
        """A number and a unit, or several."""
        for text, seconds in (
            ("90s", 90.0),
            ("5m", 300.0),
            ("5 m", 300.0),
            ("2h", 7200.0),
            ("7d", 604800.0),
            ("1w", 604800.0),
            ("500ms", 0.5),
            ("1.5h", 5400.0),
            ("1h30m", 5400.0),
            ("1 h 30 m", 5400.0),
            ("0s", 0.0),
        ):
            self.assertEqual(seconds, to_duration(text), text)
        for wrong in ("", "5", "m", "5x", "-5m", "5m x", "5 5m", "٥m", 5, True, 5.0, "1" * 13 + "s", None):
            self.assertRaises(ValueError, to_duration, wrong)

    def test_sizes(self) -> None:
        """A number and a unit, decimal or binary; or octets."""
        for value, octets in (
            ("512 KB", 512_000),
            ("25MB", 25_000_000),
            ("25 mb", 25_000_000),
            ("1 GiB", 1 << 30),
            ("1.5 KiB", 1536),
            ("10 B", 10),
            ("10", 10),
            (0, 0),
            (7, 7),
        ):
            self.assertEqual(octets, to_size(value), value)
        for wrong in ("", "MB", "-1", -1, True, 1.0, "1 XB", "1 M", 1 << 64, []):
            self.assertRaises(ValueError, to_size, wrong)

    def test_nothing_is_guessed(self) -> None:
        """A text that looks like something else is a text."""
        for convert, wrong in (
            (to_bool, "false"),
            (to_bool, 0),
            (to_int, "5"),
            (to_int, True),
            (to_int, 5.0),
            (to_int, 1 << 64),
            (to_float, "1"),
            (to_float, True),
            (to_float, float("nan")),
            (to_float, float("inf")),
            (to_float, 1 << 2000),
            (to_str, 5),
            (to_str, "a\0b"),
            (to_network, "10.0.0.1/8"),
            (to_network, 167772160),
        ):
            self.assertRaises(ValueError, convert, wrong)
        self.assertRaises(ValueError, one_of, (1, 2), True)

    def test_shown(self) -> None:
        """Values in messages are short, on one line, as TOML writes them."""
        self.assertEqual("true", shown(True))
        self.assertEqual('"a\\nb"', shown("a\nb"))
        self.assertLess(len(shown("x" * 1000)), 100)
        self.assertEqual("a number that is too large", shown(16**5000))
        self.assertEqual("a date or time", shown(datetime.date(2026, 1, 1)))
        self.assertEqual("a list", shown([[]]))
        self.assertEqual("a table", shown({}))

    @given(st.integers(0, 10**7).map(float) | st.integers(0, 10**6).map(lambda ms: ms / 1000))
    def test_durations_written(self, seconds: float) -> None:
        """A default in the documentation can be given as it is written."""
        self.assertAlmostEqual(seconds, to_duration(duration_text(seconds)))

    @given(st.integers(0, 1 << 50))
    def test_sizes_written(self, octets: int) -> None:
        """So can a size."""
        text = size_text(octets)
        self.assertEqual(octets, to_size(int(text) if text.isdigit() else text.strip('"')))
