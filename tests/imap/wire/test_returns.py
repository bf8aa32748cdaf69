"""What searches return."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.imap.wire.fetching import Fact
from mailframe.imap.wire.parser import Parser
from mailframe.imap.wire.returns import OPTIONS, Page, Returns, esearch, return_options
from mailframe.message.status import ProtocolError

places = st.integers(1, 2**32 - 1)
pages = st.builds(
    lambda first, last, sign: Page(sign * first, sign * last), places, places, st.sampled_from((1, -1))
)
choices = st.sets(st.sampled_from(sorted(OPTIONS)))


def parse(octets):
    return return_options(Parser(octets))


class ReturnOptionsTests(SynchronousTestCase):
    """``RETURN (...)``."""

    def test_options(self):
        """None where there are none; empty ones mean ALL."""
        self.assertIsNone(parse(b"ALL"))
        self.assertEqual(parse(b"RETURN () ALL"), Returns(frozenset({"ALL"})))
        self.assertEqual(parse(b"return (min Count) ALL"), Returns(frozenset({"MIN", "COUNT"})))
        self.assertEqual(parse(b"RETURN (PARTIAL -1:-9 SAVE) 1"), Returns(frozenset({"SAVE"}), Page(-1, -9)))

    def test_update(self):
        """UPDATE may say what to fetch of messages that come in (RFC 5465 section 7)."""
        options = frozenset({"COUNT", "UPDATE"})
        self.assertEqual(
            parse(b"RETURN (COUNT update (UID Flags)) ALL"),
            Returns(options, attributes=(Fact.UID, Fact.FLAGS)),
        )
        self.assertEqual(parse(b"RETURN (UPDATE (UID) COUNT) ALL"), Returns(options, attributes=(Fact.UID,)))
        for octets in (b"RETURN (UPDATE ()) ALL", b"RETURN (UPDATE(UID)) ALL", b"RETURN (COUNT (UID)) ALL"):
            self.assertRaises(ProtocolError, parse, octets)

    def test_refused(self):
        """What is not known or does not go together is refused."""
        for octets in (
            b"RETURN", b"RETURN (", b"RETURN (MIN", b"RETURN (BEST) ALL", b"RETURN (MIN)", b"RETURN (MIN  MAX) ALL",
            b"RETURN ( MIN) ALL", b"RETURN (PARTIAL) ALL", b"RETURN (PARTIAL 0:1) ALL", b"RETURN (PARTIAL 1:-2) ALL",
            b"RETURN (PARTIAL -1:2) ALL", b"RETURN (PARTIAL 1) ALL", b"RETURN (PARTIAL 1:2 ALL) ALL",
            b"RETURN (PARTIAL 1:2 PARTIAL 3:4) ALL", b"RETURN (PARTIAL 1:4294967296) ALL", b"RETURN MIN ALL",
        ):  # fmt: skip
            self.assertRaises(ProtocolError, parse, octets)

    @given(choices, pages)
    def test_round_trip(self, options, page):
        """All options that go together are taken."""
        options.discard("ALL")
        words = [*sorted(options), f"PARTIAL {bytes(page).decode()}"]
        wanted = Returns(frozenset(options), page)
        self.assertEqual(parse(f"RETURN ({' '.join(words)}) ALL".encode()), wanted)

    @given(st.binary(max_size=30))
    def test_garbage(self, octets):
        """Garbage is refused as such."""
        try:
            parse(b"RETURN (" + octets)
        except ProtocolError:
            pass


class PageTests(SynchronousTestCase):
    """Pieces of a result."""

    @given(st.lists(st.integers(1, 999), max_size=9), st.integers(1, 12), st.integers(1, 12))
    def test_pieces(self, found, first, last):
        """Places count from the beginning or from the end, either end first."""
        low, high = sorted((first, last))
        wanted = [uid for place, uid in enumerate(found, 1) if low <= place <= high]
        self.assertEqual(list(Page(first, last).of(found)), wanted)
        backwards = [uid for place, uid in enumerate(reversed(found), 1) if low <= place <= high]
        self.assertEqual(list(Page(-first, -last).of(found)), backwards[::-1])

    def test_meant(self):
        """What is saved and counted for MODSEQ follows what is returned."""
        found = [1, 2, 3, 4, 5]
        cases = [
            ({"SAVE"}, None, found),
            ({"MIN", "SAVE"}, None, [1]),
            ({"MIN", "MAX"}, None, [1, 5]),
            ({"MIN", "COUNT"}, None, found),
            ({"MIN", "ALL"}, None, found),
            ({"SAVE"}, Page(2, 3), [2, 3]),
            ({"MIN", "MAX"}, Page(2, 3), [1, 2, 3, 5]),
            ({"COUNT"}, Page(2, 3), found),
        ]
        for options, page, wanted in cases:
            self.assertEqual(list(Returns(frozenset(options), page).meant(found)), wanted)


class ESEARCHTests(SynchronousTestCase):
    """The response."""

    def test_all(self):
        """Everything that can be returned, in one line."""
        line = esearch(b"a1", Returns(OPTIONS), [1, 2, 3, 9], by_uid=True, modseq=7)
        self.assertEqual(line, b'* ESEARCH (TAG "a1") UID MIN 1 MAX 9 COUNT 4 ALL 1:3,9 MODSEQ 7\r\n')

    def test_nothing(self):
        """Of no messages there is only the count, and the page that was asked for."""
        returns = Returns(frozenset({"MIN", "MAX", "COUNT"}), Page(-1, -5))
        line = esearch(b"a1", returns, [], by_uid=False, modseq=0)
        self.assertEqual(line, b'* ESEARCH (TAG "a1") COUNT 0 PARTIAL (-1:-5 NIL)\r\n')
