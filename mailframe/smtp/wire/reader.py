"""What a client sends, as events: commands, pieces of data, responses to AUTH challenges."""

from __future__ import annotations

from typing import Final, NamedTuple

from mailframe.dialogue.buffer import ReceiveBuffer
from mailframe.dialogue.dotstuffing import DotReader, LineEnds
from mailframe.message.content import CHUNK
from mailframe.message.status import ProtocolError

from .commands import Bdat, Command, parse_command
from .leniency import straightened

AUTH_LINE_LIMIT: Final = 12288
"""Octets of a response line, its CRLF included (RFC 4954 section 4)."""


class DataPiece(NamedTuple):
    """Content that arrived behind DATA.

    Attributes:
        content: octets without dot-stuffing; may be empty.
        last: the data ended here.
        refused: a bare CR or LF has been seen, and is not normalised.
    """

    content: bytes
    last: bool
    refused: bool


class ChunkPiece(NamedTuple):
    """Octets of a chunk, which arrive behind BDAT whether it is accepted or not.

    Attributes:
        content: octets as sent; may be empty.
        last: the chunk ended here.
    """

    content: bytes
    last: bool


class AuthResponse(NamedTuple):
    """A line behind a 334: base64, or ``*``."""

    line: bytes

    def __repr__(self) -> str:
        return "AuthResponse()"


PASS_OVER: Final = 1024 * 1024
"""Octets of a command line that is too long which are thrown away, so that the dialogue can go on behind it."""

Event = Command | DataPiece | ChunkPiece | AuthResponse


class Reader:
    """Reads one client; the session says by `expect_data` and `expect_response` what comes next.

    Args:
        line_limit: octets of a command line, its CRLF included.
        line_ends: what becomes of a bare CR or LF in data.
        forgiven: of `mailframe.smtp.wire.leniency.FORGIVABLE`.
    """

    __slots__ = ("_chunk_left", "_dots", "_forgiven", "_line_ends", "_line_limit", "_responding")

    def __init__(
        self, line_limit: int, line_ends: LineEnds = "refuse", forgiven: frozenset[str] = frozenset()
    ) -> None:
        self._line_limit = line_limit
        self._line_ends: LineEnds = line_ends
        self._dots: DotReader | None = None
        self._responding = False
        self._forgiven = forgiven
        # Octets of a chunk that are still to come; -1 between chunks.
        self._chunk_left = -1

    def expect_data(self) -> None:
        """After a 354: data follows, up to its end."""
        self._dots = DotReader(self._line_ends)

    def expect_response(self) -> None:
        """After a 334: one response line follows."""
        self._responding = True

    def next_event(self, buffer: ReceiveBuffer) -> Event | None:
        """The next event, or None when it has not arrived whole.

        Raises:
            ProtocolError: a line is too long (fatal past `PASS_OVER`), has a bare CR or LF, or is no command.
        """
        if self._chunk_left >= 0:
            return self._next_chunk_piece(buffer)
        if not len(buffer):
            return None
        if self._dots is not None:
            return self._next_piece(self._dots, buffer)
        if self._responding:
            # A line that is refused ends the exchange, too.
            self._responding = False
            response = buffer.take_line(AUTH_LINE_LIMIT, PASS_OVER)
            if response is not None:
                return AuthResponse(response)
            self._responding = True
            return None
        line = buffer.take_line(self._line_limit, PASS_OVER)
        if line is None:
            return None
        try:
            command = parse_command(line)
        except ProtocolError:
            # Lines that are right do not pay for those that were meant otherwise.
            straight = straightened(line, self._forgiven)
            if straight == line:
                raise
            command = parse_command(straight)
        if type(command) is Bdat:
            self._chunk_left = command.size
        return command

    def _next_chunk_piece(self, buffer: ReceiveBuffer) -> ChunkPiece | None:
        left = self._chunk_left
        if left and not len(buffer):
            return None
        content = buffer.take_up_to(min(left, CHUNK))
        left -= len(content)
        self._chunk_left = left or -1
        return ChunkPiece(content, not left)

    def _next_piece(self, dots: DotReader, buffer: ReceiveBuffer) -> DataPiece | None:
        while len(buffer):
            content = dots.read(buffer)
            if dots.finished:
                self._dots = None
                return DataPiece(content, True, self._refused(dots))
            if content or self._refused(dots):
                return DataPiece(content, False, self._refused(dots))
        return None

    def _refused(self, dots: DotReader) -> bool:
        return dots.bare and self._line_ends == "refuse"
