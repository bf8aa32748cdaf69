"""The tokens of IMAP commands, as methods named after the rules of RFC 3501 section 9.

A `Parser` stands at a place in one whole command (its literals included, as they came) and moves on with every
token it takes. Everything that is not the grammar is a `ProtocolError` that is told as BAD. One leniency: a quoted
string may hold octets above 127 (RFC 9051 allows UTF-8 there); whoever uses the string decides about them.
"""

from __future__ import annotations

import re

from mailframe.message.status import ProtocolError, Status

NUMBER_LIMIT = 2**32 - 1
"""The largest number of RFC 3501."""
NUMBER64_LIMIT = 2**63 - 1
"""The largest number64 of RFC 9051."""

# ATOM-CHAR is any CHAR but "(" ")" "{" SP CTL, list-wildcards, quoted-specials and resp-specials.
_ATOM_CHAR = rb"[^\x00-\x20\x7f-\xff(){%*\"\\\]]"
_TAG = re.compile(rb"[^\x00-\x20\x7f-\xff(){%*\"\\+]+")
_ATOM = re.compile(_ATOM_CHAR + rb"+")
_ASTRING = re.compile(rb"[^\x00-\x20\x7f-\xff(){%*\"\\]+")
_LIST_MAILBOX = re.compile(rb"[^\x00-\x20\x7f-\xff(){\"\\]+")
_QUOTED = re.compile(rb'"([^"\\\r\n\0]*(?:\\["\\][^"\\\r\n\0]*)*)"')
_ESCAPED = re.compile(rb"\\([\"\\])")
_LITERAL = re.compile(rb"\{([0-9]{1,10})\+?\}\r\n")
_NUMBER64 = re.compile(rb"[0-9]{1,19}")
_NUMBER = re.compile(rb"[0-9]{1,10}")
_WORD = re.compile(rb"[A-Za-z0-9.\-]+")


def bad(text: str, *, fatal: bool = False) -> ProtocolError:
    """The exception for a command that breaks the grammar: ``raise bad("a number is missing")``.

    Args:
        text: one line of ASCII for the client, without what it sent.
        fatal: nothing after this can be understood.
    """
    return ProtocolError(Status((5, 5, 2), text, "CLIENTBUG"), fatal=fatal)


class Parser:
    """Takes one command apart, token by token.

    Args:
        text: the command without its last CRLF; a literal is in it as ``{3}CRLFabc``.
        at: where to begin.
        utf8: mailbox names are in UTF-8 (RFC 9051 section 5.1, RFC 9755 section 3), not in modified UTF-7.
    """

    __slots__ = ("_at", "_text", "utf8")

    def __init__(self, text: bytes, at: int = 0, utf8: bool = False) -> None:
        self._text = text
        self._at = at
        self.utf8 = utf8

    # Looking and moving.

    @property
    def at_end(self) -> bool:
        """Is nothing left?"""
        return self._at >= len(self._text)

    def end(self) -> None:
        """Nothing may follow.

        Raises:
            ProtocolError: something does.
        """
        if self._at < len(self._text):
            raise bad("Something follows where the command should end")

    def peek(self) -> bytes:
        """The next octet without taking it, or ``b""`` at the end."""
        return self._text[self._at : self._at + 1]

    def starts(self, octets: bytes) -> bool:
        """Are these octets next, in any case?"""
        return self._text[self._at : self._at + len(octets)].upper() == octets

    def accept(self, octets: bytes) -> bool:
        """Take exactly these octets if they are next."""
        if self._text.startswith(octets, self._at):
            self._at += len(octets)
            return True
        return False

    def expect(self, octets: bytes) -> None:
        """Take exactly these octets.

        Raises:
            ProtocolError: something else is next.
        """
        if not self.accept(octets):
            raise bad(f"Expected {octets.decode('ascii')!r}")

    def space(self) -> None:
        """SP: one space, neither more nor less.

        Raises:
            ProtocolError: it is missing.
        """
        if not self.accept(b" "):
            raise bad("Expected a space")

    # Tokens.

    def tag(self) -> bytes:
        """The tag of a command: ASTRING-CHARs but no ``+``."""
        return self._take(_TAG, "a tag")

    def atom(self) -> bytes:
        """An atom."""
        return self._take(_ATOM, "an atom")

    def word(self) -> str:
        """A keyword of the grammar such as ``RFC822.SIZE``, in upper case."""
        return self._take(_WORD, "a keyword").decode("ascii").upper()

    def accept_word(self, word: str) -> bool:
        """Take this keyword, written in any case, if it is next."""
        match = _WORD.match(self._text, self._at)
        if match is None or match.group().upper() != word.encode("ascii"):
            return False
        self._at = match.end()
        return True

    def number(self) -> int:
        """number: 0 to 2**32 - 1."""
        value = int(self._take(_NUMBER, "a number"))
        if value > NUMBER_LIMIT:
            raise bad("A number is too large")
        return value

    def number64(self) -> int:
        """number64: 0 to 2**63 - 1 (RFC 9051 section 9)."""
        value = int(self._take(_NUMBER64, "a number"))
        if value > NUMBER64_LIMIT:
            raise bad("A number is too large")
        return value

    def nz_number(self) -> int:
        """nz-number: 1 to 2**32 - 1."""
        value = self.number()
        if value == 0:
            raise bad("A number must not be zero")
        return value

    def string(self) -> bytes:
        """A string: quoted or literal, unescaped."""
        if self.peek() == b"{":
            return self.literal()
        return self.quoted()

    def quoted(self) -> bytes:
        """A quoted string, unescaped."""
        content = self._take(_QUOTED, "a string", 1)
        return _ESCAPED.sub(rb"\1", content) if b"\\" in content else content

    def literal(self) -> bytes:
        """A literal, synchronising or not; the reader has seen to it that it is here whole."""
        octets = self._literal()
        if b"\0" in octets:
            raise bad("A literal must not hold NUL octets")
        return octets

    def literal8(self) -> bytes:
        """A literal8: any octets (RFC 3516 section 7)."""
        self.expect(b"~")
        return self._literal()

    def astring(self) -> bytes:
        """An astring: an atom (that may hold ``]``) or a string."""
        if self.peek() in (b'"', b"{"):
            return self.string()
        return self._take(_ASTRING, "an atom or a string")

    def nstring(self) -> bytes | None:
        """An nstring: a string, or NIL for None."""
        if self.peek() in (b'"', b"{"):
            return self.string()
        if self.word() != "NIL":
            raise bad("Expected a string or NIL")
        return None

    def list_mailbox(self) -> bytes:
        """A list-mailbox: an atom that may hold wildcards, or a string."""
        if self.peek() in (b'"', b"{"):
            return self.string()
        return self._take(_LIST_MAILBOX, "a mailbox pattern")

    def _literal(self) -> bytes:
        size = int(self._take(_LITERAL, "a literal", 1))
        octets = self._text[self._at : self._at + size]
        if len(octets) < size:
            raise bad("A literal is cut short")
        self._at += size
        return octets

    def _take(self, pattern: re.Pattern[bytes], what: str, group: int = 0) -> bytes:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise bad(f"Expected {what}")
        self._at = match.end()
        return match.group(group)
