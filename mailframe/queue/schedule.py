"""When what is done: attempts, notices of delay, the end. Arithmetic only; whoever asks has the time.

Pauses grow exponentially, with chance in them, so that a thousand messages that failed together do not come back
together. FUTURERELEASE (RFC 4865) moves all times of a message back; DELIVERBY (RFC 2852) ends it sooner, or has its
sender told when it is late.
"""

from __future__ import annotations

import random
from typing import Final

from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.esmtp import Notify

from .rules import Rules, Terms
from .settings import QueueOptions
from .values import LAST_LANE, USUAL_LANE, QueuedMessage, QueuedRecipient

NEVER: Final = float("inf")
DOUBLINGS: Final = 30
"""A pause is not doubled more often than this: no pause is longer than years."""
LAST_TRIES: Final = 30.0
"""Seconds: mail that must be there by a time (BY) is tried again after half of what is left, but not sooner."""


class Schedule:
    """Times of messages and their recipients.

    Args:
        settings: ``[queue]``.
        rules: what is different for some domains.
        chance: for jitter.
    """

    def __init__(self, settings: QueueOptions, rules: Rules, chance: random.Random | None = None) -> None:
        self._settings = settings
        self._rules = rules
        self._jitter = settings.jitter / 100
        self._chance = chance or random.Random()

    def release(self, envelope: Envelope, arrived: float) -> float:
        """When a message may be sent at the earliest: when it arrived, or what FUTURERELEASE says."""
        parameters = envelope.parameters
        if "HOLDFOR" in parameters:
            return arrived + (envelope.hold_for or 0)
        if "HOLDUNTIL" in parameters and (until := envelope.hold_until) is not None:
            return max(arrived, until.timestamp())
        return arrived

    def lane(self, envelope: Envelope) -> int:
        """How urgent a message is: by MT-PRIORITY (RFC 6710); notifications come last."""
        if envelope.reverse_path is None:
            return LAST_LANE
        return USUAL_LANE - envelope.priority if "MT-PRIORITY" in envelope.parameters else USUAL_LANE

    def expires(self, envelope: Envelope, recipients: list[Recipient], arrived: float) -> float:
        """When a new message is given up: the latest of its recipients' times.

        Args:
            envelope: reverse-path and parameters.
            recipients: whom it is for.
            arrived: when it came.
        """
        longest = max((self._patience(envelope, self._terms(one)) for one in recipients), default=0.0)
        end = self.release(envelope, arrived) + longest
        by = envelope.deliver_by if "BY" in envelope.parameters else None
        return min(end, arrived + by.seconds) if by is not None and by.mode == "R" else end

    def end(self, message: QueuedMessage, recipient: Recipient) -> float:
        """When one recipient is given up; what somebody released late has the new time of its message."""
        release = self.release(message.envelope, message.arrived)
        if message.expires > release + self._rules.longest_expiry:
            return message.expires
        return min(message.expires, release + self._patience(message.envelope, self._terms(recipient)))

    def delay_notice(self, message: QueuedMessage, recipient: QueuedRecipient) -> float:
        """When the sender is to be told that a recipient has not got it; `NEVER` where that is not wanted."""
        envelope = message.envelope
        if recipient.delay_told or envelope.reverse_path is None:
            return NEVER
        if "NOTIFY" in recipient.recipient.parameters:
            notify = recipient.recipient.notify
            if notify is not None and Notify.DELAY not in notify:
                return NEVER
        delay = self._terms(recipient.recipient).delay_notice
        usual = self.release(envelope, message.arrived) + delay if delay else NEVER
        by = envelope.deliver_by if "BY" in envelope.parameters else None
        if by is not None and by.mode == "N":
            # RFC 2852 section 4.1.4: the time that the sender named is the one to tell at.
            return message.arrived + max(0, by.seconds)
        return usual

    def review(self, message: QueuedMessage, recipient: QueuedRecipient) -> float:
        """When a recipient must be looked at, whatever its destination does."""
        return min(self.end(message, recipient.recipient), self.delay_notice(message, recipient))

    def retry(self, message: QueuedMessage, recipient: QueuedRecipient, attempts: int, now: float) -> float:
        """When a recipient is tried again.

        Args:
            message: its message.
            recipient: whom.
            attempts: how many were made, at least 1.
            now: when the last one ended.
        """
        terms = self._terms(recipient.recipient)
        pause = min(terms.longest_retry, terms.first_retry * 2.0 ** min(attempts - 1, DOUBLINGS))
        pause *= 1 + self._jitter * self._chance.uniform(-1, 1)
        if "BY" in message.envelope.parameters:
            pause = min(pause, max(LAST_TRIES, (message.expires - now) / 2))
        return now + pause

    def soon(self, now: float) -> float:
        """When something is tried again that went wrong here."""
        return now + self._settings.first_retry * (1 + self._jitter * self._chance.uniform(-1, 1))

    def _terms(self, recipient: Recipient) -> Terms:
        return self._rules.of(recipient.forward_path.domain)

    def _patience(self, envelope: Envelope, terms: Terms) -> float:
        if envelope.reverse_path is None:
            return min(terms.expires, self._settings.notice_expires)
        return terms.expires
