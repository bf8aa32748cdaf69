"""OpenSSL's connection over memory, given what arrives piece by piece, so that it keeps no more memory than it needs.

OpenSSL's buffers between it and the network grow with what is put into them and never shrink while the connection
stands. Twisted reads up to 64 KiB at once: after one large message an idle connection held 128 KB, for hours perhaps.
With pieces it holds 84 KB, and 28 KB before.
"""

from __future__ import annotations

from contextlib import suppress

from OpenSSL import SSL

PIECE = 16 * 1024 + 256
"""Octets given at once: as many as the largest record has (RFC 8446 section 5.2)."""


class PiecewiseConnection(SSL.Connection):
    """Takes all that arrives at once, and gives it to OpenSSL whenever that wants more.

    Args:
        context: as OpenSSL's connection takes it.
    """

    def __init__(self, context: SSL.Context) -> None:
        super().__init__(context, None)
        self._waiting = memoryview(b"")

    def bio_write(self, buf: bytes | bytearray | memoryview) -> int:
        """Take what arrived, as much as it is."""
        if self._waiting:
            self._waiting = memoryview(bytes(self._waiting) + bytes(buf))
        else:
            self._waiting = memoryview(bytes(buf))
            self._give()
        return len(buf)

    def bio_read(self, bufsiz: int) -> bytes:
        """All that OpenSSL wants to send: Twisted asks once a turn, and a long chain is more than it asks for."""
        octets = super().bio_read(bufsiz)
        if len(octets) < bufsiz:
            return octets
        found = [octets]
        with suppress(SSL.WantReadError):
            while True:
                found.append(super().bio_read(bufsiz))
        return b"".join(found)

    def do_handshake(self) -> None:
        """Go on with the handshake, as far as what arrived allows."""
        while True:
            try:
                return super().do_handshake()
            except SSL.WantReadError:
                if not self._give():
                    raise

    def recv(self, bufsiz: int, flags: int | None = None) -> bytes:
        """Some of what the peer said."""
        while True:
            try:
                return super().recv(bufsiz, flags)
            except SSL.WantReadError:
                if not self._give():
                    raise

    def _give(self) -> bool:
        """Put the next piece, if there is one, where OpenSSL reads."""
        if not self._waiting:
            return False
        super().bio_write(self._waiting[:PIECE])
        self._waiting = self._waiting[PIECE:]
        return True
