"""Bodies without their transfer encoding."""

from __future__ import annotations

import base64
import itertools
import quopri

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.transfer_decoding import decoder

bodies = st.binary(max_size=300)
cuts = st.lists(st.integers(0, 400), max_size=8).map(sorted)


class DecoderTests(SynchronousTestCase):
    """Every encoding, however it comes in pieces."""

    def decoded(self, encoding: str, octets: bytes, places: list[int]) -> bytes:
        """What comes out of pieces."""
        decoding = decoder(encoding)
        assert decoding is not None
        ends = [0, *places, len(octets)]
        pieces = [octets[start:end] for start, end in itertools.pairwise(ends)]
        return b"".join([*map(decoding.feed, pieces), decoding.finish()])

    @given(bodies, cuts)
    def test_base64(self, body: bytes, places: list[int]) -> None:
        """base64 in lines."""
        encoded = base64.encodebytes(body).replace(b"\n", b"\r\n")
        self.assertEqual(
            self.decoded("base64", encoded, [min(place, len(encoded)) for place in places]), body
        )

    @given(st.text("ab= é\t\r\n", max_size=200).map(str.encode), cuts)
    def test_quoted_printable(self, body: bytes, places: list[int]) -> None:
        """quoted-printable, cut anywhere."""
        body = body.replace(b"\r", b"").replace(b"\n", b"\r\n")
        encoded = quopri.encodestring(body.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
        found = self.decoded("quoted-printable", encoded, [min(place, len(encoded)) for place in places])
        self.assertEqual(found, body)

    @given(bodies, cuts)
    def test_identity(self, body: bytes, places: list[int]) -> None:
        """What is not encoded stays as it is."""
        for encoding in ("7bit", "8bit", "binary"):
            self.assertEqual(self.decoded(encoding, body, [min(place, len(body)) for place in places]), body)

    def test_unknown(self) -> None:
        """An encoding that nobody knows has no decoder."""
        self.assertIsNone(decoder("x-uuencode"))
