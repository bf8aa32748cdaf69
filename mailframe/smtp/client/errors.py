"""Why a connection is of no use."""

from __future__ import annotations

from mailframe.message.status import MailframeError, Status
from mailframe.smtp.wire.replies import Reply
from mailframe.tls.errors import Result


class Refused(MailframeError):
    """The server said no before any message: to us, to TLS, to the login.

    Attributes:
        reply: what it said, where it said anything.
    """

    def __init__(self, status: Status, reason: str = "", reply: Reply | None = None) -> None:
        super().__init__(status, reason)
        self.reply = reply


class Unreachable(MailframeError):
    """No connection came about, or it ended before it could be used."""


class TLSFailed(Unreachable):
    """There was no TLS with the server, or not such as the policy demands; the connection is over.

    Nothing was said to it after that. An opportunistic client may go on in clear on another connection.

    Attributes:
        result: what reports say of it (RFC 8460 section 4.3).
    """

    def __init__(self, status: Status, reason: str = "", result: Result = Result.VALIDATION_FAILURE) -> None:
        super().__init__(status, reason)
        self.result = result
