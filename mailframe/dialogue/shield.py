"""Work that outlives the connection it was done for."""

from __future__ import annotations

from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

T = TypeVar("T")


class TakesTooLong(Exception):
    """The work goes on, but nobody waits for it any more."""


def shielded(work: Deferred[T], clock: IReactorTime, seconds: float) -> Deferred[T]:
    """Wait for work without the power to cancel it.

    What cancels the returned Deferred (a lost connection) leaves ``work`` alone: a delivery must not be torn from
    its thread, and its content not be thrown away under it. Failures of ``work`` after that belong to it alone, so
    it must log them itself.

    Args:
        work: goes on in any case.
        clock: for the time.
        seconds: how long to wait before `TakesTooLong` is raised to the waiter.

    Returns:
        A Deferred with the result of ``work``.
    """
    if work.called and not work.paused:
        return work
    waiter: Deferred[T] = Deferred()
    alarm = clock.callLater(seconds, _give_up, waiter)
    waiter.addBoth(_cancel_alarm, alarm)
    work.addCallbacks(_tell, _tell_failure, callbackArgs=(waiter,), errbackArgs=(waiter,))
    return waiter


def _tell(result: T, waiter: Deferred[T]) -> None:
    if not waiter.called:
        waiter.callback(result)


def _tell_failure(failure: Failure, waiter: Deferred[T]) -> None:
    if not waiter.called:
        waiter.errback(failure)


def _give_up(waiter: Deferred[T]) -> None:
    if not waiter.called:
        waiter.errback(TakesTooLong())


def _cancel_alarm(result: T, alarm: IDelayedCall) -> T:
    if alarm.active():
        alarm.cancel()
    return result
