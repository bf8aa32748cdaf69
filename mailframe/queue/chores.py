"""What is done again and again, each at its own pace; a fault of one time does not end it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from mailframe.message.status import MailframeError

log = Logger()

Work = Callable[[], Awaitable[object]]


class Chores:
    """Some chores.

    Args:
        clock: the time.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._loops: list[tuple[LoopingCall, Deferred[LoopingCall]]] = []

    def begin(self, what: str, seconds: float, work: Work) -> None:
        """Do something now, and so many seconds after it has begun again; never twice at a time.

        Args:
            what: in words, for the log: ``"cannot <what>: ..."``.
            seconds: how often.
            work: what to do; a temporary `MailframeError` is for the log.
        """
        loop = LoopingCall(lambda: Deferred.fromCoroutine(_once(what, work)))
        loop.clock = self._clock
        self._loops.append((loop, loop.start(seconds, now=True)))

    async def end(self) -> None:
        """No more of it; what is under way comes to its end."""
        loops, self._loops = self._loops, []
        for loop, _ in loops:
            if loop.running:
                loop.stop()
        for _, ended in loops:
            await ended


async def _once(what: str, work: Work) -> None:
    try:
        await work()
    except CancelledError:
        raise
    except MailframeError as error:
        log.warn("cannot {what}: {reason}", what=what, reason=error.reason)
    except Exception:
        # Whatever it was, it must not be the end of it.
        log.failure("cannot {what}", what=what)
