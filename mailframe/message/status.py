"""What became of a command, a recipient or a message: one value that every protocol renders.

A `Status` holds an enhanced status code (RFC 3463), a text for the peer and, where IMAP has a word for
it, a response code (RFC 5530). SMTP renders ``550 5.1.1 text``, IMAP ``NO [NONEXISTENT] text``, POP3
``-ERR [SYS/TEMP] text``; the basic SMTP code is derived from the enhanced one, so the two cannot
disagree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

_SEVERITIES = (2, 4, 5)


@dataclass(frozen=True, slots=True)
class Status:
    """The outcome of something a peer asked for.

    Attributes:
        enhanced: class, subject and detail of RFC 3463, for example ``(5, 1, 1)``.
        text: what the peer is told; one line of ASCII, without any private detail.
        word: an IMAP response code of RFC 5530 such as ``"NONEXISTENT"``, or None.
        reply_code: a basic SMTP code (RFC 5321 section 4.2) where the usual one for this enhanced code
            is not meant; its first digit must agree with the class.
    """

    enhanced: tuple[int, int, int]
    text: str
    word: str | None = None
    reply_code: int | None = None

    def __post_init__(self) -> None:
        if self.enhanced[0] not in _SEVERITIES:
            raise ValueError(f"the class of an enhanced status code is 2, 4 or 5: {self.enhanced}")
        if self.reply_code is not None and self.reply_code // 100 != self.enhanced[0]:
            # 3xx replies are part of the dialogue and never a Status.
            raise ValueError(f"reply code {self.reply_code} disagrees with {self.enhanced}")

    @property
    def success(self) -> bool:
        """True for class 2."""
        return self.enhanced[0] == 2

    @property
    def temporary(self) -> bool:
        """True for class 4: the same may succeed later."""
        return self.enhanced[0] == 4

    @property
    def permanent(self) -> bool:
        """True for class 5: the same will not succeed."""
        return self.enhanced[0] == 5

    @property
    def code(self) -> str:
        """The enhanced status code as written: ``"5.1.1"``."""
        return "{}.{}.{}".format(*self.enhanced)

    def with_text(self, text: str) -> Status:
        """The same status with another text."""
        return replace(self, text=text)

    def __str__(self) -> str:
        return f"{self.code} {self.text}"


class MailframeError(Exception):
    """A decision: something was refused, for now or for good.

    Attributes:
        status: what the peer is told.
        reason: what the log is told; may name files and hosts, never secrets.
    """

    def __init__(self, status: Status, reason: str = "") -> None:
        super().__init__(reason or str(status))
        self.status = status
        self.reason = reason or str(status)


class ProtocolError(Exception):
    """The peer broke the protocol.

    Attributes:
        status: what the peer is told (class 5).
        fatal: True when nothing after this can be understood, so that the connection must end.
    """

    def __init__(self, status: Status, *, fatal: bool = False) -> None:
        super().__init__(str(status))
        self.status = status
        self.fatal = fatal


def worst(statuses: Sequence[Status]) -> Status:
    """What is said of several outcomes in one: a temporary failure, a permanent one, success.

    Temporary comes first because trying again may still reach everybody, and what is permanent will then be alone.

    Args:
        statuses: at least one.
    """
    found = statuses[0]
    for status in statuses:
        if status.temporary:
            return status
        if found.success:
            found = status
    return found


OK = Status((2, 0, 0), "OK")
UNKNOWN_FAULT = Status((4, 3, 0), "Something went wrong here; try again later", "SERVERBUG")
"""What a peer is told of an exception nobody foresaw: unknown means temporary."""
STORAGE_FULL = Status((4, 3, 1), "Out of storage; try again later", "UNAVAILABLE")
UNAVAILABLE = Status((4, 3, 2), "Not available right now; try again later", "UNAVAILABLE")
CANNOT_LOOK_UP = Status((4, 4, 3), "The directory cannot be asked right now", "UNAVAILABLE")
NO_SUCH_MAILBOX = Status((5, 1, 1), "No such mailbox here", "NONEXISTENT")
MAILBOX_FULL = Status((4, 2, 2), "The mailbox is full", "OVERQUOTA")
CREDENTIALS_INVALID = Status((5, 7, 8), "Authentication failed", "AUTHENTICATIONFAILED")
