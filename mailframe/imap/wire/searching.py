"""The search program of SEARCH, as the store understands it (RFC 3501 section 6.4.4).

OLDER and YOUNGER are RFC 5032, MODSEQ is RFC 7162, EMAILID and THREADID are RFC 8474, SAVED... is RFC 8514.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from mailframe.message.status import MailframeError, Status
from mailframe.store import search_keys
from mailframe.store.search_keys import SearchKey
from mailframe.store.values import SEEN, SYSTEM_FLAGS

from .dates import date
from .parser import Parser, bad
from .sequences import Ranges, SequenceSet, sequence_set

DEPTH_LIMIT = 50
"""How deep NOT, OR and parentheses may be nested."""
KEYS_LIMIT = 1000
"""Search keys one command may have."""
BADCHARSET = Status((5, 5, 4), "That charset is not known here", "BADCHARSET (US-ASCII UTF-8)")


class Resolver(Protocol):
    """What a search program needs of the session that runs it."""

    def numbers(self, wanted: SequenceSet) -> Ranges:
        """The UIDs behind message sequence numbers.

        Raises:
            ProtocolError: there is no such message sequence number.
        """

    def uids(self, wanted: SequenceSet) -> Ranges:
        """The UIDs of a set of UIDs, ``*`` resolved."""

    def now(self) -> int:
        """The time, seconds since the epoch."""

    def recent(self) -> Ranges:
        """The UIDs that are ``\\Recent`` in this session."""


def search_program(parser: Parser, resolver: Resolver) -> SearchKey:
    """Take all arguments of SEARCH.

    Without CHARSET, strings are taken as UTF-8, of which US-ASCII is a part: clients search for what was typed
    without saying how it is encoded.

    Raises:
        ProtocolError: it is not a search program.
        MailframeError: ``BADCHARSET``.
    """
    program = _Program(parser, resolver, _charset(parser))
    key = program.keys()
    parser.end()
    return key


def search_after_charset(parser: Parser, resolver: Resolver) -> SearchKey:
    """Take the charset and the search program of SORT and THREAD, where a charset must be named (RFC 5256).

    Raises:
        ProtocolError: it is not that.
        MailframeError: ``BADCHARSET``.
    """
    charset = _known(parser.astring())
    parser.space()
    key = _Program(parser, resolver, charset).keys()
    parser.end()
    return key


def _charset(parser: Parser) -> str:
    if not parser.accept_word("CHARSET"):
        return "utf-8"
    parser.space()
    name = parser.astring()
    parser.space()
    return _known(name)


def _known(charset: bytes) -> str:
    """Python's name of a charset.

    Raises:
        MailframeError: ``BADCHARSET``.
    """
    name = charset.upper()
    if name == b"UTF-8":
        return "utf-8"
    if name in (b"US-ASCII", b"ASCII"):
        return "ascii"
    raise MailframeError(BADCHARSET)


def asks_modseq(key: SearchKey) -> bool:
    """Does a program ask for mod-sequences, so that its answer must tell the highest (RFC 7162 section 3.1.5)?"""
    match key:
        case search_keys.And(keys):
            return any(map(asks_modseq, keys))
        case search_keys.Or(left, right):
            return asks_modseq(left) or asks_modseq(right)
        case search_keys.Not(inner):
            return asks_modseq(inner)
    return isinstance(key, search_keys.ModseqAtLeast)


class _Program:
    """One search program while it is parsed."""

    def __init__(self, parser: Parser, resolver: Resolver, charset: str) -> None:
        self._parser = parser
        self._resolver = resolver
        self._charset = charset
        self._depth = 0
        self._count = 0

    def keys(self) -> SearchKey:
        """One or more keys, all of which must match."""
        found = [self.key()]
        while self._parser.accept(b" "):
            found.append(self.key())
        return found[0] if len(found) == 1 else search_keys.And(tuple(found))

    def key(self) -> SearchKey:
        """One search-key."""
        self._bound()
        parser, start = self._parser, self._parser.peek()
        if start == b"(":
            return self._nested(self._group)
        if start.isdigit() or start in (b"*", b"$"):
            return search_keys.UIDs(self._resolver.numbers(sequence_set(parser)))
        word = parser.word()
        if word in _SIMPLE:
            return _SIMPLE[word]
        if word in _WITH_ARGUMENT:
            parser.space()
            return _WITH_ARGUMENT[word](self)
        if word in ("RECENT", "OLD", "NEW"):
            return self._recent(word)
        raise bad("There is no such search key")

    def text(self) -> str:
        """An astring in the charset of the command."""
        octets = self._parser.astring()
        try:
            return octets.decode(self._charset)
        except UnicodeDecodeError:
            raise MailframeError(BADCHARSET) from None

    def field(self, name: str) -> SearchKey:
        """A field and the text in it."""
        return search_keys.HeaderContains(name, self.text())

    def header(self) -> SearchKey:
        """HEADER: a field name and the text in it."""
        name = self._parser.astring()
        if not name or not name.isascii():
            raise bad("There is no field of such a name")
        self._parser.space()
        return self.field(name.decode("ascii"))

    def keyword(self) -> SearchKey:
        """The argument of KEYWORD: an atom."""
        return search_keys.HasFlag(self._parser.atom().decode("ascii"))

    def number(self) -> int:
        """The argument of LARGER and SMALLER."""
        return self._parser.number64()

    def dated(self, field: str, word: str) -> SearchKey:
        """A date, and the days before, on or since it."""
        day = date(self._parser)
        if word == "BEFORE":
            return search_keys.Dated(field, before=day)
        return search_keys.Dated(field, since=day, before=day + 1 if word == "ON" else None)

    def moment(self) -> int:
        """The argument of OLDER and YOUNGER, an interval, as the moment that long ago."""
        return self._resolver.now() - self._parser.nz_number()

    def modseq(self) -> SearchKey:
        """The argument of MODSEQ; an entry name and type in front mean nothing to the store, which has one modseq
        for all flags (RFC 7162 section 3.1.5 lets it)."""
        if self._parser.peek() == b'"':
            if not self._parser.quoted().lower().startswith(b"/flags/"):
                raise bad("There is no such entry")
            self._parser.space()
            if self._parser.word() not in ("ALL", "PRIV", "SHARED"):
                raise bad("There is no such type of entry")
            self._parser.space()
        return search_keys.ModseqAtLeast(self._parser.number64())

    def object_id(self, field: str) -> SearchKey:
        """The argument of EMAILID and THREADID."""
        return search_keys.HasID(field, self._parser.atom().decode("ascii"))

    def uids(self) -> SearchKey:
        """The argument of UID."""
        return search_keys.UIDs(self._resolver.uids(sequence_set(self._parser)))

    def negated(self) -> SearchKey:
        """The argument of NOT."""
        return search_keys.Not(self._nested(self.key))

    def either(self) -> SearchKey:
        """The two arguments of OR."""
        left = self._nested(self.key)
        self._parser.space()
        return search_keys.Or(left, self._nested(self.key))

    def _group(self) -> SearchKey:
        self._parser.expect(b"(")
        found = self.keys()
        self._parser.expect(b")")
        return found

    def _recent(self, word: str) -> SearchKey:
        recent = search_keys.UIDs(self._resolver.recent())
        if word == "OLD":
            return search_keys.Not(recent)
        if word == "NEW":
            return search_keys.And((recent, search_keys.Not(search_keys.HasFlag(SEEN))))
        return recent

    def _nested(self, rule: Callable[[], SearchKey]) -> SearchKey:
        self._depth += 1
        if self._depth > DEPTH_LIMIT:
            raise bad("The search program is nested too deeply")
        found = rule()
        self._depth -= 1
        return found

    def _bound(self) -> None:
        self._count += 1
        if self._count > KEYS_LIMIT:
            raise bad("The search program has too many keys")


def _flag_keys() -> dict[str, SearchKey]:
    keys: dict[str, SearchKey] = {"ALL": search_keys.All(), "SAVEDATESUPPORTED": search_keys.All()}
    for flag in SYSTEM_FLAGS:
        keys[flag[1:].upper()] = search_keys.HasFlag(flag)
        keys["UN" + flag[1:].upper()] = search_keys.Not(search_keys.HasFlag(flag))
    return keys


_SIMPLE = _flag_keys()

_WITH_ARGUMENT: dict[str, Callable[[_Program], SearchKey]] = {
    "BCC": lambda program: program.field("Bcc"),
    "BEFORE": lambda program: program.dated("internal", "BEFORE"),
    "BODY": lambda program: search_keys.TextContains(program.text()),
    "CC": lambda program: program.field("Cc"),
    "EMAILID": lambda program: program.object_id("email"),
    "FROM": lambda program: program.field("From"),
    "HEADER": _Program.header,
    "KEYWORD": _Program.keyword,
    "LARGER": lambda program: search_keys.Size(larger=program.number()),
    "MODSEQ": _Program.modseq,
    "NOT": _Program.negated,
    "OLDER": lambda program: search_keys.Arrived(before=program.moment() + 1),
    "ON": lambda program: program.dated("internal", "ON"),
    "OR": _Program.either,
    "SAVEDBEFORE": lambda program: program.dated("saved", "BEFORE"),
    "SAVEDON": lambda program: program.dated("saved", "ON"),
    "SAVEDSINCE": lambda program: program.dated("saved", "SINCE"),
    "SENTBEFORE": lambda program: program.dated("sent", "BEFORE"),
    "SENTON": lambda program: program.dated("sent", "ON"),
    "SENTSINCE": lambda program: program.dated("sent", "SINCE"),
    "SINCE": lambda program: program.dated("internal", "SINCE"),
    "SMALLER": lambda program: search_keys.Size(smaller=program.number()),
    "SUBJECT": lambda program: program.field("Subject"),
    "TEXT": lambda program: search_keys.TextContains(program.text(), header=True),
    "THREADID": lambda program: program.object_id("thread"),
    "TO": lambda program: program.field("To"),
    "UID": _Program.uids,
    "UNKEYWORD": lambda program: search_keys.Not(program.keyword()),
    "YOUNGER": lambda program: search_keys.Arrived(since=program.moment()),
}
