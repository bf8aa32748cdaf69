"""Is what we depend on there? Named checks, each with a timeout, asked at most once a second."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailframe.message.status import MailframeError

log = Logger()

Check = Callable[[], Awaitable[str | None]]
"""Answers None when all is well, otherwise what is wrong; an exception counts as wrong."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One check that failed.

    Attributes:
        name: the check's.
        text: what is wrong, for administrators.
        fatal: the service is lost with it. Where it is not, every node has the problem and can still answer its
            clients, and it would help nobody to send these elsewhere.
    """

    name: str
    text: str
    fatal: bool = True


class Health:
    """The checks of one process.

    Args:
        clock: for timeouts and for the age of answers.
        age: seconds for which an answer is good, so that being asked often costs nothing.
    """

    def __init__(self, clock: IReactorTime, age: float = 1.0) -> None:
        self._clock = clock
        self._age = age
        self._checks: dict[str, tuple[Check, float, bool]] = {}
        self._answer: tuple[float, tuple[Problem, ...]] | None = None
        self._waiting: list[Deferred[tuple[Problem, ...]]] | None = None
        self._names: frozenset[str] = frozenset()

    def add(self, name: str, check: Check, timeout: float = 5.0, *, fatal: bool = True) -> None:
        """Ask this from now on; a check of the same name is replaced.

        Args:
            name: the check's.
            check: is asked.
            timeout: seconds in which it has to answer.
            fatal: as `Problem.fatal`.
        """
        self._checks[name] = (check, timeout, fatal)
        self._answer = None

    def remove(self, name: str) -> None:
        """Ask this no more."""
        self._checks.pop(name, None)
        self._answer = None

    async def problems(self) -> tuple[Problem, ...]:
        """What is wrong, sorted by name; empty when all is well. Who asks at the same time shares the answer."""
        if self._answer is not None and self._clock.seconds() - self._answer[0] < self._age:
            return self._answer[1]
        waiting: Deferred[tuple[Problem, ...]] = Deferred()
        if self._waiting is not None:
            self._waiting.append(waiting)
        else:
            self._waiting = [waiting]
            Deferred.fromCoroutine(self._ask()).addBoth(self._tell)
        return await waiting

    async def _ask(self) -> tuple[Problem, ...]:
        asked = [self._one(name, *check) for name, check in sorted(self._checks.items())]
        found = await gatherResults(asked)
        problems = tuple(problem for problem in found if problem is not None)
        self._note(problems)
        self._answer = (self._clock.seconds(), problems)
        return problems

    def _tell(self, result: tuple[Problem, ...] | Failure) -> None:
        waiting, self._waiting = self._waiting or [], None
        for one in waiting:
            if isinstance(result, Failure):
                one.errback(result)
            else:
                one.callback(result)

    def _one(self, name: str, check: Check, timeout: float, fatal: bool) -> Deferred[Problem | None]:
        async def run() -> Problem | None:
            text = await check()
            return Problem(name, text, fatal) if text else None

        asked = Deferred.fromCoroutine(run())
        asked.addTimeout(timeout, self._clock)

        def failed(failure: Failure) -> Problem:
            return Problem(name, _what_failed(failure, timeout), fatal)

        asked.addErrback(failed)
        return asked

    def _note(self, problems: tuple[Problem, ...]) -> None:
        """Log what begins and what ends, not every answer."""
        names = frozenset(problem.name for problem in problems)
        for problem in problems:
            if problem.name not in self._names:
                log.error("health check {check} fails: {reason!r}", check=problem.name, reason=problem.text)
        for name in sorted(self._names - names):
            log.info("health check {check} is well again", check=name)
        self._names = names


def _what_failed(failure: Failure, timeout: float) -> str:
    error = failure.value
    if isinstance(error, DeferredTimeoutError | CancelledError):
        return f"no answer within {timeout:g} seconds"
    if isinstance(error, MailframeError):
        return error.reason
    return f"{type(error).__name__}: {error}"
