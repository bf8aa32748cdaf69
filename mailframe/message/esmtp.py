"""Values of ESMTP parameters: read from the words behind MAIL and RCPT, and written back. No I/O.

An envelope keeps each parameter as it came (`Envelope.parameters`, `Recipient.parameters`), because what is handed on
must be what was received; the functions here say what such a word means. Whoever takes a word from a stranger reads
it once by `mailframe.smtp.wire.parameters`, which refuses what is not the grammar; behind that point the properties
of `Envelope` and `Recipient` cannot fail.

Every ``parse_`` function raises ValueError with words that fit into a reply; every ``format_`` function gives what
its ``parse_`` function reads.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from .address import Address, parse_mailbox

SIZE_LIMIT: Final = 20
"""Digits of SIZE (RFC 1870 section 6.1)."""
ENVELOPE_ID_LIMIT: Final = 100
"""Characters of ENVID, as xtext (RFC 3461 section 4.4)."""
ORIGINAL_RECIPIENT_LIMIT: Final = 500
"""Characters of ORCPT, its address type and encoding included (RFC 3461 section 4.2)."""
AUTH_LIMIT: Final = 500
"""Characters of AUTH=, by which a MAIL command may grow (RFC 4954 section 3, item 7)."""
PRIORITIES: Final = range(-9, 10)
"""What MT-PRIORITY may ask for; 0 is usual mail (RFC 6710 section 4.1)."""

_XTEXT: Final = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")
_HEXCHAR: Final = re.compile(rb"\+([0-9A-F]{2})")
_NOT_XCHAR: Final = re.compile(rb"[^!-*,-<>-~]")
# RFC 6533 section 3: QUCHAR, or \x{HEXPOINT}.
_UNITEXT: Final = re.compile(
    r"(?:[!-*,-<>-\[\]-~\u0080-\U0010ffff]|\\x\{(?:[1-9A-F][0-9A-F]{1,4}|0[1-9]|10[0-9A-F]{4})\})+"
)
_EMBEDDED: Final = re.compile(r"\\x\{([0-9A-F]+)\}")
_NOT_QCHAR: Final = re.compile(r"[^!-*,-<>-\[\]-~]")
_NOT_QUCHAR: Final = re.compile(r"[^!-*,-<>-\[\]-~\u0080-\U0010ffff]")
_ATOM: Final = re.compile(r"[A-Za-z0-9!#$%&'*/?^_`{|}~-]+")
_BY: Final = re.compile(r"([-+]?[0-9]{1,9});([NRnr])([Tt]?)")
_TIMESTAMP: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:Z|[-+][0-9]{2}:[0-9]{2})"
)


class Notify(enum.Flag):
    """When a recipient's sender wants to hear of it (RFC 3461 section 4.1)."""

    NEVER = 0
    SUCCESS = 1
    FAILURE = 2
    DELAY = 4


class Return(enum.Enum):
    """What a notification of a failure should bring back (RFC 3461 section 4.3)."""

    FULL = "FULL"
    HDRS = "HDRS"


@dataclass(frozen=True, slots=True)
class OriginalRecipient:
    """Whom the sender wrote to, before any alias or list changed it (RFC 3461 section 4.2).

    Attributes:
        address_type: in lower case; ``rfc822``, or ``utf-8`` (RFC 6533).
        address: decoded; printable, ASCII unless the type is ``utf-8``.
    """

    address_type: str
    address: str

    def __str__(self) -> str:
        """As a delivery status notification writes it: ``rfc822;bob@example.test``."""
        return f"{self.address_type};{self.address}"


@dataclass(frozen=True, slots=True)
class DeliverBy:
    """By when a message has to arrive (RFC 2852 section 4).

    Attributes:
        seconds: from when it was received; may be 0 or less with ``N``.
        mode: ``N``: tell the sender when it is late and go on; ``R``: give it back then.
        trace: tell the sender of each hand-over to a host that does not know DELIVERBY.
    """

    seconds: int
    mode: Literal["N", "R"]
    trace: bool = False


