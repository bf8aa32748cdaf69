"""Compression of a connection (RFC 4978), in little memory, and never more at a time than is wanted.

What a peer compressed a thousandfold is not expanded before there is room for it: `Deflate.expand` gives so much and
keeps the rest as it came.
"""

from __future__ import annotations

import zlib

WINDOW_BITS = 13
"""Of what is sent: 8 KB of history. With `MEMORY_LEVEL` a connection needs 75 KB for both, not 310."""
MEMORY_LEVEL = 4
LEVEL = 3
PIECE = 64 * 1024
"""Octets that are expanded at a time."""


class Deflate:
    """Both directions of one connection."""

    __slots__ = ("_compress", "_expand", "_rest")

    def __init__(self) -> None:
        self._compress = zlib.compressobj(LEVEL, zlib.DEFLATED, -WINDOW_BITS, MEMORY_LEVEL)
        # The peer may use all the history there is.
        self._expand = zlib.decompressobj(-zlib.MAX_WBITS)
        self._rest = b""

    def compress(self, octets: bytes) -> bytes:
        """Octets to send; what was given is in them whole."""
        return self._compress.compress(octets) + self._compress.flush(zlib.Z_SYNC_FLUSH)

    def take(self, octets: bytes) -> None:
        """Octets came."""
        self._rest += octets

    @property
    def waiting(self) -> int:
        """Octets that came and were not expanded yet."""
        return len(self._rest)

    def expand(self) -> bytes:
        """A piece of what the peer meant; b"" where more must come.

        Raises:
            ValueError: it is not compressed.
        """
        if not self._rest:
            return b""
        try:
            octets = self._expand.decompress(self._rest, PIECE)
        except zlib.error as error:
            raise ValueError(str(error)) from error
        self._rest = self._expand.unconsumed_tail
        if self._expand.eof:
            raise ValueError("the stream is at its end")
        return octets
