"""Replies as a client reads them: codes, texts and enhanced codes (RFC 5321 section 4.2, RFC 2034, RFC 3463).

Text is taken as servers write it: without a space behind the code, with a bare LF, in UTF-8 or in nothing at all.
What is not negotiable is what would put replies out of step with commands or cost memory: three digits that are a
code, one code for all lines of a reply, and bounds on lines and their number.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from mailframe.message.status import ProtocolError, Status

LINE_LIMIT: Final = 16 * 1024
"""Octets of a line. RFC 5321 section 4.5.3.1.5 says 512; an AUTH challenge may have 12288 (RFC 4954 section 4)."""
LINES_LIMIT: Final = 256
"""Lines of one reply."""
REPLY_LIMIT: Final = 64 * 1024
"""Octets of one reply."""
TEXT_LIMIT: Final = 500
"""Characters of a reply that are kept for logs and statuses."""

_NOT_A_REPLY: Final = Status((5, 5, 0), "The server's reply is not one of SMTP")
_CODES_DIFFER: Final = Status((5, 5, 0), "The lines of the server's reply have different codes")
_TOO_LONG: Final = Status((5, 5, 6), "The server's reply is too long")

_LINE: Final = re.compile(rb"([2-5][0-9][0-9])(?:([- \t])(.*))?", re.DOTALL)
_ENHANCED: Final = re.compile(r"([245])\.([0-9]{1,3})\.([0-9]{1,3})(?:[ \t]+|$)")

# RFC 5248 and RFC 3463 section 3: what a code without an enhanced one most likely means.
_MEANINGS: Final = {
    421: (4, 3, 2), 432: (4, 7, 12), 450: (4, 2, 0), 451: (4, 3, 0), 452: (4, 3, 1), 454: (4, 7, 0),
    455: (4, 5, 4), 500: (5, 5, 2), 501: (5, 5, 4), 502: (5, 5, 1), 503: (5, 5, 1), 504: (5, 5, 4),
    521: (5, 3, 2), 530: (5, 7, 0), 534: (5, 7, 9), 535: (5, 7, 8), 538: (5, 7, 11), 552: (5, 3, 4),
    553: (5, 1, 3), 555: (5, 5, 4), 556: (5, 1, 10),
}  # fmt: skip


class Reply(NamedTuple):
    """One reply, all its lines.

    Attributes:
        code: 200 to 599.
        lines: the text of each line without its code; printable characters only, others became ``?``.
        enhanced: the enhanced status code, where there is one that agrees with ``code``.
    """

    code: int
    lines: tuple[str, ...]
    enhanced: tuple[int, int, int] | None = None

    @property
    def positive(self) -> bool:
        """2yz: done."""
        return self.code < 300

    @property
    def intermediate(self) -> bool:
        """3yz: go on."""
        return 300 <= self.code < 400

    @property
    def temporary(self) -> bool:
        """4yz: the same may succeed later."""
        return 400 <= self.code < 500

    @property
    def permanent(self) -> bool:
        """5yz: the same will not succeed."""
        return self.code >= 500

    @property
    def text(self) -> str:
        """All lines in one, without enhanced codes, at most `TEXT_LIMIT` characters."""
        lines = [_ENHANCED.sub("", line, count=1) if self.enhanced else line for line in self.lines]
        return " ".join(" ".join(lines).split())[:TEXT_LIMIT]

    def __str__(self) -> str:
        """As a log or a notification shows it: ``550 5.1.1 No such mailbox``."""
        enhanced = "{}.{}.{}".format(*self.enhanced) if self.enhanced else ""
        return " ".join(part for part in (str(self.code), enhanced, self.text) if part)

    def status(self, host: str = "") -> Status:
        """What this reply means for mail.

        Args:
            host: who said it, for the text.

        Raises:
            ValueError: it is a 3yz, which means nothing by itself.
        """
        severity = self.code // 100
        if severity == 3:
            raise ValueError("an intermediate reply is no outcome")
        enhanced = self.enhanced or _MEANINGS.get(self.code) or (severity, 0, 0)
        said = f"{host} said: {self}" if host else str(self)
        return Status(enhanced, ascii_text(said))


def ascii_text(text: str) -> str:
    """A peer's words as the text of a `Status`: one line of printable ASCII, bounded."""
    if not text.isascii() or not text.isprintable():
        text = "".join(char if char.isascii() and char.isprintable() else "?" for char in text)
    return text[:TEXT_LIMIT]


