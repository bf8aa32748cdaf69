"""What all workers of a node say, put together: hints passed on, figures added up, problems collected."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, DeferredList

from mailframe.monitor.aggregate import Family, render
from mailframe.monitor.health import Problem

from .channel import Message
from .figures import Tally, readable, take
from .process import State, WorkerProcess

ANSWER_TIMEOUT = 5.0
"""Seconds a worker has to answer a question about itself."""


class Hub:
    """Asks all workers at once.

    Args:
        workers: gives those that live, of all generations.
    """

    def __init__(self, workers: Callable[[], Sequence[WorkerProcess]]) -> None:
        self._workers = workers
        self._tally = Tally()

    def pass_on(self, sender: WorkerProcess, message: Message) -> None:
        """Tell every other worker what one said; old generations too, their sessions listen as well."""
        for worker in self._workers():
            if worker is not sender:
                worker.channel.send_hint(message)

    async def ask(self, question: str, **details: Any) -> Sequence[tuple[WorkerProcess, Message | None]]:
        """Every worker with its answer, None where it did not answer."""
        workers = [worker for worker in self._workers() if worker.state is not State.STARTING]
        answers: Deferred[Any] = DeferredList(
            [worker.ask(question, ANSWER_TIMEOUT, **details) for worker in workers], consumeErrors=True
        )
        return [
            (worker, answer if success else None)
            for worker, (success, answer) in zip(workers, await answers, strict=True)
        ]

    async def problems(self) -> Sequence[Problem]:
        """What is wrong with this node, each once; empty when all is well."""
        answers = [pair for pair in await self.ask("health") if pair[0].state is State.READY]
        if not answers:
            return [Problem("workers", "none is ready")]
        problems: dict[Problem, None] = {}
        for worker, answer in answers:
            if answer is None:
                problems[Problem("workers", f"{worker.pid} does not answer")] = None
            else:
                problems.update(dict.fromkeys(Problem(*one) for one in answer["problems"]))
        return list(problems)

    async def figures(self) -> Sequence[Family]:
        """All figures added up."""
        for worker, answer in await self.ask("metrics"):
            if answer is not None and worker.state is not State.ENDED:
                self._tally.heard(worker.pid, answer["figures"])
        return self._tally.total(take())

    async def metrics_text(self) -> str:
        """All figures added up, as prometheus reads them."""
        return render(await self.figures())

    async def key_figures(self) -> dict[str, float]:
        """Figures for people."""
        return readable(await self.figures())

    def bury(self, worker: WorkerProcess) -> None:
        """Keep the counters of a worker that ended."""
        farewell = worker.farewell["figures"] if worker.farewell is not None else None
        self._tally.buried(worker.pid, farewell)
