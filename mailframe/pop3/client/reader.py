"""Takes replies out of what arrives (RFC 1939 section 3). No I/O; of a message's octets nothing is kept."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailframe.dialogue.buffer import ReceiveBuffer
from mailframe.dialogue.dotstuffing import DotReader
from mailframe.message.status import ProtocolError, Status

LINE_LIMIT = 16 * 1024
"""Octets of one line; RFC 2449 section 4 allows 512, and a challenge may be longer."""
BAD_REPLY = Status((4, 5, 2), "The server does not talk POP3 as RFC 1939 has it")
_CODE = re.compile(r"\[([A-Za-z0-9/-]+)\] ?")


@dataclass(frozen=True, slots=True)
class Reply:
    """The first line of a reply.

    Attributes:
        success: ``+OK``.
        text: for people, without the response code.
        code: RFC 2449 section 8, in capitals; "" for none.
        challenge: of AUTH: its base64; None for any other reply.
    """

    success: bool
    text: str = ""
    code: str = ""
    challenge: bytes | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """Octets of a reply of several lines, without its dots; ``last`` when that was all."""

    octets: bytes
    last: bool = False


class ReplyReader:
    """Octets in, replies out, however they are split."""

    def __init__(self) -> None:
        self._buffer = ReceiveBuffer()
        self._dots: DotReader | None = None
        self._multiline = False

    def feed(self, octets: bytes) -> None:
        """Add what arrived."""
        self._buffer.append(octets)

    @property
    def waiting(self) -> int:
        """Octets that arrived and were not understood yet: behind STLS there must be none."""
        return len(self._buffer)

    def expect(self, multiline: bool = False) -> None:
        """A command is being sent.

        Args:
            multiline: its answer has more lines when it succeeds.
        """
        self._multiline = multiline

    def next(self) -> Reply | Piece | None:
        """The next reply, or piece of one; None when more must arrive.

        Raises:
            ProtocolError: what arrived is not POP3; the connection is of no more use.
        """
        if self._dots is not None:
            return self._piece(self._dots)
        line = self._buffer.take_line(LINE_LIMIT)
        if line is None:
            return None
        reply = parse_reply(line)
        if reply.success and reply.challenge is None and self._multiline:
            # A bare CR or LF of a sloppy server becomes a line end, as the store wants it.
            self._dots, self._multiline = DotReader("normalise"), False
        return reply

    def _piece(self, dots: DotReader) -> Piece | None:
        octets = dots.read(self._buffer)
        if dots.finished:
            self._dots = None
            return Piece(octets, True)
        return Piece(octets) if octets else None


def parse_reply(line: bytes) -> Reply:
    """The first line of a reply.

    Raises:
        ProtocolError: it is none.
    """
    word, _, rest = line.partition(b" ")
    if word == b"+":
        return Reply(True, challenge=rest)
    if word.upper() not in (b"+OK", b"-ERR"):
        raise ProtocolError(BAD_REPLY, fatal=True)
    text = rest.decode("utf-8", "replace")
    match = _CODE.match(text)
    code = "" if match is None else match[1].upper()
    return Reply(word.upper() == b"+OK", text if match is None else text[match.end() :], code)