class ReplyReader:
    """Takes replies out of what a server sends, in any segmentation.

    Args:
        line_limit: octets of a line, its end included.
        lines_limit: lines of a reply.
        reply_limit: octets of a reply.
    """

    __slots__ = (
        "_buffer",
        "_code",
        "_line_limit",
        "_lines",
        "_lines_limit",
        "_octets",
        "_reply_limit",
        "_searched",
    )

    def __init__(
        self,
        line_limit: int = LINE_LIMIT,
        lines_limit: int = LINES_LIMIT,
        reply_limit: int = REPLY_LIMIT,
    ) -> None:
        self._line_limit = line_limit
        self._lines_limit = lines_limit
        self._reply_limit = reply_limit
        self._buffer = bytearray()
        self._searched = 0
        self._code = 0
        self._lines: list[str] = []
        self._octets = 0

    @property
    def waiting(self) -> int:
        """Octets that were not given out yet: what came behind the last reply, or a part of the next one."""
        return len(self._buffer) + self._octets

    @property
    def beginning(self) -> bytes:
        """At most three octets of what came behind the last whole line: of a code, where it is one."""
        return bytes(self._buffer[:3])

    def feed(self, octets: bytes) -> None:
        """Add what arrived."""
        self._buffer += octets

    def clear(self) -> None:
        """Forget all that waits."""
        self._buffer.clear()
        self._forget_reply()
        self._searched = 0

    def next_reply(self) -> Reply | None:
        """The next reply, or None when it has not arrived whole.

        Raises:
            ProtocolError: fatal: it is no reply, or beyond a bound. Nothing behind it can be understood.
        """
        while (line := self._take_line()) is not None:
            found = _LINE.fullmatch(line)
            if found is None:
                raise ProtocolError(_NOT_A_REPLY, fatal=True)
            code = int(found[1])
            if self._lines and code != self._code:
                raise ProtocolError(_CODES_DIFFER, fatal=True)
            self._code = code
            self._lines.append(_printable(found[3] or b""))
            if found[2] != b"-":
                return self._whole()
            if len(self._lines) >= self._lines_limit:
                raise ProtocolError(_TOO_LONG, fatal=True)
        return None

    def _take_line(self) -> bytes | None:
        end = self._buffer.find(b"\n", self._searched)
        length = end + 1 if end >= 0 else len(self._buffer)
        # An unfinished line is too long already when no end can come within the limit any more.
        if length > self._line_limit or (end < 0 and length >= self._line_limit):
            raise ProtocolError(_TOO_LONG, fatal=True)
        if self._octets + length > self._reply_limit:
            raise ProtocolError(_TOO_LONG, fatal=True)
        if end < 0:
            self._searched = length
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        self._searched = 0
        self._octets += length
        return line.removesuffix(b"\r")

    def _whole(self) -> Reply:
        code, lines = self._code, tuple(self._lines)
        self._forget_reply()
        return Reply(code, lines, _enhanced(code, lines))

    def _forget_reply(self) -> None:
        self._code = 0
        self._lines = []
        self._octets = 0


def _enhanced(code: int, lines: Sequence[str]) -> tuple[int, int, int] | None:
    """RFC 2034 section 4: it stands on each line; the first one counts where they differ."""
    found = _ENHANCED.match(lines[0])
    if found is None or int(found[1]) != code // 100:
        return None
    return int(found[1]), int(found[2]), int(found[3])


def _printable(octets: bytes) -> str:
    text = octets.decode("utf-8", "replace")
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else " " if char == "\t" else "?" for char in text)
