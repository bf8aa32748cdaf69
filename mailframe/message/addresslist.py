"""Address lists of header fields: From, To, Cc and their like (RFC 5322 section 3.4, obsolete forms of 4.4).

The reader takes anything and gives entries as IMAP's ENVELOPE lists them (RFC 9051 section 7.5.2), groups
included. Nothing is decoded: encoded words and 8-bit octets stay as they are.
"""

from __future__ import annotations

import re
import sys
from typing import NamedTuple

from .tokens import comment_end, unquote


class Entry(NamedTuple):
    """One member of an address list.

    A group is an entry with a mailbox (the group's name) and no host, its members, and an entry of four None.

    Attributes:
        name: display name, or where there is none the comment behind the address, or None.
        route: source route (``@a,@b``) of obsolete syntax, or None.
        mailbox: local part without quoting; ``b""`` where it is missing.
        host: domain; ``b""`` where it is missing.
    """

    name: bytes | None
    route: bytes | None
    mailbox: bytes | None
    host: bytes | None


GROUP_END = Entry(None, None, None, None)

# The usual form needs no tokens: a display name (atoms, or one quoted string), and the address in brackets.
_USUAL = re.compile(
    rb"""[ \t]*+(?:"([^"\\]*+)"|([^()<>@,;:\\"\[\]]*+))[ \t]*+<([^\s()<>@,;:\\"\[\]]++)@([\w.-]++)>[ \t]*+(?:,|$)"""
    rb"""|[ \t]*+([^\s()<>@,;:\\"\[\]]++)@([\w.-]++)[ \t]*+(?:,|$)"""
)
_TOKEN = re.compile(
    rb'"((?:[^"\\]++|\\.)*+)"?'
    rb"|(\[(?:[^\]\\]++|\\.)*+\]?)"
    rb'|([^()<>@,;:"\[\s]++)'
    rb"|([()<>@,;:])"
    rb"|\s++",
    re.DOTALL,
)


def parse(octets: bytes, limit: int = sys.maxsize) -> list[Entry]:
    """Read the unfolded body of an address field.

    Args:
        limit: reading stops at so many entries; a group that is cut short still has its end.

    Returns:
        Entries in order. An address whose syntax is broken gives what there is of it; empty places between
        commas give nothing.
    """
    entries: list[Entry] = []
    position, end = 0, len(octets)
    while position < end and len(entries) < limit:
        match = _USUAL.match(octets, position)
        if match is None:
            return entries + _Reader(octets, position, limit - len(entries)).read()
        quoted, plain, mailbox, host, bare, bare_host = match.groups()
        if bare is not None:
            entries.append(Entry(None, None, bare, bare_host))
        else:
            name = quoted if quoted is not None else b" ".join(plain.split())
            entries.append(Entry(name or None, None, mailbox, host))
        position = match.end()
    return entries


class _Reader:
    """Reads any list, token by token; every token is looked at once."""

    def __init__(self, octets: bytes, position: int, limit: int) -> None:
        self._octets = octets
        self._position = position
        self._limit = limit
        self._entries: list[Entry] = []
        self._in_group = False
        self._start_entry()

    def _start_entry(self) -> None:
        self._words: list[bytes] = []
        self._comment: bytes | None = None
        self._mailbox: bytes | None = None
        self._route: bytes | None = None
        self._name: bytes | None = None
        self._in_brackets = False
        self._closed = False

    def read(self) -> list[Entry]:
        """All entries from here to the end, or as many as are wanted."""
        while len(self._entries) < self._limit and (match := _TOKEN.match(self._octets, self._position)):
            self._position = match.end()
            quoted, literal, word, mark = match.groups()
            if quoted is not None:
                self._word(unquote(quoted))
            elif literal is not None or word is not None:
                self._word(literal or word)
            elif mark == b"(":
                self._read_comment(match.start())
            elif mark is not None:
                self._mark(mark)
        self._finish_entry()
        if self._in_group:
            self._entries.append(GROUP_END)
        return self._entries

    def _word(self, word: bytes) -> None:
        if not self._closed:
            self._words.append(word)

    def _read_comment(self, start: int) -> None:
        self._position = comment_end(self._octets, start)
        content = self._octets[start + 1 : self._position]
        self._comment = unquote(content[:-1] if content.endswith(b")") else content).strip()

    def _mark(self, mark: bytes) -> None:
        if mark == b",":
            # The commas of a route (<@a,@b:c@d>) part no addresses.
            if self._in_brackets and self._mailbox == b"" and not self._closed:
                self._words.append(mark)
            else:
                self._finish_entry()
        elif mark == b";":
            self._finish_entry()
            if self._in_group:
                self._entries.append(GROUP_END)
                self._in_group = False
        elif not self._closed:
            self._mark_inside(mark)

    def _mark_inside(self, mark: bytes) -> None:
        if mark == b"<":
            self._open_brackets()
        elif mark == b">":
            self._closed = self._in_brackets
        elif mark == b"@":
            if self._mailbox is None:
                self._mailbox, self._words = b"".join(self._words), []
            else:
                self._words.append(mark)
        elif mark == b":":
            self._colon()

    def _open_brackets(self) -> None:
        """What stood before is the display name, even when it looks like an address."""
        words = self._words
        if self._mailbox is not None:
            words = [self._mailbox + b"@" + b"".join(words)]
        if not self._in_brackets:
            self._name = b" ".join(words) or None
        self._words, self._mailbox, self._in_brackets = [], None, True

    def _colon(self) -> None:
        if self._in_brackets:
            if self._mailbox == b"":
                self._route = b"@" + b"".join(self._words)
                self._words, self._mailbox = [], None
        elif not self._in_group and self._mailbox is None:
            self._entries.append(Entry(None, None, b" ".join(self._words), None))
            self._start_entry()
            self._in_group = True

    def _finish_entry(self) -> None:
        words, mailbox = b"".join(self._words), self._mailbox
        if self._in_brackets or mailbox is not None or words:
            if mailbox is None:
                mailbox, words = words, b""
            name = self._name if self._name is not None else self._comment
            self._entries.append(Entry(name or None, self._route, mailbox, words))
        self._start_entry()
