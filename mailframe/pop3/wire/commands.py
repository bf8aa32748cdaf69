"""POP3 commands: what a client's line says (RFC 1939, RFC 2449, RFC 2595, RFC 5034, RFC 6856). No I/O."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mailframe.message.status import ProtocolError, Status

UNKNOWN_COMMAND: Final = Status((5, 5, 1), "Unknown command")
BAD_ARGUMENTS: Final = Status((5, 5, 4), "The arguments of this command are wrong")
_DIGITS_LIMIT: Final = 10


class Command:
    """What a client asks; see the subclasses."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class User(Command):
    """USER name."""

    name: str


@dataclass(frozen=True, slots=True)
class Pass(Command):
    """PASS string; spaces belong to it."""

    password: bytes

    def __repr__(self) -> str:
        return "Pass()"


@dataclass(frozen=True, slots=True)
class Auth(Command):
    """AUTH mechanism [initial-response] (RFC 5034); without a mechanism, the client asks which there are.

    Attributes:
        mechanism: in capitals, or None.
        initial: base64 as sent, or None.
    """

    mechanism: str | None
    initial: bytes | None

    def __repr__(self) -> str:
        return f"Auth({self.mechanism!r})"


class Capa(Command):
    """CAPA."""


class Stls(Command):
    """STLS."""


class Utf8(Command):
    """UTF8 (RFC 6856 section 2.1)."""


@dataclass(frozen=True, slots=True)
class Lang(Command):
    """LANG [language] (RFC 6856 section 3); without a language, the client asks which there are.

    Attributes:
        tag: in lower case, or None.
    """

    tag: str | None


class Quit(Command):
    """QUIT."""


class Stat(Command):
    """STAT."""


class Noop(Command):
    """NOOP."""


class Rset(Command):
    """RSET."""


@dataclass(frozen=True, slots=True)
class List(Command):
    """LIST [msg]."""

    number: int | None


@dataclass(frozen=True, slots=True)
class Uidl(Command):
    """UIDL [msg]."""

    number: int | None


@dataclass(frozen=True, slots=True)
class Retr(Command):
    """RETR msg."""

    number: int


@dataclass(frozen=True, slots=True)
class Dele(Command):
    """DELE msg."""

    number: int


@dataclass(frozen=True, slots=True)
class Top(Command):
    """TOP msg n."""

    number: int
    lines: int


def parse_command(line: bytes) -> Command:
    """Understand one line, its CRLF taken off.

    Raises:
        ProtocolError: there is no such command, or its arguments are wrong.
    """
    keyword, _, arguments = line.partition(b" ")
    parser = _PARSERS.get(keyword.upper())
    if parser is None:
        raise ProtocolError(UNKNOWN_COMMAND)
    return parser(arguments)


def _alone(kind: Callable[[], Command]) -> Callable[[bytes], Command]:
    command = kind()

    def parse(arguments: bytes) -> Command:
        # Some clients send a space behind the keyword.
        if arguments.strip():
            raise ProtocolError(BAD_ARGUMENTS)
        return command

    return parse


def _with_number(kind: Callable[[int], Command]) -> Callable[[bytes], Command]:
    return lambda arguments: kind(_number(arguments.strip()))


def _with_optional_number(kind: Callable[[int | None], Command]) -> Callable[[bytes], Command]:
    return lambda arguments: kind(_number(arguments.strip()) if arguments.strip() else None)


def _user(arguments: bytes) -> Command:
    try:
        name = arguments.strip().decode("utf-8")
    except UnicodeDecodeError:
        raise ProtocolError(BAD_ARGUMENTS) from None
    if not name:
        raise ProtocolError(BAD_ARGUMENTS)
    return User(name)


def _pass(arguments: bytes) -> Command:
    # RFC 1939 section 7: "Since the PASS command has exactly one argument, a POP3 server may treat spaces in the
    # argument as part of the password".
    if not arguments:
        raise ProtocolError(BAD_ARGUMENTS)
    return Pass(arguments)


def _auth(arguments: bytes) -> Command:
    words = arguments.split()
    if len(words) > 2:
        raise ProtocolError(BAD_ARGUMENTS)
    if not words:
        return Auth(None, None)
    return Auth(words[0].decode("ascii", "replace").upper(), words[1] if len(words) == 2 else None)


def _top(arguments: bytes) -> Command:
    words = arguments.split()
    if len(words) != 2:
        raise ProtocolError(BAD_ARGUMENTS)
    return Top(_number(words[0]), _number(words[1]))


def _lang(arguments: bytes) -> Command:
    words = arguments.split()
    if len(words) > 1:
        raise ProtocolError(BAD_ARGUMENTS)
    return Lang(words[0].decode("ascii", "replace").lower() if words else None)


def _number(word: bytes) -> int:
    if not word.isdigit() or len(word) > _DIGITS_LIMIT:
        raise ProtocolError(BAD_ARGUMENTS)
    return int(word)


_PARSERS: Final[dict[bytes, Callable[[bytes], Command]]] = {
    b"USER": _user,
    b"PASS": _pass,
    b"AUTH": _auth,
    b"CAPA": _alone(Capa),
    b"STLS": _alone(Stls),
    b"UTF8": _alone(Utf8),
    b"LANG": _lang,
    b"QUIT": _alone(Quit),
    b"STAT": _alone(Stat),
    b"NOOP": _alone(Noop),
    b"RSET": _alone(Rset),
    b"LIST": _with_optional_number(List),
    b"UIDL": _with_optional_number(Uidl),
    b"RETR": _with_number(Retr),
    b"DELE": _with_number(Dele),
    b"TOP": _top,
}
