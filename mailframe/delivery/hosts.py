"""A list of hosts of which any will do: the first that answers gets the message."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from twisted.logger import Logger

from mailframe.message.envelope import Recipient
from mailframe.message.mail import MailObject
from mailframe.message.status import MailframeError, Status
from mailframe.smtp.client.connecting import Target
from mailframe.smtp.client.core import Lost
from mailframe.smtp.client.errors import Refused, Unreachable
from mailframe.smtp.client.outcome import Outcome, RecipientOutcome
from mailframe.smtp.client.phases import Phase
from mailframe.smtp.client.pool import Pool
from mailframe.tls.policies import OPPORTUNISTIC, Level

from .demands import waived

log = Logger()

SILENCE = 600.0
"""Seconds for which it is remembered that a host did not answer: who has no more mail for it learns nothing new."""

_BEFORE_CONTENT = (Phase.MAIL, Phase.RCPT, Phase.DATA)


class Hosts:
    """Sends by the first host that can be reached.

    A host that cannot be reached, that refuses us before any message, or that loses the connection before it
    answered anything, is tried after all others for a while. A host that defers all recipients before it has seen the
    content leaves the message to the next host too. As soon as a host may have taken the message, its word is final:
    to ask another could deliver twice.

    Args:
        pool: has the connections.
        targets: in order of preference.
        seconds: a clock.
        down_time: seconds for which a host is remembered as down.
    """

    def __init__(
        self, pool: Pool, targets: Sequence[Target], seconds: Callable[[], float], down_time: float = 30.0
    ) -> None:
        self._pool = pool
        self._targets = tuple(targets)
        self._seconds = seconds
        self._down_time = down_time
        self._down: dict[str, float] = {}
        self._silent: dict[str, float] = {}

    async def send(
        self,
        mail: MailObject,
        recipients: Sequence[Recipient],
        *,
        age: float = 0.0,
        together: bool = False,
        tell: bool = False,
    ) -> Outcome:
        """Send one message; see `mailframe.smtp.client.pool.Pool.send`. Raises nothing for what hosts do.

        Args:
            tell: write a line into the log when it was taken: there is no queue that does.
        """
        outcome: Outcome | None = None
        for target in self._order():
            try:
                found = await self._pool.send(
                    _protected(target, mail), mail, recipients, age=age, together=together
                )
            except MailframeError as error:
                if isinstance(error, Unreachable | Refused | Lost):
                    self._note_down(target)
                outcome = _none(target, recipients, error.status)
                continue
            outcome = found
            if found.untouched:
                self._note_down(target)
                continue
            self._silent.pop(str(target), None)
            if not _deferred_early(found):
                break
        assert outcome is not None
        if tell and outcome.whole:
            _tell(mail, outcome)
        return outcome

    def unreachable(self) -> str | None:
        """A sentence where none of them answered when it was asked last (see `INextHop.unreachable`)."""
        names, since = [str(target) for target in self._targets], self._seconds() - SILENCE
        if any(self._silent.get(name, since) <= since for name in names):
            return None
        return f"no answer from {', '.join(names)} when mail was to go there"

    async def stop(self) -> None:
        """End the connections."""
        await self._pool.close()

    def _order(self) -> Sequence[Target]:
        """Those that are up, then those that were down; each in the order of the configuration."""
        now = self._seconds()
        self._down = {name: until for name, until in self._down.items() if until > now}
        return sorted(self._targets, key=lambda target: str(target) in self._down)

    def _note_down(self, target: Target) -> None:
        self._silent[str(target)] = self._seconds()
        if self._down_time > 0:
            self._down[str(target)] = self._seconds() + self._down_time
            log.warn("{host} is taken for down for a while", host=str(target))


def _protected(target: Target, mail: MailObject) -> Target:
    """REQUIRETLS asks for a verified server, whatever the configuration is content with (RFC 8689 section 4.2.1).

    ``TLS-Required: No`` has us behave as if we knew nothing of DANE and MTA-STS (section 8.3): what the domain of the
    recipient demands does not count. What the administrator demands does: a header field shall not take TLS from him,
    nor the proof of who gets his password.
    """
    if waived(target.policy, mail):
        return replace(target, policy=OPPORTUNISTIC)
    if not mail.envelope.require_tls or target.policy.level.authenticated or target.path is not None:
        return target
    names = target.policy.names or (target.host,)
    return replace(target, policy=replace(target.policy, level=Level.VERIFY, names=names))


def _deferred_early(outcome: Outcome) -> bool:
    return all(
        each.status.temporary and not each.possibly_delivered and each.phase in _BEFORE_CONTENT
        for each in outcome.recipients
    )


def _none(target: Target, recipients: Sequence[Recipient], status: Status) -> Outcome:
    """No session: temporary whatever the host said to us, since it said nothing about this message."""
    deferred = status if status.temporary else Status((4, *status.enhanced[1:]), status.text)
    results = [RecipientOutcome(recipient, deferred, phase=Phase.CONNECT) for recipient in recipients]
    return Outcome(results, target.host, str(target))


def _tell(mail: MailObject, outcome: Outcome) -> None:
    log.info(
        "{queue_id} sent to {host}: {reply}",
        queue_id=mail.queue_id,
        session_id=mail.origin.session_id,
        host=outcome.host,
        peer=outcome.address,
        reverse_path=f"<{mail.envelope.reverse_path or ''}>",
        forward_path=[f"<{each.recipient.forward_path}>" for each in outcome.recipients],
        reply=outcome.recipients[-1].reply if outcome.recipients else "",
        tls=outcome.tls.version if outcome.tls is not None else None,
        verified=outcome.verified,
        size=mail.content.size,
    )
