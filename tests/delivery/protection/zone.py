"""A DNS in memory: what these tests say is so, and nothing else."""

from __future__ import annotations

from zope.interface import implementer

from mailframe.dns.interfaces import IResolver, LookupFailed
from mailframe.dns.values import Answer, Found, RecordType


@implementer(IResolver)
class Zone:
    """Answers from what was put in; other names do not exist, and that is proved where ``secure``.

    Attributes:
        asked: names and types, in the order of the questions.
    """

    def __init__(self, secure: bool = True) -> None:
        self._secure = secure
        self._answers: dict[tuple[str, RecordType], Answer | Exception] = {}
        self.asked: list[tuple[str, RecordType]] = []

    def put(
        self, name: str, kind: RecordType, *records: object, secure: bool | None = None, canonical: str = ""
    ) -> None:
        found = Found.RECORDS if records else Found.NO_RECORDS
        secure = self._secure if secure is None else secure
        self._answers[name, kind] = Answer(name, kind, found, records, canonical or name, secure)

    def fail(self, name: str, kind: RecordType, servfail: bool = True) -> None:
        self._answers[name, kind] = LookupFailed("it failed", servfail)

    def forget(self, name: str, kind: RecordType) -> None:
        self._answers.pop((name, kind), None)

    async def lookup(self, name: str, kind: RecordType) -> Answer:
        self.asked.append((name, kind))
        if len(name) > 253:
            raise ValueError("too long")
        answer = self._answers.get((name, kind), Answer(name, kind, Found.NO_NAME, (), name, self._secure))
        if isinstance(answer, Exception):
            raise answer
        return answer


class Told:
    """Remembers what reports are told."""

    def __init__(self) -> None:
        self.sessions: list[object] = []

    def note(self, session: object) -> None:
        self.sessions.append(session)

    @property
    def results(self) -> list[str]:
        return [session.result for session in self.sessions]  # type: ignore[attr-defined]
