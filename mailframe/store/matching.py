"""Does a message match a search program? Cheap keys first, content only when nothing else decides it.

A program is evaluated in three steps that know more and more: the catalogue's row, the header section, the whole
message. Each step answers True, False or None («cannot tell yet»), as Kleene's logic has it, so that in
``UNSEEN TEXT x`` the content of a seen message is never read, and in ``OR SEEN TEXT x`` neither.

A backend that has its rows in a database asks `split` for the part it can answer there, and makes a `Program` of
the rest.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from math import inf

from mailframe.message.text import fold_case

from .matching_text import OctetsSource, Said, Source, Texts
from .search_keys import (
    All,
    And,
    Arrived,
    Dated,
    HasFlag,
    HasID,
    HeaderContains,
    ModseqAtLeast,
    Not,
    Or,
    SearchKey,
    Size,
    TextContains,
    UIDs,
)
from .values import Item, Message

Verdict = bool | None
"""True, False, or None: cannot be told from what is known."""

_DAY = 86400
_EPOCH = date(1970, 1, 1).toordinal()


class Facts:
    """What is known of one message so far.

    Attributes:
        message: its row.
        header: what its header section can be asked of, None before that may be read.
        body: what the rest can be asked of, None before that may be read.
    """

    __slots__ = ("body", "header", "message")

    def __init__(self, message: Message) -> None:
        self.message = message
        self.header: Said | None = None
        self.body: Said | None = None


Test = Callable[[Facts], Verdict]


class Program:
    """A search key made ready to be asked of many messages.

    Args:
        key: the whole program.

    Attributes:
        items: what must be in the rows that `decide` and `matches` are given.
        in_row: every row decides; no content is ever read.
        header_only: no more than the header section is ever read.
    """

    def __init__(self, key: SearchKey) -> None:
        self.items = items_needed(key)
        self.in_row = in_row(key)
        self.header_only = header_only(key)
        self._test = _compiled(key)
        self._needles = [fold_case(leaf.text) for leaf in _leaves(key) if isinstance(leaf, TextContains)]

    def decide(self, message: Message, said: Said | None = None) -> Verdict:
        """What the row says: True or False where that is enough, else None.

        Args:
            message: its row.
            said: what its text is known to say without reading it; then there is always an answer.
        """
        facts = Facts(message)
        facts.header = facts.body = said
        return self._test(facts)

    def matches(self, message: Message, source: Source | bytes) -> bool:
        """Does the message match?

        Args:
            message: its row.
            source: its octets, read only as far as they are needed. Where that blocks, call this in a thread.
        """
        verdict = self.decide(message)
        if verdict is not None:
            return verdict
        return bool(
            self.reading(message, OctetsSource(source) if isinstance(source, bytes) else source).verdict()
        )

    def reading(self, message: Message, source: Source) -> Reading:
        """Begin to read a message of which the row does not decide.

        Args:
            message: its row.
            source: its octets.
        """
        return Reading(self._test, message, Texts(source, self._needles))


class Reading:
    """One message that is being read. It may be long, so that it is done in slices.

    Args:
        test: the program.
        message: its row.
        texts: what it says.

    Attributes:
        uid: the message's.
    """

    def __init__(self, test: Test, message: Message, texts: Texts) -> None:
        self.uid = message.uid
        self._test = test
        self._texts = texts
        self._facts = Facts(message)
        self._facts.header = texts

    def verdict(self, until: float = inf) -> Verdict:
        """Does it match? None: not known at this moment of `time.monotonic`; ask again."""
        verdict = self._test(self._facts)
        if verdict is None and self._texts.look(until):
            self._facts.body = self._texts
            verdict = self._test(self._facts)
        return verdict


def items_needed(key: SearchKey) -> Item:
    """What a program must find in the rows it is given."""
    items = Item(0)
    for leaf in _leaves(key):
        if isinstance(leaf, (HasFlag, ModseqAtLeast)):
            items |= Item.FLAGS
        elif isinstance(leaf, Size):
            items |= Item.SIZE
        elif isinstance(leaf, Arrived):
            items |= Item.DATE
        elif isinstance(leaf, HasID):
            items |= Item.IDENTITY
        elif isinstance(leaf, Dated):
            items |= {"internal": Item.DATE, "saved": Item.IDENTITY}.get(leaf.field, Item(0))
    return items


def in_row(key: SearchKey) -> bool:
    """Can this key be decided from the catalogue's row alone?"""
    return all(map(_leaf_in_row, _leaves(key)))


def asks_thread(key: SearchKey) -> bool:
    """Does the program ask for THREADIDs, which rows get only when somebody asks?"""
    return any(isinstance(leaf, HasID) and leaf.field == "thread" for leaf in _leaves(key))


def header_only(key: SearchKey) -> bool:
    """Is the header section, with the row, enough to decide this key?"""
    return not any(isinstance(leaf, TextContains) for leaf in _leaves(key))


