"""Notices as messages: ``multipart/report`` with words for people, fields for programs, and what is brought back.

RFC 6522 is the form, RFC 3464 what programs read, RFC 6533 both for internationalised mail, RFC 3834 how it is marked
so that no program answers. What is brought back is never copied: it is read from the message when the notice is.
"""

from __future__ import annotations

import binascii
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from . import header
from .address import Address
from .content import CHUNK, Content
from .dates import format_date
from .dsn import DeliveryReport, delivery_status
from .words import LENIENT

HEADER_LIMIT: Final = CHUNK
"""Octets of a header section that are brought back."""


class Enclosed:
    """A body that has another content in its middle.

    Args:
        before: octets.
        middle: stays its owner's, who keeps it as long as this is read.
        after: octets.
    """

    def __init__(self, before: bytes, middle: Content, after: bytes) -> None:
        self._before = before
        self._middle = middle
        self._after = after

    @property
    def size(self) -> int:
        """Octets in all."""
        return len(self._before) + self._middle.size + len(self._after)

    @cached_property
    def head(self) -> bytes:
        """The first octets; all where the middle is in memory."""
        head = self._middle.head
        return self._before + head + (self._after if len(head) == self._middle.size else b"")

    def chunks(self) -> Iterator[bytes]:
        """All octets in order; blocks where the middle does."""
        yield self._before
        yield from self._middle.chunks()
        yield self._after

    def discard(self) -> None:
        """Nothing to give back: the middle is somebody else's."""


@dataclass(frozen=True, slots=True)
class Returned:
    """What is brought back of a message.

    Attributes:
        content: of the message.
        whole: all of it, or its header only?
        international: does its reader know UTF-8 in header fields (SMTPUTF8)?
    """

    content: Content
    whole: bool
    international: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice.

    Attributes:
        sender: the body of its From field.
        recipient: whom it is for.
        subject: ASCII.
        text: for people; lines end in ``\\n``.
        report: for programs.
        international: may UTF-8 stand for itself in the report?
        returned: what is brought back, or None.
        message_id: with its angle brackets.
        written: when, in seconds since the epoch.
        answers: the Message-ID of the message it is about, with its angle brackets, or "".
    """

    sender: str
    recipient: Address
    subject: str
    text: str
    report: DeliveryReport
    international: bool
    returned: Returned | None
    message_id: str
    written: float
    answers: str = ""


@dataclass(frozen=True, slots=True)
class Written:
    """A notice as a message.

    Attributes:
        content: valid as long as what it brings back is.
        parameters: what its MAIL command has to say of it: ``BODY``, ``SMTPUTF8``.
    """

    content: Content
    parameters: dict[str, str | None]


@dataclass(frozen=True, slots=True)
class _Part:
    media_type: str
    content: Content
    encoding: str = "7bit"
    international: bool = False

    def opening(self, boundary: str) -> bytes:
        encoding = f"Content-Transfer-Encoding: {self.encoding}\r\n" if self.encoding != "7bit" else ""
        return f"--{boundary}\r\nContent-Type: {self.media_type}\r\n{encoding}\r\n".encode()


def write(notice: Notice, boundary: str | None = None) -> Written:
    """Make a message of a notice; no I/O.

    Args:
        notice: what to write.
        boundary: between its parts; None for one that nobody can foresee, so that nothing brought back can end it.
    """
    boundary = boundary or f"=_{secrets.token_hex(16)}"
    parts = [_text_part(notice.text), _status_part(notice)]
    if notice.returned is not None:
        parts.append(_returned_part(notice.returned))
    eight_bit = any(part.encoding == "8bit" for part in parts)
    fields = _header(notice, boundary, eight_bit)
    eight_bit = eight_bit or not fields.isascii()
    parameters: dict[str, str | None] = {"BODY": "8BITMIME"} if eight_bit else {}
    if not fields.isascii() or any(part.international for part in parts):
        parameters["SMTPUTF8"] = None
    return Written(_assembled(fields, parts, boundary), parameters)


def _assembled(fields: bytes, parts: Sequence[_Part], boundary: str) -> Content:
    """All parts but the last are small; the last is left where it is."""
    *first, last = parts
    before = [fields]
    for part in first:
        before += [part.opening(boundary), part.content.octets(), b"\r\n"]
    before.append(last.opening(boundary))
    return Content(Enclosed(b"".join(before), last.content, f"\r\n--{boundary}--\r\n".encode()))


def _header(notice: Notice, boundary: str, eight_bit: bool) -> bytes:
    fields = [
        ("From", notice.sender),
        ("To", f"<{bytes(notice.recipient).decode()}>"),
        ("Subject", notice.subject),
        ("Date", format_date(notice.written)),
        ("Message-ID", notice.message_id),
        # RFC 3834 section 5: so that no vacation program answers.
        ("Auto-Submitted", "auto-replied"),
        ("MIME-Version", "1.0"),
        (
            "Content-Type",
            f'multipart/report; report-type=delivery-status;\r\n\tboundary="{boundary}"',
        ),
    ]
    if eight_bit:
        fields.append(("Content-Transfer-Encoding", "8bit"))
    if notice.answers:
        fields[5:5] = [("In-Reply-To", notice.answers), ("References", notice.answers)]
    return b"".join(header.build(name, body) for name, body in fields) + b"\r\n"


def _text_part(text: str) -> _Part:
    octets = text.replace("\n", "\r\n").encode()
    if octets.isascii():
        return _Part("text/plain; charset=us-ascii", Content.of(octets))
    # Not 8bit, so that a notice needs 8BITMIME only for what it brings back. The lines are ended before encoding:
    # binascii keeps CRLF where it finds it.
    encoded = binascii.b2a_qp(octets, istext=True)
    return _Part("text/plain; charset=utf-8", Content.of(encoded), "quoted-printable")


def _status_part(notice: Notice) -> _Part:
    octets = b"".join(delivery_status(notice.report, international=notice.international))
    if octets.isascii():
        return _Part("message/delivery-status", Content.of(octets))
    return _Part("message/global-delivery-status", Content.of(octets), "8bit", international=True)


def _returned_part(returned: Returned) -> _Part:
    content = returned.content
    head = content.head
    section = _header_section(head)
    international = returned.international and not section.isascii() and _is_utf8(section)
    if not returned.whole:
        kind = "message/global-headers" if international else "text/rfc822-headers"
        if not international and not section.isascii():
            kind = "text/rfc822-headers; charset=utf-8"
        octets = section if international else section.decode("utf-8", LENIENT).encode()
        return _Part(kind, Content.of(octets), _encoding(octets), international)
    kind = "message/global" if international else "message/rfc822"
    # What lies in a file is not looked at: 8bit is what it may be (RFC 2045 section 6.2), and never wrong to say.
    encoding = _encoding(head) if content.size <= len(head) else "8bit"
    return _Part(kind, content, encoding, international)


def _header_section(head: bytes) -> bytes:
    """The fields, as many whole ones as may be."""
    section = head[: header.header_end(head)]
    if len(section) > HEADER_LIMIT:
        section = section[: section.rfind(b"\r\n", 0, HEADER_LIMIT) + 2]
    return section


def _encoding(octets: bytes) -> str:
    return "7bit" if octets.isascii() else "8bit"


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode()
    except UnicodeDecodeError:
        return False
    return True
