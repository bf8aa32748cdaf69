"""Who may open a maildrop now: one at a time where it is locked, and not again at once (RFC 1939, RFC 2449).

Both count over all workers of a node.
"""

from __future__ import annotations

from typing import Final

from mailframe.limits.connections import ConnectionLimits
from mailframe.limits.interfaces import ITallies
from mailframe.message.status import MailframeError, Status

from .settings import POP3Settings

IN_USE: Final = Status((4, 2, 0), "The maildrop is in use by another session", "INUSE")
TOO_SOON: Final = Status((4, 7, 0), "You were here a moment ago; come again later", "LOGINDELAY")
_LOCKS: Final = "pop3.maildrops"
_LOGINS: Final = "pop3.logins"


class Admission:
    """Lets logins in and counts them out; whoever got in is let out once.

    Args:
        limits: connections of accounts are counted here.
        tallies: count for locks and delays.
        settings: the listener's.
    """

    def __init__(self, limits: ConnectionLimits, tallies: ITallies, settings: POP3Settings) -> None:
        self._limits = limits
        self._tallies = tallies
        self._settings = settings

    def let_in(self, account: str) -> None:
        """Count a login.

        Raises:
            MailframeError: not now; it was not counted.
        """
        delay = self._settings.login_delay
        self._limits.log_in(account)
        if self._settings.lock_maildrop and not self._tallies.enter(_LOCKS, account, 1):
            self._limits.log_out(account)
            raise MailframeError(IN_USE)
        # Last, because this cannot be taken back.
        if delay and not self._tallies.spend(_LOGINS, account, 1, 1, delay):
            self.let_out(account)
            raise MailframeError(TOO_SOON)

    def let_out(self, account: str) -> None:
        """The session is over."""
        if self._settings.lock_maildrop:
            self._tallies.leave(_LOCKS, account)
        self._limits.log_out(account)