def split(key: SearchKey) -> tuple[SearchKey, SearchKey | None]:
    """A program as two: what the catalogue's rows decide, and what is left for those that pass.

    ``key`` matches exactly where both parts do. Nested AND is opened; an OR of both kinds is left whole for
    the second part.

    Returns:
        The first part (`All` where nothing can be decided early), and the rest or None.
    """
    row: list[SearchKey] = []
    rest: list[SearchKey] = []
    for part in _conjuncts(key):
        (row if in_row(part) else rest).append(part)
    return _joined(row) or All(), _joined(rest)


# Keys as functions.


def _compiled(key: SearchKey) -> Test:
    match key:
        case And(keys):
            return _every([_compiled(each) for each in _cheap_first(keys)])
        case Or(left, right):
            return _either([_compiled(each) for each in _cheap_first((left, right))])
        case Not(inner):
            return _negated(_compiled(inner))
        case HeaderContains(name, text):
            return _header_contains(name, text)
        case TextContains(text, header):
            return _text_contains(text, header)
        case Dated("sent", since, before):
            return _sent(since, before)
    return _row_test(key)


def _row_test(key: SearchKey) -> Test:
    match key:
        case All():
            return lambda facts: True
        case HasFlag(flag):
            return _has_flag(flag)
        case UIDs(ranges):
            return _among(ranges)
        case Size(larger, smaller):
            least = None if larger is None else larger + 1
            return lambda facts: _within(facts.message.size, least, smaller)
        case ModseqAtLeast(modseq):
            return lambda facts: facts.message.modseq >= modseq
        case Arrived(since, before):
            return lambda facts: _within(facts.message.internal_date, since, before)
        case HasID("email", value):
            return lambda facts: facts.message.email_id == value
        case HasID("thread", value):
            return lambda facts: facts.message.thread_id == value
        case Dated("internal", since, before):
            return lambda facts: _within(_day(facts.message.internal_date), since, before)
        case Dated("saved", since, before):
            return lambda facts: _within(_day(facts.message.save_date), since, before)
    raise ValueError(f"no such search key: {key!r}")


def _every(tests: Sequence[Test]) -> Test:
    def test(facts: Facts) -> Verdict:
        answer: Verdict = True
        for each in tests:
            verdict = each(facts)
            if verdict is False:
                return False
            if verdict is None:
                answer = None
        return answer

    return test


def _either(tests: Sequence[Test]) -> Test:
    # Neither is false: not (not left and not right). One rule less to get wrong.
    return _negated(_every([_negated(test) for test in tests]))


def _negated(inner: Test) -> Test:
    def test(facts: Facts) -> Verdict:
        verdict = inner(facts)
        return None if verdict is None else not verdict

    return test


def _has_flag(flag: str) -> Test:
    lowered = flag.lower()

    def test(facts: Facts) -> Verdict:
        flags = facts.message.flags
        return flag in flags or any(lowered == each.lower() for each in flags)

    return test


def _among(ranges: tuple[tuple[int, int], ...]) -> Test:
    # A client may name ten thousand ranges: they are searched, not walked through.
    firsts: list[int] = []
    lasts: list[int] = []
    for first, last in sorted(ranges):
        if lasts and first <= lasts[-1]:
            lasts[-1] = max(last, lasts[-1])
        else:
            firsts.append(first)
            lasts.append(last)

    def test(facts: Facts) -> Verdict:
        at = bisect_right(firsts, facts.message.uid) - 1
        return at >= 0 and facts.message.uid <= lasts[at]

    return test


def _header_contains(name: str, text: str) -> Test:
    name, needle = name.lower(), fold_case(text)
    return lambda facts: None if facts.header is None else facts.header.field_contains(name, needle)


def _text_contains(text: str, header: bool) -> Test:
    needle = fold_case(text)

    def test(facts: Facts) -> Verdict:
        if header and facts.header is not None and facts.header.header_contains(needle):
            return True
        return None if facts.body is None else facts.body.body_contains(needle)

    return test


def _sent(since: int | None, before: int | None) -> Test:
    def test(facts: Facts) -> Verdict:
        return None if facts.header is None else facts.header.sent_within(since, before)

    return test


def _day(seconds: int) -> int:
    return seconds // _DAY + _EPOCH


def _within(number: int, since: int | None, before: int | None) -> bool:
    return (since is None or number >= since) and (before is None or number < before)


# Keys as trees.


def _leaves(key: SearchKey) -> Iterable[SearchKey]:
    match key:
        case And(keys):
            for each in keys:
                yield from _leaves(each)
        case Or(left, right):
            yield from _leaves(left)
            yield from _leaves(right)
        case Not(inner):
            yield from _leaves(inner)
        case _:
            yield key


def _leaf_in_row(key: SearchKey) -> bool:
    if isinstance(key, Dated):
        return key.field != "sent"
    return not isinstance(key, (HeaderContains, TextContains))


def _cheap_first(keys: Iterable[SearchKey]) -> list[SearchKey]:
    return sorted(keys, key=lambda key: (not in_row(key), not header_only(key)))


def _conjuncts(key: SearchKey) -> list[SearchKey]:
    if not isinstance(key, And):
        return [key]
    return [part for each in key.keys for part in _conjuncts(each)]


def _joined(keys: list[SearchKey]) -> SearchKey | None:
    if len(keys) > 1:
        return And(tuple(keys))
    return keys[0] if keys else None
