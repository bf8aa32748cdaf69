"""Bodies without their transfer encoding, octets by octets as they come (RFC 2045 section 6). Nothing fails."""

from __future__ import annotations

import binascii
from collections.abc import Callable, Mapping
from typing import Protocol

from .words import decode_base64


class Decoder(Protocol):
    """Takes an encoded body in pieces."""

    def feed(self, octets: bytes) -> bytes:
        """What is decoded so far, after some more octets."""

    def finish(self) -> bytes:
        """The rest."""


class Identity:
    """7bit, 8bit, binary: as it is."""

    def feed(self, octets: bytes) -> bytes:
        """See `Decoder.feed`."""
        return octets

    def finish(self) -> bytes:
        """See `Decoder.finish`."""
        return b""


class Base64:
    """base64; what is no letter of it is passed over."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, octets: bytes) -> bytes:
        """See `Decoder.feed`."""
        letters = (self._rest + octets).translate(None, b" \t\r\n")
        end = len(letters) - len(letters) % 4
        self._rest = letters[end:]
        return decode_base64(letters[:end])

    def finish(self) -> bytes:
        """See `Decoder.finish`."""
        rest, self._rest = self._rest, b""
        return decode_base64(rest) if rest else b""


class QuotedPrintable:
    """quoted-printable; what is none stays as it is."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, octets: bytes) -> bytes:
        """See `Decoder.feed`."""
        octets = self._rest + octets
        # Cut behind a line; in a line without end, before what may be half of "=XX" or of a soft line end.
        end = octets.rfind(b"\n") + 1
        if not end:
            cut = octets.rfind(b"=", max(0, len(octets) - 3))
            end = cut if cut >= 0 else len(octets)
            if len(octets) - end > 2:
                end = len(octets)
        self._rest = octets[end:]
        return binascii.a2b_qp(octets[:end])

    def finish(self) -> bytes:
        """See `Decoder.finish`."""
        rest, self._rest = self._rest, b""
        return binascii.a2b_qp(rest) if rest else b""


_DECODERS: Mapping[str, Callable[[], Decoder]] = {
    "7bit": Identity,
    "8bit": Identity,
    "binary": Identity,
    "base64": Base64,
    "quoted-printable": QuotedPrintable,
}


def decoder(encoding: str) -> Decoder | None:
    """A decoder for a Content-Transfer-Encoding in lower case; None for one that nobody knows."""
    made = _DECODERS.get(encoding)
    return None if made is None else made()
