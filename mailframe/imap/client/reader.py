"""Takes responses out of what arrives. No I/O; one response is kept at a time, and of a message's octets nothing."""

from __future__ import annotations

import re

from mailframe.dialogue.buffer import ReceiveBuffer
from mailframe.message.content import CHUNK

from .responses import Literal, Part, Piece, Response, Streamed, bad, is_verdict, parse

LINE_LIMIT = 1024 * 1024
"""Octets of one line; the flags of a FETCH and the list of capabilities are in one."""
RESPONSE_LIMIT = 4 * 1024 * 1024
"""Octets of one response, without those of a message."""
MESSAGE_LIMIT = 1 << 40
_LITERAL = re.compile(rb"~?\{(\d{1,15})\}\Z")
_MESSAGE = re.compile(rb"[ (]BODY\[\](?:<0>)? \Z", re.IGNORECASE)


class ResponseReader:
    """Octets in, responses out, however they are split.

    The literal of a ``BODY[]`` comes out in pieces (`Piece`), before the response it is in.
    """

    def __init__(self) -> None:
        self._buffer = ReceiveBuffer()
        self._parts: list[Part] = []
        self._size = 0
        self._streaming = 0
        self._literal: int | None = None

    def feed(self, octets: bytes) -> None:
        """Add what arrived."""
        self._buffer.append(octets)

    @property
    def waiting(self) -> int:
        """Octets that arrived and were not understood yet: behind STARTTLS there must be none."""
        return len(self._buffer)

    def next(self) -> Response | None:
        """The next response or piece; None when more must arrive.

        Raises:
            ProtocolError: what arrived is not IMAP, or too much of it; the connection is of no more use.
        """
        while True:
            if self._streaming:
                return self._piece()
            if self._literal is not None:
                octets = self._buffer.take(self._literal)
                if octets is None:
                    return None
                self._add(Literal(octets), self._literal)
                self._literal = None
            line = self._buffer.take_line(LINE_LIMIT)
            if line is None:
                return None
            if not self._begin_literal(line):
                self._add(line, len(line))
                parts, self._parts, self._size = self._parts, [], 0
                return parse(parts)

    def _piece(self) -> Piece | None:
        octets = self._buffer.take_up_to(min(self._streaming, CHUNK))
        self._streaming -= len(octets)
        return Piece(octets) if octets else None

    def _begin_literal(self, line: bytes) -> bool:
        """Does this line end in a literal's size? Its octets come next."""
        match = _LITERAL.search(line)
        if match is None or (not self._parts and is_verdict(line)):
            return False
        size, before = int(match[1]), line[: match.start()]
        self._add(before, len(before))
        if _MESSAGE.search(before):
            if size > MESSAGE_LIMIT:
                raise bad()
            self._parts.append(Streamed(size))
            self._streaming = size
        else:
            if self._size + size > RESPONSE_LIMIT:
                raise bad()
            self._literal = size
        return True

    def _add(self, part: Part, size: int) -> None:
        self._size += size
        if self._size > RESPONSE_LIMIT:
            raise bad()
        self._parts.append(part)
