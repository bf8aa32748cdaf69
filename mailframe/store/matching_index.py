"""A search program and an index of texts: what the program asks, and what follows from the answers."""

from __future__ import annotations

from collections.abc import Iterable

from mailframe.message.text import fold_case

from .search_keys import And, Dated, HeaderContains, Not, Or, SearchKey, TextContains
from .text.interfaces import Found, InBody, InField, InHeader, SentOn, Wanted


def questions(key: SearchKey) -> list[Wanted]:
    """What must be known of texts to decide a program; each once."""
    return list(dict.fromkeys(_asked(key)))


def _asked(key: SearchKey) -> Iterable[Wanted]:
    match key:
        case And(keys):
            for each in keys:
                yield from _asked(each)
        case Or(left, right):
            yield from _asked(left)
            yield from _asked(right)
        case Not(inner):
            yield from _asked(inner)
        case _:
            yield from _of_leaf(key)


def _of_leaf(leaf: SearchKey) -> tuple[Wanted, ...]:
    """Any of these, and the leaf is true; none for a leaf that a row decides."""
    match leaf:
        case HeaderContains(name, text):
            return (InField(name.lower(), fold_case(text)),)
        case TextContains(text, header):
            needle = fold_case(text)
            return (InHeader(needle), InBody(needle)) if header else (InBody(needle),)
        case Dated("sent", since, before):
            return (SentOn(since, before),)
    return ()


class Answers:
    """What an index has answered so far.

    Attributes:
        covered: it answers for the messages whose UID is below this.
        unsure: but not for these.
    """

    def __init__(self, covered: int) -> None:
        self.covered = covered
        self.unsure: set[int] = set()
        self._uids: dict[Wanted, set[int]] = {}

    def take(self, wanted: Wanted, found: Found) -> None:
        """Note an answer, or one more part of it."""
        self._uids.setdefault(wanted, set()).update(found.uids)
        self.unsure.update(found.unsure)

    def said(self, uid: int) -> SaidByIndex | None:
        """What this message says; None where the index cannot tell."""
        if uid >= self.covered or uid in self.unsure:
            return None
        return SaidByIndex(uid, self._uids)

    def candidates(self, key: SearchKey) -> set[int] | None:
        """The only messages that can match, among those the index can tell of; None: any of them."""
        match key:
            case And(keys):
                bounds = [bound for each in keys if (bound := self.candidates(each)) is not None]
                return set.intersection(*bounds) if bounds else None
            case Or(left, right):
                one, other = self.candidates(left), self.candidates(right)
                return None if one is None or other is None else one | other
        found = [self._uids[wanted] for wanted in _of_leaf(key)]
        return set().union(*found) if found else None


class SaidByIndex:
    """See `mailframe.store.matching_text.Said`; only what was asked can be answered."""

    __slots__ = ("_uid", "_uids")

    def __init__(self, uid: int, uids: dict[Wanted, set[int]]) -> None:
        self._uid = uid
        self._uids = uids

    def field_contains(self, name: str, needle: str) -> bool:
        """See `Said.field_contains`."""
        return self._uid in self._uids[InField(name, needle)]

    def header_contains(self, needle: str) -> bool:
        """See `Said.header_contains`."""
        return self._uid in self._uids[InHeader(needle)]

    def body_contains(self, needle: str) -> bool:
        """See `Said.body_contains`."""
        return self._uid in self._uids[InBody(needle)]

    def sent_within(self, since: int | None, before: int | None) -> bool:
        """See `Said.sent_within`."""
        return self._uid in self._uids[SentOn(since, before)]
