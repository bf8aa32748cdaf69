"""From what servers say of recipients to attempts; merged over all hosts that were asked about one message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mailframe.message.envelope import Recipient
from mailframe.message.status import MailframeError, Status
from mailframe.routing.null_mx import HOST_TAKES_NO_MAIL
from mailframe.smtp.client.errors import Refused, TLSFailed
from mailframe.smtp.client.opening import NOT_OFFERED
from mailframe.smtp.client.outcome import Outcome, RecipientOutcome
from mailframe.smtp.client.phases import Phase
from mailframe.smtp.client.pool import CLOSED, FULL
from mailframe.smtp.client.preparation import NEEDS_REQUIRETLS
from mailframe.tls.errors import Result

from .demands import NOT_PROVED
from .values import Attempt, Scope

NO_ENCRYPTION: Final = Status(
    (5, 7, 10), "No host of the recipient's domain gives TLS as it is needed (REQUIRETLS)"
)
BUSY_AGAIN: Final = 10.0
"""Seconds after which to ask again where too much waits for a connection already."""
BEFORE_CONTENT: Final = (Phase.MAIL, Phase.RCPT, Phase.DATA)
_FOR_GOOD: Final = (NOT_PROVED, NOT_OFFERED)
"""Where a server has not seen the content yet: another may be asked without fear of a second copy."""


def attempt_of(outcome: Outcome, result: RecipientOutcome, *, final: bool = False) -> Attempt:
    """What one server said of one recipient.

    Args:
        outcome: of the message.
        result: of the recipient.
        final: success means that it lies in a mailbox (LMTP).
    """
    if result.phase is Phase.CONNECT:
        if result.status in (FULL, CLOSED):
            return Attempt(result.status, Scope.LIMIT, retry_after=BUSY_AGAIN)
        return Attempt(result.status, Scope.DESTINATION, host=outcome.host)
    return Attempt(
        result.status,
        scope=Scope.DESTINATION if outcome.untouched else Scope.RECIPIENT,
        host=outcome.host if result.reply or result.phase is not Phase.IDLE else "",
        address=outcome.address,
        reply=result.reply,
        final=final and result.status.success,
        notifies=result.dsn_passed,
        possibly_delivered=result.possibly_delivered,
        tls=outcome.tls.version if outcome.tls is not None else "",
    )


def attempts_of(outcome: Outcome, *, final: bool = False) -> list[Attempt]:
    """What one server said of all recipients, in order."""
    return [attempt_of(outcome, result, final=final) for result in outcome.recipients]


class Results:
    """What is known of each recipient of one message, while one host after the other is asked.

    Args:
        recipients: all of them.

    Attributes:
        left: places of those whom another host may be asked about, in order.
        sessions: hosts that answered something about the message.
        hosts: hosts that were asked, or could not be.
    """

    def __init__(self, recipients: Sequence[Recipient]) -> None:
        self._recipients = recipients
        self._attempts: list[Attempt | None] = [None] * len(recipients)
        self._errors: list[tuple[str, MailframeError]] = []
        self.left = list(range(len(recipients)))
        self.sessions = 0
        self.hosts = 0

    @property
    def recipients(self) -> list[Recipient]:
        """Those that are left."""
        return [self._recipients[place] for place in self.left]

    @property
    def answered(self) -> bool:
        """Has any host said something about any recipient?"""
        return any(attempt is not None for attempt in self._attempts)

    def add_error(self, host: str, error: MailframeError) -> None:
        """There was no session with a host."""
        self._errors.append((host, error))

    def add(self, outcome: Outcome) -> None:
        """A host was asked about those that are left."""
        if not outcome.untouched:
            self.sessions += 1
        still = []
        for place, result in zip(self.left, outcome.recipients, strict=True):
            self._attempts[place] = attempt_of(outcome, result)
            if _elsewhere(result):
                still.append(place)
        self.left = still

    def attempts(self, all_tried: bool = True, require_tls: bool = False) -> list[Attempt]:
        """One for each recipient.

        Args:
            all_tried: there is no other host.
            require_tls: the message came with REQUIRETLS.
        """
        without = self._without_session(all_tried, require_tls)
        found = [without if attempt is None else attempt for attempt in self._attempts]
        if require_tls and not (all_tried and self._hopeless()):
            # One host cannot promise it, but another, which could not be asked now, may.
            found = [_put_off(attempt) for attempt in found]
        return found

    def attempts_or(self, other: Attempt) -> list[Attempt]:
        """What hosts said, and something else for those of whom none said anything."""
        return [other if attempt is None else _put_off(attempt) for attempt in self._attempts]

    def _without_session(self, all_tried: bool, require_tls: bool) -> Attempt:
        if not self._errors:
            return Attempt(Status((4, 4, 1), "No host could be asked"), Scope.DESTINATION)
        host, error = self._errors[-1]
        replies = [
            each.reply for _, each in self._errors if isinstance(each, Refused) and each.reply is not None
        ]
        reply = str(replies[-1]) if replies and isinstance(error, Refused) else ""
        if all_tried and len(replies) == len(self._errors) and all(each.code == 521 for each in replies):
            # RFC 7504 section 3: a host that says so never takes mail, and is not to be tried again.
            return Attempt(HOST_TAKES_NO_MAIL, host=host, reply=reply)
        if require_tls:
            status = NO_ENCRYPTION if all_tried and self._hopeless() else _deferred(error.status)
            return Attempt(status, Scope.RECIPIENT, host=host, reply=reply)
        # Whatever a host says to us before any message is temporary: it said nothing about this one.
        return Attempt(_deferred(error.status), Scope.DESTINATION, host=host, reply=reply)

    def _hopeless(self) -> bool:
        """Is there no host that could give what REQUIRETLS asks for, if it were asked again?"""
        return all(error.status in _FOR_GOOD or _certificate_fault(error) for _, error in self._errors)


def _certificate_fault(error: MailframeError) -> bool:
    """The host has a certificate, and it is a wrong one; a handshake that breaks off may do better next time."""
    return isinstance(error, TLSFailed) and error.result not in (
        Result.VALIDATION_FAILURE,
        Result.STARTTLS_NOT_SUPPORTED,
    )


def _elsewhere(result: RecipientOutcome) -> bool:
    """May another host be asked?"""
    if result.status == NEEDS_REQUIRETLS:
        return True
    early = result.untried or result.phase in BEFORE_CONTENT
    return result.status.temporary and not result.possibly_delivered and early


def _put_off(attempt: Attempt) -> Attempt:
    if attempt.status != NEEDS_REQUIRETLS:
        return attempt
    return Attempt(_deferred(attempt.status), host=attempt.host, address=attempt.address, tls=attempt.tls)


def _deferred(status: Status) -> Status:
    return status if status.temporary else Status((4, *status.enhanced[1:]), status.text)
