"""XCLIENT and XFORWARD: what a client says of another that it speaks for (Postfix: XCLIENT_README, XFORWARD_README).

Grammar only; what it means is in `mailframe.smtp.forwarded`.
"""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from mailframe.message.esmtp import decode_xtext
from mailframe.message.status import ProtocolError, Status

BAD_ATTRIBUTE: Final = Status((5, 5, 4), "Say attribute=value", reply_code=501)
VALUE_LIMIT: Final = 255
"""Characters of a value, decoded."""
PROTOCOL_LIMIT: Final = 64
"""Characters of XFORWARD's PROTO."""


class Absent(enum.Enum):
    """What is said in place of a value."""

    UNAVAILABLE = "[UNAVAILABLE]"
    TEMPUNAVAIL = "[TEMPUNAVAIL]"


Attributes = dict[str, str | Absent]
"""Names in capitals and their values: addresses in one spelling, the rest as it was said."""


class XClient(NamedTuple):
    """XCLIENT: take me for this client."""

    attributes: Attributes


class XForward(NamedTuple):
    """XFORWARD: the next message came to me from this client."""

    attributes: Attributes


def parse_xclient(argument: bytes) -> XClient:
    """Read what follows XCLIENT.

    Raises:
        ProtocolError: 501 5.5.4.
    """
    return XClient(_attributes(argument, _XCLIENT))


def parse_xforward(argument: bytes) -> XForward:
    """Read what follows XFORWARD.

    Raises:
        ProtocolError: 501 5.5.4.
    """
    return XForward(_attributes(argument, _XFORWARD))


def _attributes(argument: bytes, known: Mapping[str, Callable[[str], str]]) -> Attributes:
    found: Attributes = {}
    for word in argument.split():
        keyword, equals, value = word.partition(b"=")
        name = keyword.decode("ascii", "replace").upper()
        read = known.get(name)
        if read is None or not equals:
            raise ProtocolError(
                BAD_ATTRIBUTE.with_text(f"Say attribute=value; attributes are {' '.join(known)}")
            )
        if name in found:
            raise ProtocolError(BAD_ATTRIBUTE.with_text(f"{name} comes twice"))
        try:
            text = _decoded(value)
            found[name] = _ABSENT.get(text.upper()) or read(text)
        except ValueError:
            raise ProtocolError(BAD_ATTRIBUTE.with_text(f"The value of {name} is none")) from None
    if not found:
        raise ProtocolError(BAD_ATTRIBUTE)
    return found


def _decoded(value: bytes) -> str:
    """The text of a value.

    Raises:
        ValueError: it is too long, or has characters that must not get into a log or a header field.
    """
    text = value.decode("utf-8")
    try:
        text = decode_xtext(text)
    except ValueError:
        # Old programs, and some today, do not encode (XFORWARD_README, note 5).
        pass
    if not text or len(text) > VALUE_LIMIT or not text.isprintable() or " " in text:
        raise ValueError(text)
    return text


def _word(text: str) -> str:
    if not text.isascii():
        raise ValueError(text)
    return text


def _login(text: str) -> str:
    return text


def _ip_address(text: str) -> str:
    if text[:5].upper() == "IPV6:":
        text = text[5:]
    if "%" in text:
        raise ValueError(text)
    return str(ipaddress.ip_address(text))


def _any_address(text: str) -> str:
    """XFORWARD's: it may be one of another kind of network."""
    try:
        return _ip_address(text)
    except ValueError:
        return _word(text)


def _port(text: str) -> str:
    if not text.isascii() or not text.isdigit() or len(text) > 5 or int(text) > 65535:
        raise ValueError(text)
    return str(int(text))


def _mail_protocol(text: str) -> str:
    return _one_of(text, "SMTP", "ESMTP")


def _any_protocol(text: str) -> str:
    if len(text) > PROTOCOL_LIMIT:
        raise ValueError(text)
    return _word(text)


def _source(text: str) -> str:
    return _one_of(text, "LOCAL", "REMOTE")


def _one_of(text: str, *choices: str) -> str:
    if text.upper() not in choices:
        raise ValueError(text)
    return text.upper()


_ABSENT: Final = {absent.value: absent for absent in Absent}
_XCLIENT: Final[Mapping[str, Callable[[str], str]]] = {
    "NAME": _word,
    "ADDR": _ip_address,
    "PORT": _port,
    "PROTO": _mail_protocol,
    "HELO": _word,
    "LOGIN": _login,
    "DESTADDR": _ip_address,
    "DESTPORT": _port,
}
_XFORWARD: Final[Mapping[str, Callable[[str], str]]] = {
    "NAME": _word,
    "ADDR": _any_address,
    "PORT": _port,
    "PROTO": _any_protocol,
    "HELO": _word,
    "IDENT": _word,
    "SOURCE": _source,
}
XCLIENT_NAMES: Final = tuple(_XCLIENT)
XFORWARD_NAMES: Final = tuple(_XFORWARD)
"""All attributes of each, as EHLO lists them."""
