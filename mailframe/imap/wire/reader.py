"""Frames commands: lines and literals become whole commands, each bounded before it is kept (RFC 3501 section 4.3).

The reader takes octets from a `ReceiveBuffer` and answers events. A command with small literals is kept whole and
parsed afterwards. The message of APPEND is not kept: its octets pass through as they come. What is too large is
refused before it is asked for; where the client sent it unasked (LITERAL+, RFC 7888) it is read and thrown away,
or, when there is too much of it, the connection ends.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from dataclasses import dataclass

from mailframe.dialogue.buffer import ReceiveBuffer
from mailframe.message.status import ProtocolError, Status

from .parser import Parser, bad

CHUNK = 64 * 1024
"""Octets of a message passed on at a time."""
UNASKED_SMALL = 4096
"""Octets of a literal that is sent without asking, by LITERAL- (RFC 7888 section 5)."""
UNASKED_ANY = 1 << 62
"""By LITERAL+ there is no bound but that of all literals."""
TOO_BIG = Status((5, 3, 4), "A literal is too large", "TOOBIG")
FLOOD = Status((5, 3, 4), "Far too many octets; closing the connection", "TOOBIG")

_MARKER = re.compile(rb"(~?)\{([0-9]+)(\+?)\}")
_APPEND = re.compile(rb"[^ ]+ (?:APPEND|(?:UID )?REPLACE [0-9*$]+) ", re.IGNORECASE)
_TAG = re.compile(rb"([^\x00-\x20\x7f-\xff(){%*\"\\+]{1,100})(?: |\Z)")


class CommandError(ProtocolError):
    """A command that breaks the protocol, with the tag it is answered under.

    Attributes:
        tag: the command's tag, or None where it has none.
    """

    def __init__(self, tag: bytes | None, status: Status, *, fatal: bool = False) -> None:
        super().__init__(status, fatal=fatal)
        self.tag = tag


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may send.

    Attributes:
        line: octets of a line, CRLF included; never more than the connection's buffer may hold.
        literal: octets of a literal other than the message of APPEND.
        literals: how many literals a command may have.
        command: octets of a whole command, its literals included, the message of APPEND not.
        discard: octets of unasked-for literals that are thrown away before the connection ends.
        unasked: octets a literal may have that is sent without asking; `UNASKED_SMALL` or `UNASKED_ANY`.
    """

    line: int = 64 * 1024
    literal: int = 32 * 1024
    literals: int = 100
    command: int = 256 * 1024
    discard: int = 64 * 1024 * 1024
    unasked: int = UNASKED_ANY


@dataclass(frozen=True, slots=True)
class Command:
    """A whole command; ``arguments`` stands behind its name, at the space or at the end."""

    tag: bytes
    name: str
    arguments: Parser


@dataclass(frozen=True, slots=True)
class LiteralWanted:
    """The client waits for a continuation request before it sends a literal."""


@dataclass(frozen=True, slots=True)
class MessageOffered:
    """An APPEND or REPLACE up to a message or a piece of one.

    Until `CommandReader.accept` is called the message is refused: the next event is another command.

    Attributes:
        tag: the command's tag.
        name: ``APPEND``, ``REPLACE`` or ``UID REPLACE``.
        arguments: stands behind the name, or behind the literal before, and ends before the literal.
        size: octets of the message.
        synchronizing: the client waits for a continuation request.
        binary: it is a literal8, which may hold NULs (RFC 3516 section 4.4).
        more: it is not the first of the command.
    """

    tag: bytes
    name: str
    arguments: Parser
    size: int
    synchronizing: bool
    binary: bool = False
    more: bool = False


@dataclass(frozen=True, slots=True)
class MessageOctets:
    """A piece of the message that was accepted; ``last`` when it is its end."""

    octets: bytes
    last: bool


