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
_VALUE: Final = bytes(octet for octet in range(33, 127) if octet != ord("="))
_XCHAR: Final = frozenset(chr(octet) for octet in range(33, 127)) - {"+", "="}
_HEXDIGITS: Final = frozenset("0123456789ABCDEF")
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
    for word in octets.split():
        keyword, equals, value = word.partition(b"=")
        if not keyword or keyword.translate(None, _KEYWORD) or keyword.startswith(b"-"):
            raise ProtocolError(BAD_PARAMETER)
        if equals and (not value or value.translate(None, _VALUE)):
            raise ProtocolError(BAD_PARAMETER)
        name = keyword.decode("ascii").upper()
        if name in parameters:
            raise ProtocolError(BAD_PARAMETER.with_text(f"{name} comes twice"))
        parameters[name] = value.decode("ascii") if equals else None
    return parameters


def check_parameters(parameters: Parameters, known: Mapping[str, Callable[[str | None], None]]) -> None:
    """Refuse parameters of extensions that were not offered, and bad values.

    Args:
        parameters: as parsed.
        known: for each keyword that was offered, a check of its value.

    Raises:
        ProtocolError: 555 5.5.4 for a keyword that is not known, 501 5.5.4 for a bad value.
    """
    for keyword, value in parameters.items():
        check = known.get(keyword)
        if check is None:
            raise ProtocolError(UNKNOWN_PARAMETER.with_text(f"Parameter {keyword[:32]} unknown"))
        check(value)


def check_size(value: str | None) -> None:
    """SIZE: 1 to 20 digits (RFC 1870 section 6.1)."""
    if value is None or len(value) > 20 or not (value.isascii() and value.isdigit()):
        raise ProtocolError(BAD_PARAMETER.with_text("SIZE is a number of octets"))


def check_body(value: str | None) -> None:
    """BODY: 7BIT or 8BITMIME (RFC 6152); BINARYMIME needs CHUNKING."""
    if value is None or value.upper() not in ("7BIT", "8BITMIME"):
        raise ProtocolError(BAD_PARAMETER.with_text("BODY is 7BIT or 8BITMIME"))


def check_auth(value: str | None) -> None:
    """AUTH: a mailbox or ``<>`` in xtext (RFC 4954 section 5)."""
    if value is None or not _is_xtext(value):
        raise ProtocolError(BAD_PARAMETER.with_text("AUTH is a mailbox in xtext"))


def _is_xtext(value: str) -> bool:
    plain, *coded = value.split("+")
    return _XCHAR.issuperset(plain) and all(
        len(piece) >= 2 and _HEXDIGITS.issuperset(piece[:2]) and _XCHAR.issuperset(piece[2:])
        for piece in coded
    )
