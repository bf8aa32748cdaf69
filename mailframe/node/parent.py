"""The parent: opens sockets, keeps workers alive, reloads, stops. It touches no mail."""

from __future__ import annotations

import os
import platform
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailframe import __version__
from twisted import copyright as twisted_facts

from . import control
from .channel import Message
from .control import Answer
from .generation import Generation, StartFailed, Surroundings
from .hub import Hub
from .logs import LogOutlet
from .notify import Notifier
from .plan import IPlanSource, Plan, PlanError
from .process import WorkerProcess
from .sockets import CannotListen, ListeningSockets
from .statuspage import StatusPage
from .tallies import Tallies

TALLIES = "tallies"
"""File in the data directory: what limits have counted, for the next start."""
RELOADING = "a reload is under way already; try again when it is done"

log = Logger()


class ReloadRefused(Exception):
    """A reload changed nothing.

    Attributes:
        errors: why, a sentence each.
    """

    def __init__(self, errors: Sequence[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = tuple(errors)


class Node(Service):
    """All processes of one node, as a service.

    Args:
        plan: what to run first.
        source: gives the plan of a reload.
        reactor: runs the parent.
        environment: taken over from the process; what is meant for the parent alone is taken out.
        fatal: called with sentences when the node cannot start at all.
        outlet: where all write their log; standard output by default.
    """

    def __init__(
        self,
        plan: Plan,
        source: IPlanSource,
        reactor: Any,
        environment: MutableMapping[str, str],
        fatal: Callable[[Sequence[str]], None],
        outlet: LogOutlet | None = None,
    ) -> None:
        self._plan = plan
        self._source = source
        self._reactor = reactor
        self._fatal = fatal
        self._outlet = outlet or LogOutlet(None)
        self._notifier = Notifier(environment)
        self._sockets = ListeningSockets(reactor)
        self._opened: Deferred[Any] | None = None
        self._generations: list[Generation] = []
        self._current: Generation | None = None
        self._count = 0
        self._control: control.ControlSocket | None = None
        self._reload: Deferred[None] | None = None
        self._reload_again = False
        self._stopping = False
        self._watchdog: IDelayedCall | None = None
        self._started = reactor.seconds()
        self._old_hangup: Any = None
        self._tallies = Tallies(reactor, os.path.join(plan.data, TALLIES), plan.workers)
        self._around = Surroundings(
            reactor,
            _for_workers(environment),
            self._outlet.descriptor,
            self._hinted,
            self._buried,
            self._tallies,
        )
        self.hub = Hub(self._workers)
        self.page = StatusPage(reactor, self.hub, self.describe)

    # Start.

    def privilegedStartService(self) -> None:
        """Open all listening sockets, while we may still be root."""
        super().privilegedStartService()  # type: ignore[no-untyped-call]
        self._opened = Deferred.fromCoroutine(self._sockets.add(self._plan.listen))
        # Known at once for all endpoints but exotic ones; those are waited for in `_begin`.
        if self._opened.called:
            self._check(self._opened)

    def startService(self) -> None:
        """Begin to serve; ``twistd`` has given up privileges by now."""
        super().startService()  # type: ignore[no-untyped-call]
        if self._opened is None:
            self.privilegedStartService()
        self._check(Deferred.fromCoroutine(self._begin()))

    def _check(self, begun: Deferred[Any]) -> None:
        """Give up when this failed, or fails later."""
        failed: list[Failure] = []
        begun.addErrback(failed.append)
        if failed:
            # Here and not as errback: ending the process is an exception, which a Deferred would swallow.
            self._cannot_begin(failed[0])
        else:
            begun.addCallback(lambda result: self._cannot_begin(failed[0]) if failed else result)

    async def _begin(self) -> None:
        assert self._opened is not None
        await self._opened
        os.makedirs(self._plan.data, mode=0o700, exist_ok=True)
        self._control = control.ControlSocket(self._reactor, self._plan.control, self._commands())
        # Not earlier: the control socket says that no other node runs here, whose copy this would be.
        self._tallies.open()
        await self.page.listen(self._plan.status)
        self._catch_hangup()
        self._feed_watchdog()
        generation = self._new_generation(self._plan)
        self._current = generation
        await generation.start(give_up=False)
        self._serves(generation)
        self._say_ready()

    def _cannot_begin(self, failure: Failure) -> None:
        if failure.check(CannotListen, control.ControlInUse, OSError) is None:
            log.failure("the node cannot start", failure)
        self._fatal(getattr(failure.value, "errors", None) or [str(failure.value)])

    def _say_ready(self) -> None:
        if not self._stopping:
            self._notifier.ready(f"{', '.join(self._plan.roles)} on {len(self._plan.listen)} listeners")

    def _serves(self, generation: Generation) -> None:
        log.info(
            "generation {generation} serves with {workers} workers: {roles}",
            generation=generation.number,
            workers=generation.plan.workers,
            roles=", ".join(generation.plan.roles),
        )

    def _new_generation(self, plan: Plan) -> Generation:
        self._count += 1
        generation = Generation(self._count, plan, self._sockets.select(plan.listen), self._around)
        self._generations.append(generation)
        return generation

    # Reload.

    async def reload(self) -> Answer:
        """Take over the configuration as it is now.

        Returns:
            The number of the new generation.

        Raises:
            ReloadRefused: nothing changed; says why.
        """
        if self._stopping or self._current is None:
            raise ReloadRefused(["the node is starting or stopping"])
        if self._reload is not None:
            raise ReloadRefused([RELOADING])
        self._reload = Deferred()
        self._notifier.reloading()
        try:
            generation = await self._replace()
        except (PlanError, CannotListen, StartFailed) as error:
            for line in error.errors:
                log.error("nothing was reloaded: {reason}", reason=line)
            raise ReloadRefused(error.errors) from None
        finally:
            self._reload_done()
        return {"generation": generation.number}

    async def _replace(self) -> Generation:
        plan = self._source.load()
        self._outlet.reopen()
        old, old_plan = self._current, self._plan
        assert old is not None
        self._warn_of_fixed(old_plan, plan)
        added = await self._sockets.add(plan.listen)
        generation: Generation | None = None
        try:
            await self.page.listen(plan.status)
            generation = self._new_generation(plan)
            await generation.start(give_up=True)
        except BaseException:
            # Whatever it was (no descriptors left, say): half a reload is none.
            await self._give_up(generation, added, old_plan)
            raise
        self._plan, self._current = plan, generation
        self._serves(generation)
        self._retire(old)
        return generation

    async def _give_up(self, generation: Generation | None, added: Sequence[str], old_plan: Plan) -> None:
        if generation is not None:
            await generation.abandon()
            self._generations.remove(generation)
        await self._sockets.remove(added)
        await self.page.listen(old_plan.status)

    def _retire(self, old: Generation) -> None:
        def gone(_: object) -> None:
            self._generations.remove(old)
            log.info("generation {generation} has ended", generation=old.number)

        async def close_unwanted() -> None:
            # The old workers accept on them until they have heard that they shall not.
            await DeferredList([worker.ask("ping", 5.0) for worker in living], consumeErrors=True)
            await self._sockets.keep_only(self._plan.listen)

        living = old.processes()
        old.drain().addCallback(gone)
        Deferred.fromCoroutine(close_unwanted()).addErrback(_broken)

    def _warn_of_fixed(self, old: Plan, new: Plan) -> None:
        if new.control != old.control:
            log.warn("the control socket stays at {path} until the next start", path=old.control)
        if new.log.file != old.log.file:
            log.warn("the log file changes with the next start")

    def _reload_done(self) -> None:
        done, self._reload = self._reload, None
        self._say_ready()
        if done is not None:
            done.callback(None)
        if self._reload_again:
            self._reload_again = False
            self._reload_on_hangup()

    def _catch_hangup(self) -> None:
        def caught(*_: object) -> None:
            self._reactor.callFromThread(self._reload_on_hangup)

        try:
            self._old_hangup = signal.signal(signal.SIGHUP, caught)
        except ValueError:
            pass  # not the main thread: whoever embeds us has other ways to say reload

    def _reload_on_hangup(self) -> None:
        if self._reload is not None:
            # The file may have changed since it was read: once more, afterwards.
            self._reload_again = True
            return

        def refused(failure: Failure) -> None:
            failure.trap(ReloadRefused)

        Deferred.fromCoroutine(self.reload()).addErrback(refused).addErrback(_broken)

    # Stop.

    def stopService(self) -> Deferred[None]:
        """Let transactions finish for a few seconds, then end all workers; bounded."""
        super().stopService()  # type: ignore[no-untyped-call]
        self._stopping = True
        self._notifier.stopping()
        return Deferred.fromCoroutine(self._end())

    async def _end(self) -> None:
        if self._watchdog is not None and self._watchdog.active():
            self._watchdog.cancel()
        if self._old_hangup is not None:
            signal.signal(signal.SIGHUP, self._old_hangup)
        await DeferredList([generation.stop() for generation in self._generations], consumeErrors=True)
        self._tallies.close()
        await self._sockets.keep_only(())
        await self.page.listen(None)
        if self._control is not None:
            self._control.close()

    # What others ask.

    def _commands(self) -> Mapping[str, Callable[..., Awaitable[Answer]]]:
        return {
            "status": self.describe,
            "reload": self.reload,
            "metrics": self._metrics,
            "health": self._health,
            "stop": self._stop,
            "ask": self._ask,
        }

    async def _metrics(self) -> Answer:
        return {"text": await self.hub.metrics_text()}

    async def _health(self) -> Answer:
        problems = await self.hub.problems()
        return {"problems": [f"{problem.name}: {problem.text}" for problem in problems]}

    async def _ask(self, question: str, details: Mapping[str, object]) -> Answer:
        """What all workers say to a question that their roles understand."""
        answers = await self.hub.ask("ask", about=question, details=details)
        return {"answers": [answer["answer"] for _, answer in answers if answer is not None]}

    async def _stop(self) -> Answer:
        self._reactor.callLater(0, self._reactor.stop)
        return {"pid": os.getpid()}

    async def describe(self) -> Answer:
        """What ``mailframe status`` shows."""
        plan = self._plan
        return {
            "version": __version__,
            "versions": {"twisted": twisted_facts.version, "python": platform.python_version()},
            "state": self._state(),
            "pid": os.getpid(),
            "uptime": self._reactor.seconds() - self._started,
            "configuration": plan.path,
            "data": plan.data,
            "generation": self._current.number if self._current is not None else 0,
            "roles": list(plan.roles),
            "listeners": [
                {"address": opened.address, "bound_to": opened.bound_to()}
                for opened in self._sockets.current()
            ],
            "status_page": self.page.url(),
            "workers": await self._describe_workers(),
            "figures": await self.hub.key_figures(),
        }

    def _state(self) -> str:
        if self._stopping:
            return "stopping"
        if self._reload is not None:
            return "reloading"
        return "running" if self._current is not None and self._current.is_ready() else "starting"

    async def _describe_workers(self) -> list[Answer]:
        answers = {worker: answer for worker, answer in await self.hub.ask("status") if answer is not None}
        described = []
        for generation in self._generations:
            for worker in generation.processes():
                answer = answers.get(worker, {})
                described.append(
                    {
                        "pid": worker.pid,
                        "generation": generation.number,
                        "number": worker.number,
                        "state": worker.state.value,
                        "uptime": worker.uptime(),
                        "sessions": answer.get("sessions", {}),
                        "processor_seconds": answer.get("processor_seconds"),
                        "memory_peak_octets": answer.get("memory_peak_octets"),
                    }
                )
        return described

    def _workers(self) -> Sequence[WorkerProcess]:
        return [worker for generation in self._generations for worker in generation.processes()]

    def _hinted(self, sender: WorkerProcess, message: Message) -> None:
        self.hub.pass_on(sender, message)

    def _buried(self, worker: WorkerProcess) -> None:
        self.hub.bury(worker)

    def _feed_watchdog(self) -> None:
        if self._notifier.watchdog:
            self._notifier.alive()
            self._watchdog = self._reactor.callLater(self._notifier.watchdog / 2, self._feed_watchdog)


def _for_workers(environment: Mapping[str, str]) -> Mapping[str, str]:
    """The environment without what speaks of our own descriptors, and with our way of finding modules."""
    inherited = {name: value for name, value in environment.items() if not name.startswith("LISTEN_")}
    # The workers must run the code we run, wherever it came from.
    inherited["PYTHONPATH"] = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    return inherited


def _broken(failure: Failure) -> None:
    log.failure("the parent is broken", failure)
