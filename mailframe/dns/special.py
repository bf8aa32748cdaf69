"""Names that no server is asked about (RFC 6761, RFC 7686): their answers are known, and the questions leak."""

from __future__ import annotations

from typing import Final

from .values import Answer, Found, RecordType
from .wire import Question

_NOWHERE: Final = frozenset({"invalid", "onion"})
_LOOPBACK: Final = {RecordType.A: ("127.0.0.1",), RecordType.AAAA: ("::1",)}


def known_answer(question: Question) -> Answer | None:
    """What is known of a name without asking; None where it has to be asked.

    ``localhost`` and names below it are this machine (RFC 6761 section 6.3); names below ``invalid`` and ``onion``
    are nowhere. Nothing of it is proved, so it is not secure.
    """
    last = question.name.rpartition(".")[2]
    if last == "localhost":
        records = _LOOPBACK.get(question.kind, ())
        found = Found.RECORDS if records else Found.NO_RECORDS
        return Answer(question.name, question.kind, found, records, question.name, expires=float("inf"))
    if last in _NOWHERE:
        return Answer(
            question.name, question.kind, Found.NO_NAME, canonical=question.name, expires=float("inf")
        )
    return None
