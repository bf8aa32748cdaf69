"""What is said by ManageSieve before a login: lines of words, strings and literals (RFC 5804 section 4). No I/O.

Both sides write alike, so this reads commands of clients and responses of servers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from mailframe.dialogue.buffer import ReceiveBuffer
from mailframe.message.status import ProtocolError, Status

LINE_LIMIT: Final = 16 * 1024
LITERAL_LIMIT: Final = 16 * 1024
"""Octets of a literal before the login: a SASL response is the largest."""
WORDS_LIMIT: Final = 32
BAD_LINE: Final = Status((5, 5, 2), "This is not ManageSieve")

_TOKEN = re.compile(
    rb' *(?:"(?P<quoted>(?:[^"\\\r\n]|\\["\\])*)"|\{(?P<size>\d{1,9})\+?\}\Z'
    rb'|\((?P<code>[^()"]*)(?:"(?P<argument>(?:[^"\\\r\n]|\\["\\])*)")?\)'
    rb'|(?P<word>[^ "(){}]+))'
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line, with its literals.

    Attributes:
        word: what it begins with, in capitals; "" where that is a string.
        strings: the strings behind it; of a response, the text is the last.
        code: of a response: what stands in parentheses, in capitals, but for a string.
        argument: that string: what a server says with its success in SASL (RFC 5804 section 2.1).
    """

    word: str = ""
    strings: tuple[bytes, ...] = ()
    code: str = ""
    argument: bytes = b""


@dataclass(slots=True)
class SieveReader:
    """Octets in, lines out.

    Attributes:
        literal: how many octets of a literal are awaited; None for none.
    """

    literal: int | None = None
    _words: list[str] = field(default_factory=list)
    _strings: list[bytes] = field(default_factory=list)
    _code: str = ""
    _argument: bytes = b""

    def next(self, buffer: ReceiveBuffer) -> Line | None:
        """The next line; None when it has not arrived whole.

        Raises:
            ProtocolError: it is none (fatal where the rest cannot be understood).
        """
        while True:
            if self.literal is not None:
                octets = buffer.take(self.literal)
                if octets is None:
                    return None
                self.literal = None
                self._strings.append(octets)
            line = buffer.take_line(LINE_LIMIT)
            if line is None:
                return None
            try:
                self._read(line)
            except ProtocolError:
                self._forget()
                raise
            if self.literal is None:
                word = self._words[0].upper() if self._words else ""
                found = Line(word, tuple(self._strings), self._code, self._argument)
                self._forget()
                return found

    def _read(self, line: bytes) -> None:
        place = 0
        while line[place:].strip():
            found = _TOKEN.match(line, place)
            if found is None or len(self._strings) + len(self._words) >= WORDS_LIMIT:
                raise ProtocolError(BAD_LINE)
            place = found.end()
            if found["quoted"] is not None:
                self._strings.append(_unquoted(found["quoted"]))
            elif found["size"] is not None:
                self.literal = int(found["size"])
                if self.literal > LITERAL_LIMIT:
                    raise ProtocolError(BAD_LINE, fatal=True)
            elif found["code"] is not None:
                self._code = found["code"].decode("ascii", "replace").upper().strip()
                self._argument = _unquoted(found["argument"] or b"")
            else:
                self._words.append(found["word"].decode("ascii", "replace"))

    def _forget(self) -> None:
        self.literal = None
        self._words, self._strings, self._code, self._argument = [], [], "", b""


def _unquoted(octets: bytes) -> bytes:
    return re.sub(rb"\\(.)", rb"\1", octets)


def quoted(octets: bytes) -> bytes:
    """A string as it is written: in quotes, or as a literal where those cannot hold it."""
    if len(octets) <= 1024 and not re.search(rb"[\r\n\x00]", octets):
        return b'"' + re.sub(rb'(["\\])', rb"\\\1", octets) + b'"'
    return b"{%d+}\r\n%b" % (len(octets), octets)


def response(word: str, text: str = "", code: str = "") -> bytes:
    """A response line: ``NO (TRYLATER) "text"``."""
    pieces = [word.encode("ascii")]
    if code:
        pieces.append(b"(" + code.encode("ascii") + b")")
    if text:
        pieces.append(quoted(text.encode("utf-8")))
    return b" ".join(pieces) + b"\r\n"
