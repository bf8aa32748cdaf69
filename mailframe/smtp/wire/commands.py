"""Command lines of SMTP and LMTP and the values they mean (RFC 5321 section 4.1.1, RFC 2033 section 4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from mailframe.message.address import NOT_ASCII_RECIPIENT as NOT_ASCII
from mailframe.message.address import Address, parse_path, split_path
from mailframe.message.status import ProtocolError, Status

from .parameters import Parameters, parse_parameters
from .xclient import XClient as XClient
from .xclient import XForward as XForward
from .xclient import parse_xclient, parse_xforward

UNKNOWN_COMMAND: Final = Status((5, 5, 2), "Command unknown", reply_code=500)
NOT_IMPLEMENTED: Final = Status((5, 5, 1), "Command not implemented", reply_code=502)
NOT_MAIL: Final = Status((5, 5, 1), "This is a mail server", reply_code=554)
BAD_ARGUMENT: Final = Status((5, 5, 4), "Bad command argument", reply_code=501)
CHUNK_DIGITS: Final = 20
"""Digits in the size of a chunk; RFC 3030 section 2 gives no limit, RFC 1870 as many for a whole message."""

HELLO_LIMIT: Final = 255
"""Octets in what follows HELO, EHLO or LHLO (RFC 5321 section 4.5.3.1.2)."""


class Hello(NamedTuple):
    """HELO, EHLO or LHLO.

    Attributes:
        verb: which of them, in capitals.
        name: what the client calls itself: printable ASCII without spaces, otherwise not checked.
    """

    verb: str
    name: str


class Mail(NamedTuple):
    """MAIL; ``reverse_path`` None is the null reverse-path."""

    reverse_path: Address | None
    parameters: Parameters


class Rcpt(NamedTuple):
    """RCPT; a bare Postmaster has an empty domain.

    Attributes:
        forward_path: the address.
        parameters: what followed it.
        ascii: all of it was written in ASCII; what is not needs a transaction with SMTPUTF8 (RFC 6531).
    """

    forward_path: Address
    parameters: Parameters
    ascii: bool = True


class Auth(NamedTuple):
    """AUTH (RFC 4954).

    Attributes:
        mechanism: in capitals.
        initial: the initial response as sent (base64, or ``=``), None where there is none.
    """

    mechanism: str
    initial: bytes | None

    def __repr__(self) -> str:
        return f"Auth({self.mechanism!r})"


class Vrfy(NamedTuple):
    """VRFY with its string, and whether UTF-8 may be in the reply (RFC 6531 section 3.7.4.2)."""

    argument: bytes
    smtputf8: bool = False


class Expn(NamedTuple):
    """EXPN with its string, and whether UTF-8 may be in the reply."""

    argument: bytes
    smtputf8: bool = False


class Bdat(NamedTuple):
    """BDAT (RFC 3030): so many octets follow its line.

    Attributes:
        size: octets.
        last: the message ends with them.
    """

    size: int
    last: bool


class Data(NamedTuple):
    """DATA."""


class Rset(NamedTuple):
    """RSET."""


class Noop(NamedTuple):
    """NOOP, whose argument has no meaning."""


class Quit(NamedTuple):
    """QUIT."""


class Help(NamedTuple):
    """HELP, whose argument is not looked at."""


class StartTLS(NamedTuple):
    """STARTTLS (RFC 3207)."""


Command = (
    Hello
    | Mail
    | Rcpt
    | Data
    | Bdat
    | Rset
    | Noop
    | Quit
    | Help
    | Vrfy
    | Expn
    | StartTLS
    | Auth
    | XClient
    | XForward
)
"""One command line, understood."""


def parse_command(line: bytes) -> Command:
    """Read one command line.

    Args:
        line: without its CRLF. White space at its end is passed over (RFC 5321 section 4.1.1).

    Raises:
        ProtocolError: 500 5.5.2 for an unknown verb, 501 for bad arguments, 555 for bad parameters; fatal for
            what a web browser says, which someone makes it send here, and for a BDAT that does not say how many
            octets follow.
    """
    verb, _, argument = line.rstrip(b" \t").partition(b" ")
    parse = _PARSERS.get(verb.upper())
    if parse is None:
        raise ProtocolError(UNKNOWN_COMMAND)
    return parse(argument)


def _hello(verb: str) -> Callable[[bytes], Command]:
    def parse(argument: bytes) -> Command:
        name = argument.strip(b" ")
        # Some clients add words behind the name; the name alone counts.
        name = name.partition(b" ")[0]
        if not name or len(name) > HELLO_LIMIT:
            raise ProtocolError(BAD_ARGUMENT.with_text(f"Say {verb} and your host name"))
        text = name.decode("ascii", "replace")
        if not text.isascii() or not text.isprintable():
            raise ProtocolError(BAD_ARGUMENT.with_text(f"A host name must follow {verb}"))
        return Hello(verb, text)

    return parse


def _mail(argument: bytes) -> Command:
    path, rest = _path(argument, b"FROM:", "MAIL FROM:<address>")
    parameters = parse_parameters(rest)
    smtputf8 = "SMTPUTF8" in parameters
    return Mail(parse_path(path, smtputf8=smtputf8, null_allowed=True), parameters)


def _rcpt(argument: bytes) -> Command:
    path, rest = _path(argument, b"TO:", "RCPT TO:<address>")
    parameters = parse_parameters(rest)
    # Whether UTF-8 may be in it, the transaction knows.
    forward_path = parse_path(path, smtputf8=True, null_allowed=False, postmaster_allowed=True)
    assert forward_path is not None
    return Rcpt(forward_path, parameters, argument.isascii())


def _path(argument: bytes, keyword: bytes, usage: str) -> tuple[bytes, bytes]:
    size = len(keyword)
    if argument[:size].upper() != keyword:
        raise ProtocolError(BAD_ARGUMENT.with_text(f"Say {usage}"))
    # RFC 5321 section 3.3 allows no space behind the colon; see `mailframe.smtp.wire.leniency`.
    path = argument[size:]
    if not path.startswith(b"<"):
        raise ProtocolError(BAD_ARGUMENT.with_text(f"Say {usage}"))
    return split_path(path)


def _auth(argument: bytes) -> Command:
    words = argument.split()
    if not 1 <= len(words) <= 2 or not words[0].isascii():
        raise ProtocolError(
            BAD_ARGUMENT.with_text("Say AUTH, a mechanism, and its initial response or nothing")
        )
    initial = words[1] if len(words) == 2 else None
    return Auth(words[0].decode("ascii").upper(), initial)


def _bdat(argument: bytes) -> Command:
    size, space, word = argument.partition(b" ")
    if not size.isdigit() or len(size) > CHUNK_DIGITS or (space and word.strip(b" ").upper() != b"LAST"):
        # The octets of the chunk cannot be told from commands.
        raise ProtocolError(
            BAD_ARGUMENT.with_text("Say BDAT, a number of octets, and LAST or nothing"), fatal=True
        )
    return Bdat(int(size), bool(space))


def _with_string(make: Callable[[bytes, bool], Command]) -> Callable[[bytes], Command]:
    def parse(argument: bytes) -> Command:
        text = argument.strip(b" ")
        if not text:
            raise ProtocolError(BAD_ARGUMENT.with_text("An argument must follow"))
        before, space, word = text.rpartition(b" ")
        if space and word.upper() == b"SMTPUTF8":
            return make(before.rstrip(b" "), True)
        if not text.isascii():
            raise ProtocolError(NOT_ASCII)
        return make(text, False)

    return parse


def _alone(command: Command) -> Callable[[bytes], Command]:
    def parse(argument: bytes) -> Command:
        if argument:
            raise ProtocolError(BAD_ARGUMENT.with_text("No argument may follow"))
        return command

    return parse


def _anything(command: Command) -> Callable[[bytes], Command]:
    def parse(argument: bytes) -> Command:
        return command

    return parse


def _refused(status: Status, *, fatal: bool = False) -> Callable[[bytes], Command]:
    def parse(argument: bytes) -> Command:
        raise ProtocolError(status, fatal=fatal)

    return parse


_PARSERS: Final[dict[bytes, Callable[[bytes], Command]]] = {
    b"HELO": _hello("HELO"),
    b"EHLO": _hello("EHLO"),
    b"LHLO": _hello("LHLO"),
    b"MAIL": _mail,
    b"RCPT": _rcpt,
    b"DATA": _alone(Data()),
    b"BDAT": _bdat,
    b"RSET": _alone(Rset()),
    b"NOOP": _anything(Noop()),
    b"QUIT": _alone(Quit()),
    b"HELP": _anything(Help()),
    b"VRFY": _with_string(Vrfy),
    b"EXPN": _with_string(Expn),
    b"STARTTLS": _alone(StartTLS()),
    b"AUTH": _auth,
    b"XCLIENT": parse_xclient,
    b"XFORWARD": parse_xforward,
    # Known words of other people's extensions and of history (RFC 5321 appendix F): 502, not 500.
    b"ETRN": _refused(NOT_IMPLEMENTED),
    b"TURN": _refused(NOT_IMPLEMENTED),
    b"SEND": _refused(NOT_IMPLEMENTED),
    b"SOML": _refused(NOT_IMPLEMENTED),
    b"SAML": _refused(NOT_IMPLEMENTED),
    # A web page can make a browser post here; what it posts must not be taken for commands.
    b"GET": _refused(NOT_MAIL, fatal=True),
    b"POST": _refused(NOT_MAIL, fatal=True),
    b"CONNECT": _refused(NOT_MAIL, fatal=True),
}
