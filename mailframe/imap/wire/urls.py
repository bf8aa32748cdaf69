"""URLs that name a message or a part of it on this server (RFC 5092, as far as CATENATE needs them)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from mailframe.message.status import ProtocolError

from .fetching import Section, section
from .parser import Parser

_URL = re.compile(
    rb"/(?P<mailbox>[^;/]+(?:/[^;/]+)*)(?:;UIDVALIDITY=(?P<validity>[1-9][0-9]{0,9}))?"
    rb"/;UID=(?P<uid>[1-9][0-9]{0,9})(?:/;SECTION=(?P<section>[^;]+?))?"
    rb"(?:/;PARTIAL=(?P<offset>[0-9]{1,10})(?:\.(?P<length>[1-9][0-9]{0,9}))?)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class MessageURL:
    """What a URL names.

    Attributes:
        mailbox: the mailbox.
        uidvalidity: what UIDVALIDITY must be; 0 for whatever it is.
        uid: the message.
        section: which of its octets.
        offset: of what is meant.
        length: of what is meant; None for all that is left.
    """

    mailbox: str
    uidvalidity: int
    uid: int
    section: Section
    offset: int = 0
    length: int | None = None


def message_url(octets: bytes) -> MessageURL | None:
    """Understand a URL; None where it is none of this server's messages."""
    match = _URL.fullmatch(octets)
    if match is None:
        return None
    try:
        mailbox = unquote_to_bytes(match["mailbox"]).decode("utf-8")
        wanted = _section(unquote_to_bytes(match["section"] or b""))
    except (UnicodeDecodeError, ProtocolError):
        return None
    length = int(match["length"]) if match["length"] else None
    return MessageURL(
        mailbox, int(match["validity"] or 0), int(match["uid"]), wanted, int(match["offset"] or 0), length
    )


def _section(octets: bytes) -> Section:
    parser = Parser(b"[%b]" % octets)
    found = section(parser)
    parser.end()
    return found