def encode_xtext(text: str) -> str:
    """Text in which only harmless ASCII stands for itself (RFC 3461 section 4); other characters by their UTF-8."""
    return _NOT_XCHAR.sub(lambda found: b"+%02X" % found[0][0], text.encode()).decode("ascii")


def decode_xtext(value: str) -> str:
    """The text that xtext stands for.

    Raises:
        ValueError: it is no xtext, or what it stands for is not UTF-8.
    """
    if _XTEXT.fullmatch(value) is None:
        raise ValueError("not xtext")
    return _HEXCHAR.sub(lambda found: bytes([int(found[1], 16)]), value.encode("ascii")).decode()


def parse_size(value: str | None) -> int:
    """SIZE: octets (RFC 1870 section 6.1)."""
    if value is None or len(value) > SIZE_LIMIT or not (value.isascii() and value.isdigit()):
        raise ValueError("SIZE is a number of octets")
    return int(value)


def parse_notify(value: str | None) -> Notify:
    """NOTIFY: ``NEVER``, or a list of the others (RFC 3461 section 4.1)."""
    words = (value or "").upper().split(",")
    if words == ["NEVER"]:
        return Notify.NEVER
    notify = Notify.NEVER
    for word in words:
        if word not in ("SUCCESS", "FAILURE", "DELAY"):
            raise ValueError("NOTIFY is NEVER or some of SUCCESS,FAILURE,DELAY")
        notify |= Notify[word]
    return notify


def format_notify(notify: Notify) -> str:
    """The value of NOTIFY."""
    words = [
        flag.name for flag in (Notify.SUCCESS, Notify.FAILURE, Notify.DELAY) if flag in notify and flag.name
    ]
    return ",".join(words) or "NEVER"


def parse_return(value: str | None) -> Return:
    """RET: ``FULL`` or ``HDRS`` (RFC 3461 section 4.3)."""
    try:
        return Return((value or "").upper())
    except ValueError:
        raise ValueError("RET is FULL or HDRS") from None


def parse_envelope_id(value: str | None) -> str:
    """ENVID: printable ASCII in xtext, at most 100 characters of it (RFC 3461 section 4.4)."""
    if not value or len(value) > ENVELOPE_ID_LIMIT:
        raise ValueError(f"ENVID has 1 to {ENVELOPE_ID_LIMIT} characters")
    return _printable(value, "ENVID")


def format_envelope_id(text: str) -> str:
    """The value of ENVID."""
    return encode_xtext(text)


def parse_original_recipient(value: str | None) -> OriginalRecipient:
    """ORCPT: ``addr-type;xtext`` (RFC 3461 section 4.2), or ``utf-8;`` in the encodings of RFC 6533 section 3."""
    address_type, semicolon, address = (value or "").partition(";")
    if not semicolon or not address or _ATOM.fullmatch(address_type) is None:
        raise ValueError("ORCPT is an address type, a semicolon and an address")
    if len(value or "") > ORIGINAL_RECIPIENT_LIMIT:
        raise ValueError(f"ORCPT has at most {ORIGINAL_RECIPIENT_LIMIT} characters")
    address_type = address_type.lower()
    if address_type == "utf-8":
        return OriginalRecipient(address_type, _decode_unitext(address))
    return OriginalRecipient(address_type, _printable(address, "ORCPT"))


def format_original_recipient(recipient: OriginalRecipient, *, smtputf8: bool = False) -> str:
    """The value of ORCPT.

    Args:
        recipient: what to write.
        smtputf8: does the other side know SMTPUTF8, so that UTF-8 may stand for itself?
    """
    if recipient.address_type != "utf-8":
        return f"{recipient.address_type};{encode_xtext(recipient.address)}"
    special = _NOT_QUCHAR if smtputf8 else _NOT_QCHAR
    address = special.sub(lambda found: f"\\x{{{ord(found[0]):02X}}}", recipient.address)
    return f"utf-8;{address}"


