"""Looks at mail whose time has come whatever its destination does: delays to be told, time limits, the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from .concluding import Concluding
from .interfaces import ISpool
from .lease import Lease
from .outcomes import Outcome, Outcomes
from .values import Claim, State

AT_A_TIME: Final = 50
"""Claims that are asked for, and concluded together: one commit of the spool serves them all."""

log = Logger()


class Review:
    """Reviews of one worker.

    Args:
        spool: has the mail.
        lease: the worker's.
        outcomes: decides.
        concluding: writes down.
        clock: the time.
    """

    def __init__(
        self, spool: ISpool, lease: Lease, outcomes: Outcomes, concluding: Concluding, clock: IReactorTime
    ) -> None:
        self._spool = spool
        self._lease = lease
        self._outcomes = outcomes
        self._concluding = concluding
        self._clock = clock
        self._stopping = False
        self._reviewing: str | None = None

    def works_for(self, runner: str) -> bool:
        """Is anything reviewed that was claimed under this name?"""
        return self._reviewing == runner

    def stop(self) -> None:
        """Claim no more."""
        self._stopping = True

    async def round(self) -> None:
        """Decide on all that there is to decide on now.

        Raises:
            MailframeError: temporary: the spool cannot be asked.
        """
        while not self._stopping:
            runner = self._lease.runner
            if runner is None:
                return
            self._reviewing = runner
            try:
                claims = await self._spool.claim_for_review(runner, AT_A_TIME)
                await gatherResults([Deferred.fromCoroutine(self._decide(runner, claim)) for claim in claims])
            except Exception:
                self._lease.doubt()
                raise
            finally:
                self._reviewing = None
            if len(claims) < AT_A_TIME:
                return

    async def _decide(self, runner: str, claim: Claim) -> None:
        now, message = self._clock.seconds(), claim.message
        try:
            outcomes = [self._outcomes.reviewed(message, one, now) for one in claim.recipients]
            self._log(claim, outcomes)
            await self._concluding.conclude(runner, message, outcomes, claim.content)
        except Exception:
            # One message that we do not understand must not keep the others from their end.
            log.failure("{queue_id}: cannot be reviewed", queue_id=message.queue_id)
            await self._put_off(runner, claim, now)
        finally:
            if claim.content is not None:
                claim.content.body.discard()

    async def _put_off(self, runner: str, claim: Claim, now: float) -> None:
        outcomes = [Outcome(self._outcomes.put_off(one, now)) for one in claim.recipients]
        try:
            await self._concluding.conclude(runner, claim.message, outcomes, None)
        except Exception:
            log.failure("{queue_id}: cannot be put off either", queue_id=claim.message.queue_id)
            self._lease.doubt()

    def _log(self, claim: Claim, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            if outcome.recipient.state is State.FAILED:
                log.info(
                    "{queue_id}: given up for {forward_path}: {reply}",
                    queue_id=claim.message.queue_id,
                    forward_path=f"<{outcome.recipient.recipient.forward_path}>",
                    reply=str(outcome.recipient.status),
                    delay=round(self._clock.seconds() - claim.message.arrived, 3),
                    destination=outcome.recipient.place.destination,
                )
