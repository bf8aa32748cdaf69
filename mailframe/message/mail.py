"""A mail object on its way: envelope, content, and where it came from (RFC 5321 section 2.3.1)."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from .content import Content
from .envelope import Envelope
from .origin import Origin

_chance = random.Random()
"""Seeded by the system, once a process: ids must differ, and need not be secret."""
_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [first + second for first in _DIGITS for second in _DIGITS]


def new_queue_id() -> str:
    """An id for one message that no other gets on any node: 16 characters, ascending with time.

    Forty bits of milliseconds (35 years) and forty random bits, in Crockford's base 32, so that ids can be
    read out on the telephone and sort by age.
    """
    number = ((time.time_ns() // 1_000_000) & 0xFFFFFFFFFF) << 40 | _chance.getrandbits(40)
    return "".join([_PAIRS[(number >> shift) & 1023] for shift in range(70, -10, -10)])


def new_session_id() -> str:
    """An id for one connection: 10 random characters."""
    number = _chance.getrandbits(50)
    return "".join([_PAIRS[(number >> shift) & 1023] for shift in range(40, -10, -10)])


@dataclass(frozen=True, slots=True)
class MailObject:
    """One message between two rooms.

    Attributes:
        queue_id: the message's id from the first byte to the mailbox, in every log line.
        envelope: reverse-path and recipients.
        content: octets as received plus what was put in front.
        origin: the connection it came by.
    """

    queue_id: str
    envelope: Envelope
    content: Content
    origin: Origin

    def with_content(self, content: Content) -> MailObject:
        """The same message with other octets."""
        return MailObject(self.queue_id, self.envelope, content, self.origin)
