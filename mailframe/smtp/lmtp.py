"""What LMTP does otherwise than SMTP (RFC 2033): another greeting word, and a reply for each recipient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mailframe.message.status import Status, worst

from .wire.reply import render

NO_RECIPIENTS_SMTP: Final = Status((5, 5, 1), "No valid recipients", reply_code=554)
NO_RECIPIENTS_LMTP: Final = Status((5, 5, 1), "No valid recipients", reply_code=503)


@dataclass(frozen=True, slots=True)
class Dialect:
    """SMTP or LMTP.

    Attributes:
        name: ``smtp`` or ``lmtp``.
        title: the word of the greeting that says what is spoken.
        hellos: the verbs a client may greet with.
        atomic: all recipients or none, because there is one reply for all.
        strangers: anybody may talk here, so that refused recipients count as errors: somebody may be guessing
            addresses. An LMTP client is one of our own exchangers; to cut it off would not teach it anything.
        no_recipients: the answer to DATA without recipients (RFC 5321 section 4.1.1.4, RFC 2033 section 4.2).
    """

    name: str
    title: str
    hellos: frozenset[str]
    atomic: bool
    strangers: bool
    no_recipients: Status

    def answer(self, statuses: Sequence[Status]) -> bytes:
        """The reply, or replies, at the end of data.

        Args:
            statuses: one for each recipient, in order.
        """
        if self.atomic:
            return render(worst(statuses))
        return b"".join([render(status) for status in statuses])

    def verdict(self, statuses: Sequence[Status]) -> Status:
        """What became of the message as a whole: for LMTP a success when any recipient has it."""
        if not self.atomic:
            for status in statuses:
                if status.success:
                    return status
        return worst(statuses)


SMTP: Final = Dialect("smtp", "ESMTP", frozenset({"HELO", "EHLO"}), True, True, NO_RECIPIENTS_SMTP)
LMTP: Final = Dialect("lmtp", "LMTP", frozenset({"LHLO"}), False, False, NO_RECIPIENTS_LMTP)
DIALECTS: Final = {"smtp": SMTP, "lmtp": LMTP}
