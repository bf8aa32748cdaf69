"""Dovecot's ``pop3_uidl_format``: what its POP3 server called messages.

``%u`` is the UID, ``%v`` UIDVALIDITY, ``%f`` the name of the message's file without flags, ``%g`` its GUID, which is
the same where ``dovecot-uidlist`` has no other. ``%08Xu`` writes a number in eight hexadecimal digits, ``%Mf`` the
MD5 of a text. Dovecot 2.4 writes these ``%{uid | hex(8)}``, ``%{uidvalidity}``, ``%{filename}``, ``%{guid}`` and
``%{filename | md5}``. ``%m``, the MD5 of a message's header, is only for mbox and not known here.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass

DEFAULT = "%08Xu%08Xv"
"""What Dovecot uses where nothing is configured."""

_SHORT = re.compile(r"%(?:%|(?P<zero>0?)(?P<width>\d{0,2})(?P<kind>[XM]?)(?P<letter>[uvfg]))")
_LONG = re.compile(
    r"%\{\s*(?P<name>uid|uidvalidity|filename|guid)\s*(?:\|\s*(?:hex(?:\(\s*(?P<width>\d{1,2})\s*\))?|(?P<md5>md5)))?\s*\}"
)
_HEX = re.compile(r"\|\s*hex")
_LETTERS = {"uid": "u", "uidvalidity": "v", "filename": "f", "guid": "g"}


@dataclass(frozen=True, slots=True)
class Named:
    """What a UIDL may be made of: see the module."""

    uid: int
    uidvalidity: int
    file: str = ""
    guid: str = ""

    def value(self, letter: str) -> int | str:
        """What stands for a variable."""
        if letter == "u":
            return self.uid
        if letter == "v":
            return self.uidvalidity
        return self.file if letter == "f" else self.guid or self.file


Uidl = Callable[[Named], str]
"""Makes a UIDL."""


def parse(text: str) -> Uidl:
    """A format.

    Raises:
        ValueError: it has a variable that is not one of these, or nothing that tells messages apart.
    """
    parts: list[str | Uidl] = []
    telling = False
    place = 0
    while place < len(text):
        percent = text.find("%", place)
        if percent < 0:
            percent = len(text)
        parts.append(text[place:percent])
        if percent == len(text):
            break
        match = _LONG.match(text, percent) or _SHORT.match(text, percent)
        if match is None:
            raise ValueError(f"{text[percent : percent + 12]!r} is not known; there are %u, %v, %f and %g")
        part, tells = _variable(match)
        parts.append(part)
        telling |= tells
        place = match.end()
    if not telling:
        raise ValueError("it has none of %u, %f and %g, so that messages could not be told apart")
    return lambda named: "".join(part if isinstance(part, str) else part(named) for part in parts)


def _variable(match: re.Match[str]) -> tuple[str | Uidl, bool]:
    """What stands there, and whether it tells messages apart."""
    if match[0] == "%%":
        return "%", False
    fields = match.groupdict()
    if "name" in fields:
        letter, hexadecimal = _LETTERS[fields["name"]], _HEX.search(match[0]) is not None
        md5, zero = bool(fields["md5"]), True
    else:
        letter, hexadecimal = fields["letter"], fields["kind"] == "X"
        md5, zero = fields["kind"] == "M", bool(fields["zero"])
    width = int(fields["width"] or 0)
    return (lambda named: _written(named.value(letter), hexadecimal, md5, zero, width)), letter != "v"


def _written(value: int | str, hexadecimal: bool, md5: bool, zero: bool, width: int) -> str:
    if md5:
        return hashlib.md5(os.fsencode(str(value)), usedforsecurity=False).hexdigest()
    if isinstance(value, str):
        return value
    text = f"{value:x}" if hexadecimal else str(value)
    return text.rjust(width, "0" if zero else " ")