@dataclass(frozen=True, slots=True)
class MessageEnds:
    """The APPEND is over; ``rest`` is what stands behind the last literal."""

    rest: Parser


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is no command: an answer to a continuation request."""

    octets: bytes


Event = Command | LiteralWanted | MessageOffered | MessageOctets | MessageEnds | Line


class _Moved(enum.Enum):
    """A step led to another without an event."""

    ON = enum.auto()


_ON = _Moved.ON
_Outcome = Event | _Moved | None
_Step = Callable[[ReceiveBuffer], _Outcome]


@dataclass(frozen=True, slots=True)
class _Marker:
    """``{size}`` or ``{size+}`` at the end of a line, perhaps with ``~`` before it."""

    size: int
    synchronizing: bool
    length: int
    binary: bool


class CommandReader:
    """Reads one client's side of a connection.

    Args:
        limits: `limits` may be changed between events.

    Attributes:
        utf8: are mailbox names in UTF-8? May be changed between events.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.utf8 = False
        self._step: _Step = self._command_line
        self._pieces: list[bytes] = []
        self._size = 0
        self._literals = 0
        self._missing = 0
        self._discarded = 0
        self._refused: Status | None = None
        self._silent = False
        self._command, self._name = b"", ""
        self._offered_synchronizing = False

    def next(self, buffer: ReceiveBuffer) -> Event | None:
        """The next event, or None when more must arrive.

        Raises:
            CommandError: fatal or not; after one that is not, reading goes on with the next command.
        """
        while True:
            outcome = self._step(buffer)
            if outcome is not _ON:
                return outcome

    def expect_line(self) -> None:
        """The next event is a `Line`, whatever it says."""
        self._step = self._plain_line

    def accept(self) -> None:
        """Take the message that was offered: `MessageOctets` follow, then `MessageEnds`."""
        self._step = self._message

    # Steps: each answers an event, `_ON` when another step is next, or None when more must arrive.

    def _command_line(self, buffer: ReceiveBuffer) -> _Outcome:
        line = self._line(buffer)
        if line is None:
            return None
        self._keep(line)
        marker = _marker(line)
        return self._whole() if marker is None else self._literal_begins(marker)

    def _literal(self, buffer: ReceiveBuffer) -> _Outcome:
        piece = buffer.take_up_to(self._missing)
        self._missing -= len(piece)
        self._keep(piece)
        return self._when_complete(self._command_line)

    def _discarding(self, buffer: ReceiveBuffer) -> _Outcome:
        self._missing -= len(buffer.take_up_to(self._missing))
        return self._when_complete(self._command_line)

    def _undecided(self, buffer: ReceiveBuffer) -> _Outcome:
        """Nobody accepted the message that was offered; the refusal has been told already."""
        if self._offered_synchronizing:
            self._forget()
            return _ON
        self._refused, self._silent = TOO_BIG, True
        return self._throw_away(self._missing, self._discarding)

    def _message(self, buffer: ReceiveBuffer) -> _Outcome:
        if not self._missing:
            self._step = self._after_message
            return _ON
        octets = buffer.take_up_to(min(self._missing, CHUNK))
        self._missing -= len(octets)
        return MessageOctets(octets, not self._missing) if octets else None

    def _after_message(self, buffer: ReceiveBuffer) -> _Outcome:
        line = self._line(buffer)
        if line is None:
            return None
        marker = _marker(line)
        if marker is not None:
            return self._offered(marker, Parser(line[: -marker.length], utf8=self.utf8), more=True)
        self._forget()
        return MessageEnds(Parser(line, utf8=self.utf8))

    def _plain_line(self, buffer: ReceiveBuffer) -> _Outcome:
        line = self._line(buffer)
        if line is None:
            return None
        self._step = self._command_line
        return Line(line)

    # Parts of steps.

    def _line(self, buffer: ReceiveBuffer) -> bytes | None:
        try:
            return buffer.take_line(self.limits.line)
        except ProtocolError as error:
            # A bare CR or LF is fatal too: others may read it differently, and then an argument that somebody
            # else chose (a webmail's search text) would be taken for a command.
            raise CommandError(None, error.status, fatal=True) from None

    def _keep(self, octets: bytes) -> None:
        self._size += len(octets)
        if self._refused is None and self._size > self.limits.command:
            self._refused = TOO_BIG.with_text("The command is too long")
        if self._refused is None or not self._pieces:
            self._pieces.append(octets)

    def _literal_begins(self, marker: _Marker) -> _Outcome:
        if self._refused is None and not marker.synchronizing and marker.size > self.limits.unasked:
            self._refused = bad("A literal of this size has to be asked for").status
        if self._refused is None and self._is_message(marker):
            return self._offer(marker)
        if self._refused is None:
            self._refused = self._literal_refusal(marker.size)
        if self._refused is None:
            self._literals += 1
            self._missing = marker.size
            self._pieces.append(b"\r\n")
            self._step = self._literal
            return LiteralWanted() if marker.synchronizing else _ON
        if marker.synchronizing:
            # The client gets a refusal instead of the continuation request and sends nothing more.
            return self._whole()
        return self._throw_away(marker.size, self._discarding)

    def _literal_refusal(self, size: int) -> Status | None:
        if size > self.limits.literal or self._size + size > self.limits.command:
            return TOO_BIG
        if self._literals >= self.limits.literals:
            return TOO_BIG.with_text("There are too many literals")
        return None

    def _is_message(self, marker: _Marker) -> bool:
        """Is the literal that begins the message of APPEND or REPLACE, and not its mailbox name?"""
        match = _APPEND.match(self._pieces[0])
        if match is None or self._tag() is None:
            return False
        return len(self._pieces) > 1 or len(self._pieces[0]) - marker.length > match.end()

    def _offer(self, marker: _Marker) -> Event:
        text = b"".join(self._pieces)[: -marker.length]
        self._command, self._name, arguments = self._opened(text)
        return self._offered(marker, arguments, more=False)

    def _offered(self, marker: _Marker, arguments: Parser, *, more: bool) -> Event:
        self._missing = marker.size
        self._offered_synchronizing = marker.synchronizing
        self._step = self._undecided
        return MessageOffered(
            self._command, self._name, arguments, marker.size, marker.synchronizing, marker.binary, more
        )

    def _whole(self) -> _Outcome:
        if self._silent:
            self._forget()
            return _ON
        if self._refused is not None:
            raise self._give_up(self._refused)
        command = Command(*self._opened(b"".join(self._pieces)))
        self._forget()
        return command

    def _opened(self, text: bytes) -> tuple[bytes, str, Parser]:
        parser = Parser(text, utf8=self.utf8)
        tag = self._tag()
        try:
            if tag is None:
                raise bad("A command begins with a tag, a space and a name")
            parser.tag()
            parser.space()
            name = parser.word()
            if name == "UID":
                parser.space()
                name = "UID " + parser.word()
        except ProtocolError as error:
            raise self._give_up(error.status) from None
        return tag, name, parser

    def _throw_away(self, size: int, step: _Step) -> _Outcome:
        self._discarded += size
        if self._discarded > self.limits.discard:
            raise CommandError(None, FLOOD, fatal=True)
        self._missing = size
        self._step = step
        return _ON

    def _when_complete(self, step: _Step) -> _Outcome:
        if self._missing:
            return None
        self._step = step
        return _ON

    def _give_up(self, status: Status) -> CommandError:
        error = CommandError(self._tag(), status)
        self._forget()
        return error

    def _tag(self) -> bytes | None:
        match = _TAG.match(self._pieces[0]) if self._pieces else None
        return match.group(1) if match else None

    def _forget(self) -> None:
        self._pieces = []
        self._size = self._literals = self._missing = self._discarded = 0
        self._refused, self._silent = None, False
        self._step = self._command_line


def _marker(line: bytes) -> _Marker | None:
    if not line.endswith(b"}"):
        return None
    start = line.rfind(b"{")
    match = _MARKER.fullmatch(line, start - 1 if line[:start].endswith((b" ~", b"(~")) else start)
    if match is None:
        return None
    tilde, digits, plus = match.groups()
    if len(digits) > 18:
        raise CommandError(None, FLOOD, fatal=True)
    return _Marker(int(digits), not plus, len(match.group()), bool(tilde))
