"""What a reply says of a question: aliases followed, nothing told from nowhere (RFC 1034, 2308, 6604)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from .values import Answer, Found, RecordType
from .wire import NOERROR, NXDOMAIN, MalformedReply, Question, Record, Reply

ALIASES_LIMIT: Final = 16
"""Aliases that are followed one after the other; resolvers themselves follow no more, unbound 11 and BIND 16."""
NO_SOA_LIFETIME: Final = 5.0
"""Seconds for an answer that there is nothing, and that does not say for how long (RFC 2308 section 5)."""
RECORDS_LIMIT: Final = 1000


@dataclass(frozen=True, slots=True)
class Reading:
    """An answer, and what its reader has yet to do.

    Attributes:
        answer: its ``expires`` is not set.
        lifetime: seconds for which its zones want it to be remembered.
        unfinished: it ends at an alias whose target it says nothing of; the target has to be asked for.
    """

    answer: Answer
    lifetime: float
    unfinished: bool = False


def read_answer(question: Question, reply: Reply, believed: bool) -> Reading:
    """What a reply with NOERROR or NXDOMAIN says.

    Args:
        question: what was asked.
        reply: the reply to it.
        believed: the AD bit of this server is worth something.

    Raises:
        MalformedReply: aliases go in circles or are too many, or another code.
    """
    if reply.code not in (NOERROR, NXDOMAIN):
        raise MalformedReply(f"code {reply.code} is no answer")
    canonical, lifetime = _follow(question, reply.answers)
    records = [
        record for record in reply.answers if record.kind is question.kind and record.name == canonical
    ][:RECORDS_LIMIT]
    if records:
        found = Found.RECORDS
        lifetime = min(lifetime, *(record.lifetime for record in records), float("inf"))
    else:
        # RFC 6604 section 3: the code speaks of the last name, after all aliases.
        found = Found.NO_NAME if reply.code == NXDOMAIN else Found.NO_RECORDS
        lifetime = min(lifetime, _nothing(reply.authority))
    answer = Answer(
        question.name,
        question.kind,
        found,
        tuple(dict.fromkeys(record.value for record in records)),
        canonical,
        believed and reply.authentic,
    )
    bare = found is Found.NO_RECORDS and canonical != question.name
    return Reading(answer, float(lifetime), bare and not _soas(reply.authority))


def _follow(question: Question, records: Sequence[Record]) -> tuple[str, float]:
    """The last name of the aliases, and the least lifetime on the way."""
    aliases: Mapping[str, Record] = {
        record.name: record for record in records if record.kind is RecordType.CNAME
    }
    name, lifetime = question.name, float("inf")
    if question.kind is RecordType.CNAME:
        return name, lifetime
    passed = {name}
    while (alias := aliases.get(name)) is not None:
        name, lifetime = str(alias.value), min(lifetime, float(alias.lifetime))
        if name in passed or len(passed) > ALIASES_LIMIT:
            raise MalformedReply("aliases go in circles, or are too many")
        passed.add(name)
    return name, lifetime


def _soas(authority: Sequence[Record]) -> Sequence[Record]:
    return [record for record in authority if record.kind is RecordType.SOA]


def _nothing(authority: Sequence[Record]) -> float:
    """For how long it is good that there is nothing."""
    found = _soas(authority)
    value = found[0].value if found else NO_SOA_LIFETIME
    return float(value) if isinstance(value, int | float) else NO_SOA_LIFETIME
