"""Search keys (RFC 9051 section 6.4.4), with sequence numbers turned into UIDs already. Values only."""

from __future__ import annotations

from dataclasses import dataclass


class SearchKey:
    """One node of a search program; see the subclasses."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class All(SearchKey):
    """Every message."""


@dataclass(frozen=True, slots=True)
class And(SearchKey):
    """Every one of ``keys``."""

    keys: tuple[SearchKey, ...]


@dataclass(frozen=True, slots=True)
class Or(SearchKey):
    """``left`` or ``right``."""

    left: SearchKey
    right: SearchKey


@dataclass(frozen=True, slots=True)
class Not(SearchKey):
    """Not ``key``."""

    key: SearchKey


@dataclass(frozen=True, slots=True)
class HasFlag(SearchKey):
    """Has the system flag or keyword (compared without regard to case)."""

    flag: str


@dataclass(frozen=True, slots=True)
class UIDs(SearchKey):
    """Its UID is in one of the inclusive ranges."""

    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Size(SearchKey):
    """More octets than ``larger``, or fewer than ``smaller``."""

    larger: int | None = None
    smaller: int | None = None


@dataclass(frozen=True, slots=True)
class Dated(SearchKey):
    """A date in ``[since, before)``, disregarding time and zone; days are ``datetime.date.toordinal`` numbers.

    Attributes:
        field: ``"internal"`` (INTERNALDATE), ``"sent"`` (the Date field) or ``"saved"`` (SAVEDATE).
    """

    field: str
    since: int | None = None
    before: int | None = None


@dataclass(frozen=True, slots=True)
class Arrived(SearchKey):
    """Its internal date, in seconds since the epoch, is in ``[since, before)`` (RFC 5032)."""

    since: int | None = None
    before: int | None = None


@dataclass(frozen=True, slots=True)
class HasID(SearchKey):
    """Has this RFC 8474 object id.

    Attributes:
        field: ``"email"`` or ``"thread"``.
        value: compared octet by octet.
    """

    field: str
    value: str


@dataclass(frozen=True, slots=True)
class HeaderContains(SearchKey):
    """A field of this name whose decoded body has the text in it; "" matches any body."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class TextContains(SearchKey):
    """The text is in the decoded text of the message.

    Attributes:
        header: look in the header section too (TEXT); False is BODY.
    """

    text: str
    header: bool = False


@dataclass(frozen=True, slots=True)
class ModseqAtLeast(SearchKey):
    """Changed at or after this modseq (RFC 7162 section 3.1.5)."""

    modseq: int
