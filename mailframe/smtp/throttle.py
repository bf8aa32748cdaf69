"""How much one client, and one network of clients, may ask for before it is slowed down, put off or sent away.

Who sends ordinary mail never meets these limits. Amounts per hour are counted over all workers of a node, for clients
that did not log in: what users may send is a matter of policy. Clients of an LMTP listener are our own exchangers; to
slow them down would teach nobody anything.
"""

from __future__ import annotations

from typing import Final

from twisted.logger import Logger

from mailframe.limits.interfaces import ITallies
from mailframe.message.origin import Origin
from mailframe.message.status import Status

from .lmtp import DIALECTS
from .metrics import METRICS
from .settings import SMTPSettings
from .wire import commands

HOUR: Final = 3600.0
TOO_MANY_COMMANDS: Final = Status((4, 7, 0), "Too many commands in one connection", reply_code=421)
TOO_MANY_IDLE_COMMANDS: Final = Status((4, 7, 0), "Too many commands without mail", reply_code=421)
TOO_MANY_REFUSED: Final = Status((4, 7, 0), "Too many refused recipients in one connection", reply_code=421)
MESSAGES_OF_NETWORK: Final = Status((4, 7, 1), "Too many messages from your network; try again later")
RECIPIENTS_OF_NETWORK: Final = Status((4, 7, 1), "Too many recipients from your network; try again later")
REFUSED_OF_NETWORK: Final = Status(
    (4, 7, 1), "Too many refused recipients from your network; try again later"
)
_IDLE: Final = frozenset(
    {commands.Hello, commands.Noop, commands.Rset, commands.Vrfy, commands.Expn, commands.Help}
)
"""What no mail needs, or needs once; RFC 5321 section 7.8 lets a server end connections that do nothing else."""

log = Logger()


class Throttle:
    """The limits of one listener.

    Args:
        settings: the listener's.
        tallies: count what its clients do.
        kind: what is counted together, such as ``smtp``.
    """

    def __init__(self, settings: SMTPSettings, tallies: ITallies, kind: str) -> None:
        self.settings = settings
        self.tallies = tallies
        self.networks = settings.client_networks()
        self.kind = f"{kind}.%s.network"
        self.strangers = DIALECTS[settings.protocol].strangers
        self.limited = METRICS[settings.protocol].limited

    def pace(self, origin: Origin) -> Pace:
        """What one client of it may do."""
        return Pace(self, origin)


class Pace:
    """One session of a client that may go on, for the time being.

    Args:
        throttle: the listener's.
        origin: the client.
    """

    def __init__(self, throttle: Throttle, origin: Origin) -> None:
        self._throttle = throttle
        self._settings = throttle.settings
        self._origin = origin
        self._network = throttle.networks.of(origin.peer)
        self._watched = throttle.strangers and self._network is not None
        self._commands = 0
        # One greeting is needed.
        self._idle = -1
        self._refused = 0
        self._told: set[str] = set()

    def command(self, kind: type) -> Status | None:
        """A command came; None: it may be answered."""
        self._commands += 1
        self._idle += kind in _IDLE
        settings = self._settings
        if self._commands > settings.commands_limit > 0:
            return self._over("commands", TOO_MANY_COMMANDS)
        if self._throttle.strangers and self._idle > settings.idle_commands_limit > 0:
            return self._over("idle_commands", TOO_MANY_IDLE_COMMANDS)
        return None

    def message_taken(self) -> None:
        """Mail came of it."""
        self._idle = 0

    def mail(self) -> Status | None:
        """A transaction begins; None: it may."""
        limit = self._settings.messages_per_hour
        if limit and not self._spend("messages", limit):
            return self._over("messages", MESSAGES_OF_NETWORK)
        return None

    def rcpt(self) -> Status | None:
        """A recipient is named; None: it may be looked up."""
        limit = self._settings.refused_recipients_per_hour
        if limit and self._counted and self._spent("refused") >= limit:
            return self._over("refused_recipients_an_hour", REFUSED_OF_NETWORK)
        limit = self._settings.recipients_per_hour
        if limit and not self._spend("recipients", limit):
            return self._over("recipients", RECIPIENTS_OF_NETWORK)
        return None

    def recipient_refused(self, status: Status) -> Status:
        """A recipient was refused: what is answered in the end. Only refusals for good count, as guesses are."""
        if status.permanent:
            self._refused += 1
            if self._settings.refused_recipients_per_hour:
                self._spend("refused", 0)
            if self._watched and self._refused > self._settings.refused_recipients_limit > 0:
                return self._over("refused_recipients", TOO_MANY_REFUSED)
        return status

    def delay(self, errors: int) -> float:
        """Seconds to wait before an error is answered, the one of that number in a row."""
        settings = self._settings
        beyond = errors - settings.tarpit_after
        if not self._watched or not settings.tarpit_after or beyond <= 0:
            return 0.0
        self._note("tarpit")
        return min(settings.tarpit_longest, settings.tarpit_delay * beyond)

    def errors_exhausted(self) -> None:
        """The connection ends for its errors."""
        self._note("errors")

    @property
    def _counted(self) -> bool:
        return self._network is not None and self._origin.login is None

    def _spend(self, what: str, limit: int) -> bool:
        """Count one more of the network; with a limit of 0, it is only counted."""
        if self._network is None or not self._counted:
            return True
        return self._throttle.tallies.spend(self._throttle.kind % what, self._network, 1, limit, HOUR)

    def _spent(self, what: str) -> float:
        return self._throttle.tallies.spent(self._throttle.kind % what, self._network or "", HOUR)

    def _over(self, limit: str, status: Status) -> Status:
        self._note(limit, status.code)
        return status

    def _note(self, limit: str, reply: str | None = None) -> None:
        self._throttle.limited[limit].inc()
        if limit not in self._told:
            self._told.add(limit)
            log.warn(
                "{peer} has reached a limit: {limit}",
                limit=limit,
                peer=self._origin.peer,
                session_id=self._origin.session_id,
                login=self._origin.login,
                reply=reply,
            )
