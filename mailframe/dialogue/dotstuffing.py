"""The data of SMTP and POP3: dots in front of lines, and the one true end (RFC 5321 section 4.5.2, RFC 1939).

Both directions work on whole chunks by ``bytes.find``, `count` and ``replace``; nothing looks at single lines. No
I/O, no Twisted. Data ends at ``CRLF . CRLF`` and nowhere else: whoever takes ``LF . LF`` for an end, or passes a bare
CR or LF on, lets a sender hide a second message in the first («SMTP smuggling», 2023).
"""

from __future__ import annotations

from typing import Final

from mailframe.message.content import CHUNK
from mailframe.message.status import MailframeError, Status

from .buffer import ReceiveBuffer
from .line_ends import LineEnds, has_bare, normalised

__all__ = ["BARE_IN_CONTENT", "DotReader", "DotWriter", "LineEnds"]

BARE_IN_CONTENT: Final = Status(
    (5, 6, 0), "The message has a bare CR or LF; lines end in CRLF", "CLIENTBUG", reply_code=554
)

# Every beginning of the end of data that a chunk may stop in, the longest first.
_BEGINNINGS: Final = (b"\r\n.\r", b"\r\n.", b"\r\n", b"\r")


class DotReader:
    """Takes dot-stuffed data apart: content comes out, the end is found.

    Args:
        line_ends: ``refuse``: after a bare CR or LF the rest is read to its end and thrown away, and `bare` tells
            it. ``normalise``: a bare CR or LF becomes CRLF. Neither can end the data.

    Attributes:
        finished: the end of data has been read.
        bare: a bare CR or LF has been seen.
        rest: octets that came behind the end; they belong to the dialogue.
    """

    __slots__ = ("_first", "_held", "_normalise", "bare", "finished", "rest")

    def __init__(self, line_ends: LineEnds = "refuse") -> None:
        self._normalise = line_ends == "normalise"
        # The data begins behind the CRLF of its command: with that in front, a first line is a line like
        # any other. It is cut off again from the first content.
        self._held = b"\r\n"
        self._first = True
        self.finished = False
        self.bare = False
        self.rest = b""

    def read(self, buffer: ReceiveBuffer, limit: int = CHUNK) -> bytes:
        """Take at most ``limit`` octets from a buffer and leave there what is behind the end.

        Returns:
            Content without dots; empty when nothing can be told yet.
        """
        content = self.feed(buffer.take_up_to(limit))
        if self.rest:
            buffer.put_back(self.rest)
            self.rest = b""
        return content

    def feed(self, data: bytes) -> bytes:
        """Take the next octets of the data; not to be called after `finished`.

        Returns:
            Content without dots, lines ended by CRLF; may be empty. Always less than a line is held back.
        """
        if self._held:
            data = self._held + data
        # One search finds both what is stuffed and the end; most chunks have neither.
        dot = data.find(b"\r\n.")
        end = data.find(b"\r\n.\r\n", dot) if dot >= 0 else -1
        if end >= 0:
            self.finished = True
            self.rest = data[end + 5 :]
            self._held = b""
            content = data[: end + 2]
        else:
            self._held = _beginning_of_end(data)
            content = data[: len(data) - len(self._held)] if self._held else data
        if not content:
            return b""
        if dot >= 0 and dot != end:
            content = content.replace(b"\r\n.", b"\r\n")
        if self._first:
            self._first = False
            return self._checked(content)[2:]
        return self._checked(content)

    def _checked(self, content: bytes) -> bytes:
        """The content; nothing once it is refused."""
        if not has_bare(content):
            return b"" if self.bare and not self._normalise else content
        self.bare = True
        return normalised(content) if self._normalise else b""


class DotWriter:
    """Makes dot-stuffed data of content, chunk by chunk.

    Args:
        line_ends: ``normalise``: a bare CR or LF becomes CRLF; ``refuse``: it raises.
    """

    __slots__ = ("_at_line_start", "_held", "_normalise")

    def __init__(self, line_ends: LineEnds = "normalise") -> None:
        self._normalise = line_ends == "normalise"
        self._at_line_start = True
        self._held = b""

    def write(self, data: bytes) -> bytes:
        """The next octets of the content, stuffed; a CR at their end waits for what follows.

        Raises:
            MailframeError: a bare CR or LF, where those are refused.
        """
        if self._held:
            data = self._held + data
        self._held = b""
        if data.endswith(b"\r"):
            self._held = b"\r"
            data = data[:-1]
        if not data:
            return b""
        if has_bare(data):
            data = self._normalised(data)
        stuffed = data.replace(b"\r\n.", b"\r\n..") if b"\r\n." in data else data
        if self._at_line_start and data.startswith(b"."):
            stuffed = b"." + stuffed
        self._at_line_start = data.endswith(b"\r\n")
        return stuffed

    def finish(self) -> bytes:
        """The end of data, and before it the CRLF that the last line may lack.

        Raises:
            MailframeError: the content ended in a bare CR, where that is refused.
        """
        if self._held:
            self._held = b""
            self._normalised(b"\r")
            self._at_line_start = False
        return b".\r\n" if self._at_line_start else b"\r\n.\r\n"

    def _normalised(self, data: bytes) -> bytes:
        if not self._normalise:
            raise MailframeError(BARE_IN_CONTENT)
        return normalised(data)


def _beginning_of_end(data: bytes) -> bytes:
    for beginning in _BEGINNINGS:
        if data.endswith(beginning):
            return beginning
    return b""