def parse_auth(value: str | None) -> Address | None:
    """AUTH=: who submitted the message first, a mailbox in xtext; None for ``<>`` (RFC 4954 section 5)."""
    if value == "<>":
        return None
    if not value or len(value) > AUTH_LIMIT:
        raise ValueError("AUTH is a mailbox in xtext, or <>")
    try:
        return parse_mailbox(decode_xtext(value))
    except ValueError:
        raise ValueError("AUTH is a mailbox in xtext, or <>") from None


def format_auth(submitter: Address | None) -> str:
    """The value of AUTH=."""
    return "<>" if submitter is None else encode_xtext(str(submitter))


def parse_priority(value: str | None) -> int:
    """MT-PRIORITY: -9 to 9 (RFC 6710 section 6)."""
    if value is None or re.fullmatch(r"0|-?[1-9]", value) is None:
        raise ValueError("MT-PRIORITY is a number from -9 to 9")
    return int(value)


def parse_hold_for(value: str | None) -> int:
    """HOLDFOR: seconds to keep a message before it is sent, 1 to 9 digits (RFC 4865 section 4)."""
    if value is None or re.fullmatch(r"[1-9][0-9]{0,8}", value) is None:
        raise ValueError("HOLDFOR is a number of seconds")
    return int(value)


def parse_hold_until(value: str | None) -> datetime:
    """HOLDUNTIL: a time of RFC 3339 with capital T and Z, before which a message is not sent (RFC 4865 section 4)."""
    if value is None or _TIMESTAMP.fullmatch(value) is None:
        raise ValueError("HOLDUNTIL is a time like 2030-01-31T12:00:00Z")
    # A leap second is a time (RFC 3339 section 5.7), though not Python's.
    text = value.replace(":60", ":59", 1) if value[17:19] == "60" else value
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("HOLDUNTIL is a time like 2030-01-31T12:00:00Z") from None


def format_time(seconds: float) -> str:
    """A time as HOLDUNTIL and the FUTURERELEASE keyword write it.

    Args:
        seconds: since 1970.
    """
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_deliver_by(value: str | None) -> DeliverBy:
    """BY: seconds, a semicolon, ``N`` or ``R``, perhaps ``T`` (RFC 2852 section 4)."""
    found = _BY.fullmatch(value or "")
    if found is None:
        raise ValueError("BY is seconds;N or seconds;R")
    seconds, mode, trace = int(found[1]), found[2].upper(), bool(found[3])
    if mode == "N":
        return DeliverBy(seconds, "N", trace)
    if seconds <= 0:
        raise ValueError("BY with R needs a time that is not over")
    return DeliverBy(seconds, "R", trace)


def format_deliver_by(by: DeliverBy) -> str:
    """The value of BY; the seconds are held to the nine digits there may be."""
    return f"{max(-999_999_999, min(999_999_999, by.seconds))};{by.mode}{'T' if by.trace else ''}"


def parse_flag(value: str | None) -> None:
    """SMTPUTF8 and REQUIRETLS: keywords without a value (RFC 6531 section 3.4, RFC 8689 section 2)."""
    if value is not None:
        raise ValueError("this parameter has no value")


def _printable(value: str, keyword: str) -> str:
    try:
        text = decode_xtext(value)
    except ValueError:
        raise ValueError(f"{keyword} is in xtext") from None
    if not text.isascii() or not text.isprintable():
        raise ValueError(f"{keyword} is printable ASCII in xtext")
    return text


def _decode_unitext(address: str) -> str:
    if _UNITEXT.fullmatch(address) is None:
        raise ValueError("ORCPT is an address in xtext of RFC 6533")
    text = _EMBEDDED.sub(lambda found: chr(int(found[1], 16)), address)
    if not text.isprintable():
        # Surrogates, controls and what else has no shape; a space can only have come in by \x{20}.
        raise ValueError("ORCPT is an address in xtext of RFC 6533")
    return text
