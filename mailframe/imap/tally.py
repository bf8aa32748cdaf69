"""What went on in one session, for its line in the log and for the figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from twisted.logger import Logger, LogLevel

from . import metrics

if TYPE_CHECKING:
    from .session import Session

log = Logger()


@dataclass(slots=True)
class Tally:
    """Counts of one session.

    Attributes:
        began: when the connection was made, in seconds of the listener's clock.
        commands: commands answered.
        bad_commands: commands that broke the protocol.
        octets_in, octets_out: octets received and sent, without TLS.
    """

    began: float
    commands: int = 0
    bad_commands: int = 0
    octets_in: int = 0
    octets_out: int = 0

    def close(self, session: Session) -> None:
        """The session is over: one line into the log."""
        metrics.open_sessions.dec()
        metrics.octets_in.inc(self.octets_in)
        metrics.octets_out.inc(self.octets_out)
        proxy = session.connection.proxy
        # Balancers look every few seconds whether we are well: nobody wants to read that.
        check = proxy is not None and proxy.local and not session.login
        log.emit(
            LogLevel.debug if check else LogLevel.info,
            "imap session {session_id} of {login!r} from {peer} is over: {commands} commands, {octets_in} octets in,"
            " {octets_out} out",
            session_id=session.session_id,
            peer=session.connection.peer,
            proxy=proxy.peer if proxy is not None else None,
            proxy_id=proxy.unique_id if proxy is not None else None,
            proxy_tls=proxy.tls_version if proxy is not None else None,
            login=session.login,
            account=None if session.account is None else session.account.name,
            client=session.client or None,
            commands=self.commands,
            octets_in=self.octets_in,
            octets_out=self.octets_out,
            delay=round(session.clock.seconds() - self.began, 3),
        )
