"""How content goes over the wire: dot-stuffed behind DATA, or in counted chunks (RFC 3030). No I/O.

Neither lets a bare CR or LF pass (but for BINARYMIME, whose chunks are counted and have no lines): a server that
takes one for a line end would see commands in the content («SMTP smuggling»). The content was looked at before, and
refused or normalised as it was told; this is the second lock on the same door.
"""

from __future__ import annotations

from typing import Protocol

from mailframe.dialogue.dotstuffing import DotWriter


class Framing(Protocol):
    """Turns content into what is sent."""

    @property
    def chunked(self) -> bool:
        """Is every piece a command of its own, with a reply?"""

    def write(self, octets: bytes) -> tuple[bytes, int]:
        """The next octets.

        Returns:
            What to send, and how many replies it will have.
        """

    def finish(self) -> tuple[bytes, int]:
        """The end; as `write`."""


class DotFraming:
    """Content behind DATA (RFC 5321 section 4.5.2)."""

    chunked = False

    def __init__(self) -> None:
        self._writer = DotWriter("refuse")

    def write(self, octets: bytes) -> tuple[bytes, int]:
        """Stuffed.

        Raises:
            MailframeError: a bare CR or LF.
        """
        return self._writer.write(octets), 0

    def finish(self) -> tuple[bytes, int]:
        """The lone dot."""
        return self._writer.finish(), 1


class ChunkFraming:
    """Content by BDAT. A chunk is held back until it is known whether it is the last.

    Args:
        binary: the server knows that there are no lines (BODY=BINARYMIME).
    """

    chunked = True

    def __init__(self, binary: bool = False) -> None:
        self._held: bytes | None = None
        # The stuffed form is thrown away: it is asked for its check of line ends.
        self._check = None if binary else DotWriter("refuse")

    def write(self, octets: bytes) -> tuple[bytes, int]:
        """The chunk before this one.

        Raises:
            MailframeError: a bare CR or LF.
        """
        if self._check is not None:
            self._check.write(octets)
        if not octets:
            return b"", 0
        held, self._held = self._held, octets
        return (b"", 0) if held is None else (_chunk(held, b""), 1)

    def finish(self) -> tuple[bytes, int]:
        """The last chunk."""
        if self._check is not None:
            self._check.finish()
        return _chunk(self._held or b"", b" LAST"), 1


def _chunk(octets: bytes, last: bytes) -> bytes:
    return b"BDAT %d%b\r\n%b" % (len(octets), last, octets)
