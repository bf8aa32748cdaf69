"""On which line of a TOML file each key stands.

``tomllib`` gives values without places. This scanner reads a text that ``tomllib`` has accepted and notes, for the
path of every table, key and array element, the line it begins on. It looks at shape only and converts no values.
Because the text is known to be TOML, anything unexpected ends the scan quietly: a place may then be missing, and
`Positions.line` answers with the nearest enclosing one.
"""

from __future__ import annotations

import re
from typing import TypeAlias

Path: TypeAlias = tuple[str | int, ...]

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BLANK = re.compile(r"[ \t]*")
_ROOM = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_PLAIN_VALUE = re.compile(r"[^,\]}#\n]*")
_STRINGS = (
    # Multi-line first: they begin like an empty string. Up to two quotes may stand before the closing three.
    re.compile(r'"""(?:[^\\]|\\.)*?"""(?:"{1,2}(?!"))?', re.S),
    re.compile(r"'''.*?'''(?:'{1,2}(?!'))?", re.S),
    re.compile(r'"(?:[^"\\\n]|\\.)*"'),
    re.compile(r"'[^'\n]*'"),
)
_ESCAPES = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.S)
_SHORT_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "\\": "\\"}
_DEEPEST = 100


class Positions:
    """The lines of one file."""

    def __init__(self) -> None:
        self._lines: dict[Path, int] = {}

    def line(self, path: Path, shortest: int = 1) -> int:
        """The line, from 1, on which a path begins, or the nearest thing around it.

        Args:
            path: keys and indices.
            shortest: how many parts of the path what is around it must have.

        Returns:
            0 when nothing is known.
        """
        while len(path) >= max(shortest, 1):
            if path in self._lines:
                return self._lines[path]
            path = path[:-1]
        return 0

    def note(self, path: Path, line: int) -> None:
        """Keep a path's line; the first one counts."""
        self._lines.setdefault(path, line)


def find_positions(text: str) -> Positions:
    """Scan a text that ``tomllib`` accepts.

    Takes time proportional to the text. Never raises, whatever the text.
    """
    scanner = _Scanner(text)
    try:
        scanner.document()
    except _Lost:
        pass
    return scanner.positions


class _Lost(Exception):
    """The text is not what was expected here."""


class _Scanner:
    def __init__(self, text: str) -> None:
        # TOML's two line ends; one character fewer to think about. Lines stay the same.
        self._text = text.replace("\r\n", "\n")
        self._at = 0
        self._line = 1
        self._counted = 0
        self._elements: dict[Path, int] = {}
        self.positions = Positions()

    def document(self) -> None:
        """Read all of it: lines of ``key = value``, under headers."""
        table: Path = ()
        self._skip(_ROOM)
        while self._at < len(self._text):
            if self._next("[["):
                table = self._array_header()
            elif self._next("["):
                table = self._header()
            else:
                self._key_value(table, 0)
            self._skip(_ROOM)

    def _header(self) -> Path:
        line = self._here()
        self._expect("[")
        path = self._resolve(self._key())
        self._expect("]")
        self._note_parents((), path, line)
        return path

    def _array_header(self) -> Path:
        line = self._here()
        self._expect("[[")
        key = self._key()
        self._expect("]]")
        *parents, last = key
        array = (*self._resolve(tuple(parents)), last)
        index = self._elements.get(array, -1) + 1
        self._elements[array] = index
        self._note_parents((), (*array, index), line)
        return (*array, index)

    def _resolve(self, key: Path) -> Path:
        """Where a header's key leads: through the newest element of each array of tables."""
        path: Path = ()
        for part in key:
            path = (*path, part)
            if path in self._elements:
                path = (*path, self._elements[path])
        return path

    def _key_value(self, table: Path, depth: int) -> None:
        line = self._here()
        path = (*table, *self._key())
        self._expect("=")
        self._skip(_BLANK)
        self._note_parents(table, path, line)
        self._value(path, depth)

    def _note_parents(self, table: Path, path: Path, line: int) -> None:
        for end in range(len(table) + 1, len(path) + 1):
            self.positions.note(path[:end], line)

    def _key(self) -> Path:
        parts: list[str | int] = []
        while True:
            self._skip(_BLANK)
            if self._next('"') or self._next("'"):
                parts.append(_unquoted(self._string()))
            else:
                parts.append(self._take(_BARE_KEY))
            self._skip(_BLANK)
            if not self._next("."):
                return tuple(parts)
            self._at += 1

    def _value(self, path: Path, depth: int) -> None:
        if depth > _DEEPEST:
            raise _Lost
        if self._next("["):
            self._array(path, depth)
        elif self._next("{"):
            self._inline_table(path, depth)
        elif self._next('"') or self._next("'"):
            self._string()
        else:
            self._skip(_PLAIN_VALUE)

    def _array(self, path: Path, depth: int) -> None:
        self._expect("[")
        index = 0
        self._skip(_ROOM)
        while not self._next("]"):
            element = (*path, index)
            self.positions.note(element, self._here())
            self._value(element, depth + 1)
            self._comma("]")
            index += 1
        self._expect("]")

    def _inline_table(self, path: Path, depth: int) -> None:
        self._expect("{")
        self._skip(_ROOM)
        while not self._next("}"):
            self._key_value(path, depth + 1)
            self._comma("}")
        self._expect("}")

    def _comma(self, closing: str) -> None:
        self._skip(_ROOM)
        if not self._next(closing):
            self._expect(",")
            self._skip(_ROOM)

    def _string(self) -> str:
        for pattern in _STRINGS:
            found = pattern.match(self._text, self._at)
            if found:
                self._at = found.end()
                return found.group()
        raise _Lost

    def _here(self) -> int:
        """The line of the current place; counts on from where it was last asked."""
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def _next(self, text: str) -> bool:
        return self._text.startswith(text, self._at)

    def _expect(self, text: str) -> None:
        if not self._next(text):
            raise _Lost
        self._at += len(text)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self._text, self._at)
        if found:
            self._at = found.end()

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if not found:
            raise _Lost
        self._at = found.end()
        return found.group()


def _unquoted(text: str) -> str:
    """A quoted key as it is meant; keys are never multi-line."""
    inner = text[1:-1]
    return inner if text.startswith("'") else _ESCAPES.sub(_unescaped, inner)


def _unescaped(found: re.Match[str]) -> str:
    number = found[1] or found[2]
    return chr(min(int(number, 16), 0x10FFFF)) if number else _SHORT_ESCAPES.get(found[3], found[3])
