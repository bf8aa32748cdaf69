"""Parameters of MAIL and RCPT: ``keyword[=value]`` (RFC 5321 section 4.1.2), and what ours mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from mailframe.message.status import ProtocolError, Status

Parameters = dict[str, str | None]
"""Keywords in capitals and their values as written; None where there is none."""

UNKNOWN_PARAMETER: Final = Status((5, 5, 4), "Parameter unknown", reply_code=555)
BAD_PARAMETER: Final = Status((5, 5, 4), "Bad parameter", reply_code=501)

_KEYWORD: Final = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"
# RFC 6531 section 3.3 adds UTF-8 to RFC 5321's esmtp-value; what a value may be is its own keyword's matter.
_VALUE: Final = bytes(octet for octet in range(33, 256) if octet not in (ord("="), 127))
# Postfix's XVERP is older than the grammar: its value may have what no other has.
_WITH_EQUALS: Final = frozenset({"XVERP"})
_NO_PARAMETERS: Final[Parameters] = {}


def parse_parameters(octets: bytes) -> Parameters:
    """Take apart what follows a path.

    Args:
        octets: parameters with the space before each, or nothing.

    Raises:
        ProtocolError: 501 5.5.4, when it is not the grammar or a keyword comes twice.
    """
    if not octets:
        return _NO_PARAMETERS.copy()
    if not octets.startswith(b" "):
        raise ProtocolError(BAD_PARAMETER.with_text("A space must part the path from what follows"))
    parameters: Parameters = {}
    for word in octets.split(b" "):
        if not word:
            continue
        keyword, equals, value = word.partition(b"=")
        if not keyword or keyword.translate(None, _KEYWORD) or keyword.startswith(b"-"):
            raise ProtocolError(BAD_PARAMETER)
        name = keyword.decode("ascii").upper()
        if equals and (not value or _odd(name, value)):
            raise ProtocolError(BAD_PARAMETER)
        if name in parameters:
            raise ProtocolError(BAD_PARAMETER.with_text(f"{name} comes twice"))
        try:
            parameters[name] = value.decode() if equals else None
        except UnicodeDecodeError:
            raise ProtocolError(BAD_PARAMETER.with_text("It is not valid UTF-8")) from None
    return parameters


def _odd(name: str, value: bytes) -> bytes:
    """The octets that this value may not have."""
    odd = value.translate(None, _VALUE)
    return odd.replace(b"=", b"") if odd and name in _WITH_EQUALS else odd


def check_parameters(parameters: Parameters, known: Mapping[str, Callable[[str | None], object]]) -> None:
    """Refuse parameters of extensions that were not offered, and bad values.

    Args:
        parameters: as parsed.
        known: for each keyword that was offered, what reads its value or raises ValueError
            (`mailframe.message.esmtp`).

    Raises:
        ProtocolError: 555 5.5.4 for a keyword that is not known, 501 5.5.4 for a bad value.
    """
    for keyword, value in parameters.items():
        check = known.get(keyword)
        if check is None:
            raise ProtocolError(UNKNOWN_PARAMETER.with_text(f"Parameter {keyword[:32]} unknown"))
        try:
            check(value)
        except ValueError as error:
            raise ProtocolError(BAD_PARAMETER.with_text(str(error))) from None


def parse_body(value: str | None) -> str:
    """BODY: 7BIT or 8BITMIME (RFC 6152)."""
    if value is None or value.upper() not in ("7BIT", "8BITMIME"):
        raise ValueError("BODY is 7BIT or 8BITMIME")
    return value.upper()


def parse_any_body(value: str | None) -> str:
    """BODY where BINARYMIME is offered, too (RFC 3030 section 3)."""
    if value is None or value.upper() not in ("7BIT", "8BITMIME", "BINARYMIME"):
        raise ValueError("BODY is 7BIT, 8BITMIME or BINARYMIME")
    return value.upper()
