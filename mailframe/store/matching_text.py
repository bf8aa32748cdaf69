"""The text of a message as SEARCH compares it: decoded, and in one case."""

from __future__ import annotations

import unicodedata
from email.header import decode_header, make_header
from email.utils import parsedate_to_datetime
from functools import cached_property


def casemap(text: str) -> str:
    """Text in the form in which two spellings compare equal, much as i;unicode-casemap (RFC 5051) has it."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKD", text.casefold())


class HeaderTexts:
    """The header section of one message, for HEADER, TEXT and the dates of its Date field.

    Args:
        octets: the message, or its header section alone.
    """

    def __init__(self, octets: bytes) -> None:
        if octets.startswith(b"\r\n"):
            octets = b""
        self._section = octets.partition(b"\r\n\r\n")[0] + b"\r\n"

    def contains(self, name: str, needle: str) -> bool:
        """Has a field called ``name`` (lower case) the needle (see `casemap`) in its body?"""
        return any(needle in body for each, body in self._fields if each == name)

    def anywhere(self, needle: str) -> bool:
        """Is the needle in any field, name or body?"""
        return any(needle in f"{name}: {body}" for name, body in self._fields)

    @cached_property
    def sent(self) -> int | None:
        """The day of the Date field as an ordinal, or None where there is no date."""
        for name, body in self._fields:
            if name == "date":
                try:
                    return parsedate_to_datetime(body).toordinal()
                except ValueError:
                    return None
        return None

    @cached_property
    def _fields(self) -> list[tuple[str, str]]:
        unfolded = self._section.replace(b"\r\n ", b" ").replace(b"\r\n\t", b"\t").split(b"\r\n")
        found = []
        for line in unfolded:
            name, colon, body = line.partition(b":")
            if colon:
                found.append((name.strip().decode("latin-1").lower(), _decoded(body.strip())))
        return found


class BodyTexts:
    """The text of one message's body, for TEXT and BODY.

    Args:
        octets: the whole message.
    """

    def __init__(self, octets: bytes) -> None:
        body = octets[2:] if octets.startswith(b"\r\n") else octets.partition(b"\r\n\r\n")[2]
        self._text = casemap(body.decode("utf-8", "replace"))

    def contains(self, needle: str) -> bool:
        """Is the needle (see `casemap`) in the decoded text?"""
        return needle in self._text


def _decoded(body: bytes) -> str:
    text = body.decode("utf-8", "replace")
    try:
        return casemap(str(make_header(decode_header(text))))
    except (ValueError, LookupError):
        return casemap(text)
