"""What a client sends, as events: commands, and responses to AUTH challenges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mailframe.dialogue.buffer import ReceiveBuffer

from .commands import Command, parse_command

RESPONSE_LIMIT: Final = 12288
"""Octets of a response line, its CRLF included; what SMTP has in RFC 4954 section 4, POP3 needs as well."""


@dataclass(frozen=True, slots=True)
class Response:
    """A line behind a ``+ `` challenge: base64, or ``*``."""

    line: bytes

    def __repr__(self) -> str:
        return "Response()"


class Reader:
    """Reads one client.

    Args:
        line_limit: octets of a command line, its CRLF included.
    """

    __slots__ = ("_line_limit", "_responding")

    def __init__(self, line_limit: int) -> None:
        self._line_limit = line_limit
        self._responding = False

    def expect_response(self) -> None:
        """After a challenge: one response line follows."""
        self._responding = True

    def next_event(self, buffer: ReceiveBuffer) -> Command | Response | None:
        """The next event, or None when it has not arrived whole.

        Raises:
            ProtocolError: a line is too long (fatal), has a bare CR or LF, or is no command.
        """
        if not self._responding:
            line = buffer.take_line(self._line_limit)
            return None if line is None else parse_command(line)
        # A line that is refused ends the exchange, too.
        self._responding = False
        line = buffer.take_line(RESPONSE_LIMIT)
        if line is None:
            self._responding = True
            return None
        return Response(line)
