"""What a server says (RFC 9051 section 7), as values; and their grammar. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from mailframe.message.status import ProtocolError, Status

DEPTH_LIMIT = 20
"""Lists in lists."""
BAD_RESPONSE = Status((4, 5, 2), "The server does not talk IMAP as RFC 9051 has it")

CONDITIONS = frozenset({b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH"})
_CODE = re.compile(rb"\[([A-Za-z0-9/_-]+)(?: ([^\]]*))?\] ?(.*)", re.DOTALL)
_TOKEN = re.compile(
    rb'(?P<space> +)|(?P<open>\()|(?P<close>\))|"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<atom>[^ ()"]+)'
)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)


class Literal(bytes):
    """The octets of a literal."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Streamed:
    """Stands for the octets of a message, which came before, each a `Piece`: how many."""

    size: int


Part: TypeAlias = "bytes | Literal | Streamed"
Value: TypeAlias = "bytes | Streamed | list[Value] | None"


@dataclass(frozen=True, slots=True)
class Piece:
    """Octets of the message whose FETCH response is coming."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Continuation:
    """The server waits for more of a command."""

    text: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """A status response, tagged or not.

    Attributes:
        tag: ``b"*"`` for an untagged one.
        condition: ``OK``, ``NO``, ``BAD``, ``BYE`` or ``PREAUTH``.
        code: of its response code, in capitals; ``b""`` for none.
        arguments: of the response code, as they are written.
        text: for people.
    """

    tag: bytes
    condition: bytes
    code: bytes = b""
    arguments: bytes = b""
    text: bytes = b""


@dataclass(frozen=True, slots=True)
class Untagged:
    """Any other response: ``* 12 FETCH (...)`` has the number 12, the name ``FETCH`` and one value, a list."""

    name: bytes
    number: int | None
    values: Sequence[Value]


Response: TypeAlias = "Piece | Continuation | Verdict | Untagged"


def is_verdict(line: bytes) -> bool:
    """Is this the first line of a status response or a continuation? No literal can be in those."""
    tag, _, rest = line.partition(b" ")
    return tag != b"*" or rest.partition(b" ")[0].upper() in CONDITIONS


def parse(parts: Sequence[Part]) -> Response:
    """A whole response.

    Raises:
        ProtocolError: it is none.
    """
    first = parts[0]
    if not isinstance(first, bytes):
        raise bad()
    tag, _, rest = first.partition(b" ")
    if tag == b"+":
        return Continuation(rest)
    word, _, text = rest.partition(b" ")
    if word.upper() in CONDITIONS:
        return _verdict(tag, word.upper(), text)
    if tag != b"*":
        raise bad()
    values = _values([rest, *parts[1:]])
    number = None
    if values and isinstance(values[0], bytes) and values[0].isdigit() and len(values[0]) <= 10:
        number = int(values[0])
        values = values[1:]
    if not values or not isinstance(values[0], bytes):
        raise bad()
    return Untagged(values[0].upper(), number, values[1:])


def bad() -> ProtocolError:
    """What is raised when it is not IMAP."""
    return ProtocolError(BAD_RESPONSE, fatal=True)


def _verdict(tag: bytes, condition: bytes, text: bytes) -> Verdict:
    match = _CODE.fullmatch(text)
    if match is None:
        return Verdict(tag, condition, text=text)
    return Verdict(tag, condition, match[1].upper(), match[2] or b"", match[3])


def _values(parts: Sequence[Part]) -> list[Value]:
    stack: list[list[Value]] = [[]]
    for part in parts:
        if isinstance(part, Streamed | Literal):
            stack[-1].append(part)
        else:
            _take(part, stack)
    if len(stack) != 1:
        raise bad()
    return stack[0]


def _take(text: bytes, stack: list[list[Value]]) -> None:
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise bad()
        at = match.end()
        if match.lastgroup == "open":
            if len(stack) > DEPTH_LIMIT:
                raise bad()
            inner: list[Value] = []
            stack[-1].append(inner)
            stack.append(inner)
        elif match.lastgroup == "close":
            if len(stack) == 1:
                raise bad()
            stack.pop()
        elif match.lastgroup == "quoted":
            stack[-1].append(_ESCAPED.sub(rb"\1", match["quoted"]))
        elif match.lastgroup == "atom":
            stack[-1].append(None if match["atom"].upper() == b"NIL" else match["atom"])
