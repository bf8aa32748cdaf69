"""Makes a session for each connection of an IMAP listener."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import ServerFactory

from mailframe.dialogue.protocol import DialogueProtocol
from mailframe.directory.interfaces import IAuthenticator
from mailframe.limits.connections import ConnectionLimits
from mailframe.limits.interfaces import ITallies
from mailframe.limits.memory import MemoryTallies
from mailframe.store.interfaces import IMailStore
from mailframe.store.sharing.namespaces import Namespaces

from .session import Session
from .settings import IMAPSettings
from .states import Surroundings

if TYPE_CHECKING:
    from mailframe.tls.interfaces import IServerContexts


class IMAPServerFactory(ServerFactory):
    """An IMAP server (RFC 3501) over a store.

    For implicit TLS it is wrapped by `mailframe.tls.server.wrap`, and gets no ``tls``.

    Args:
        store: the mail.
        authenticator: checks passwords.
        settings: options of this listener.
        clock: for timeouts; a reactor.
        tls: certificates for STARTTLS; None offers none.
        tallies: count for limits; of this process alone by default.
        namespaces: names above the mailboxes of others; None where mailboxes are not shared.
    """

    noisy = False

    def __init__(
        self,
        store: IMailStore,
        authenticator: IAuthenticator,
        settings: IMAPSettings,
        clock: IReactorTime,
        tls: IServerContexts | None = None,
        tallies: ITallies | None = None,
        namespaces: Namespaces | None = None,
    ) -> None:
        limits = ConnectionLimits(
            tallies if tallies is not None else MemoryTallies(clock),
            "imap",
            settings.connections_limit,
            settings.connections_limit_per_network,
            settings.connections_limit_per_account,
            settings.client_networks(),
        )
        self._surroundings = Surroundings(store, authenticator, settings, clock, limits, tls, namespaces)

    def buildProtocol(self, addr: IAddress | None) -> DialogueProtocol:
        """A protocol with a session of its own."""
        surroundings = self._surroundings
        timeout = surroundings.settings.login_timeout
        return DialogueProtocol(Session(surroundings), surroundings.clock, timeout)
