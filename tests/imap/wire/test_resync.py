"""Mod-sequences on the wire."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.imap.wire.parser import Parser
from mailframe.imap.wire.resync import (
    EVERYTHING,
    Known,
    SelectParameters,
    select_parameters,
    vanished,
    within,
    without,
)
from mailframe.imap.wire.sequences import ranges_of
from mailframe.message.status import ProtocolError

numbers = st.sets(st.integers(1, 60), max_size=30)


class RangesTests(SynchronousTestCase):
    """Ranges are cut as the sets they stand for."""

    @given(numbers, numbers)
    def test_sets(self, some: set[int], others: set[int]) -> None:
        """What is within others, and what is not, are intersection and difference."""
        one, other = ranges_of(sorted(some)), ranges_of(sorted(others))
        self.assertEqual(within(one, other), ranges_of(sorted(some & others)))
        self.assertEqual(without(one, other), ranges_of(sorted(some - others)))


class ParametersTests(SynchronousTestCase):
    """What stands behind the mailbox of SELECT."""

    def parsed(self, text: bytes) -> SelectParameters:
        """The parameters, and nothing behind them."""
        parser = Parser(text)
        found = select_parameters(parser)
        parser.end()
        return found

    def test_parameters(self) -> None:
        """Every form of RFC 7162 is understood."""
        for text, wanted in (
            (b"", SelectParameters()),
            (b" (CONDSTORE)", SelectParameters(True)),
            (b" (qresync (7 90))", SelectParameters(False, Known(7, 90))),
            (b" (QRESYNC (7 90 1:3,9))", SelectParameters(False, Known(7, 90, ((1, 3), (9, 9))))),
            (b" (QRESYNC (7 90 3:1 (1,2 5,8)))", SelectParameters(False, Known(7, 90, ((1, 3),), True))),
            (b" (QRESYNC (7 90 (1 5)) CONDSTORE)", SelectParameters(True, Known(7, 90, EVERYTHING, True))),
        ):
            with self.subTest(text=text):
                self.assertEqual(self.parsed(text), wanted)

    @given(st.binary(max_size=30) | st.text("QRESYNC() 0123456789:,*", max_size=40).map(str.encode))
    def test_garbage(self, text: bytes) -> None:
        """Whatever stands there, it is understood or refused."""
        try:
            self.parsed(b" (" + text + b")")
        except ProtocolError:
            pass


class VanishedTests(SynchronousTestCase):
    """The VANISHED response."""

    def test_forms(self) -> None:
        """Runs become ranges; nothing is said of nothing."""
        self.assertEqual(vanished(()), b"")
        self.assertEqual(vanished(((3, 3), (5, 9))), b"* VANISHED 3,5:9\r\n")
        self.assertEqual(vanished(((3, 3),), earlier=True), b"* VANISHED (EARLIER) 3\r\n")
