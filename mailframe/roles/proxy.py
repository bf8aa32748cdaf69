"""The front door: people log in, and go on to the store that has their mail.

It keeps no mail, and can say nothing to a store but a login; what follows passes by.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from mailframe.directory.attempts import Attempts
from mailframe.directory.interfaces import IAuthenticator, IDirectory
from mailframe.directory.options import PasswordOptions
from mailframe.limits.interfaces import ITallies
from mailframe.location.interfaces import ILocations
from mailframe.location.locations import Locations
from mailframe.location.values import Entrance
from mailframe.proxy.checks import HostChecks
from mailframe.proxy.connecting import Connecting
from mailframe.proxy.door import Door
from mailframe.proxy.drained import Drained
from mailframe.proxy.entering import Entering
from mailframe.proxy.hosts import Hosts
from mailframe.proxy.passing import Passing
from mailframe.proxy.server import ProxyServerFactory
from mailframe.proxy.sessions import Sessions
from mailframe.proxy.settings import ProxySettings
from mailframe.proxy.traces import Traces
from mailframe.proxy.values import ProxiedSession
from mailframe.registry import PluginUnavailable
from mailframe.tls.client import ClientContexts
from mailframe.tls.interfaces import IClientContexts, IServerContexts

from .context import Context
from .health import directory_answers
from .interfaces import Question
from .listening import Listener, ListeningRole
from .mechanisms import require_mechanisms
from .options import ProxyOptions

SAID = ("OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN")
"""Mechanisms by which something is said that a store can be told as well."""
DRAINED = "drained-stores.json"
"""File in the data directory."""
TRACES = "traces"
"""Directory there."""
SESSIONS_LIMIT = 10_000
"""Sessions that one worker lists."""


class ProxyRole(ListeningRole):
    """Lets people in, and sends them on.

    Args:
        locations: where mail is.
        directory: who has an account.
        authenticator: checks logins; None where the stores do (``check_logins``).
        reactor: connects to stores.
        listeners: where it listens, by protocol: ``imap``, ``pop3``, ``submission``, ``managesieve``.
        settings: of all listeners.
        contexts: TLS towards stores.
        tls: certificates for clients.
        tallies: count for limits; of this process alone by default.
        hostname: this server's name, for submission.
        drained: stores that nobody is sent to; remembered as long as this is there by default.
        traces: whose sessions are written down; nobody's by default.

    Attributes:
        proxied: the sessions that stand.
    """

    def __init__(
        self,
        locations: ILocations,
        directory: IDirectory,
        authenticator: IAuthenticator | None,
        reactor: IReactorTime,
        listeners: Mapping[str, Sequence[Listener]],
        settings: ProxySettings | None = None,
        contexts: IClientContexts | None = None,
        tls: IServerContexts | None = None,
        tallies: ITallies | None = None,
        hostname: str = "localhost",
        drained: Drained | None = None,
        traces: Traces | None = None,
    ) -> None:
        settings = settings or ProxySettings()
        used = [directory] if authenticator is None else [directory, authenticator]
        super().__init__("proxy", reactor, used, tls, tallies)
        passing: Passing | None = None
        if authenticator is None or not settings.check_logins:
            passing = self._passing(directory, locations)
            authenticator = passing
        if (
            passing is None
            and not settings.mechanisms
            and any(store.entrance is Entrance.PASSWORD for store in locations.stores())
        ):
            settings = attrs.evolve(settings, mechanisms=SAID)
        self.proxied = Sessions()
        self._drained = drained or Drained()
        self._traces = traces or Traces(None)
        hosts = Hosts(reactor)
        connecting = Connecting(reactor, contexts or ClientContexts(), settings)
        for protocol, places in listeners.items():
            entering = Entering(
                reactor, locations, connecting, self.proxied, hosts, protocol, self._drained, self._traces
            )
            self.open_doors(
                places,
                lambda implicit, protocol=protocol, entering=entering: ProxyServerFactory(  # type: ignore[misc]
                    Door(
                        protocol,
                        authenticator,
                        entering,
                        settings,
                        reactor,
                        None if implicit else tls,
                        self._tallies,
                        hostname,
                        passing,
                    )
                ),
            )
        asked_by = next((protocol for protocol, places in listeners.items() if places), "")
        self._checks: HostChecks | None = None
        if settings.check_interval and asked_by:
            self._checks = HostChecks(
                reactor, locations.stores(), asked_by, connecting, hosts, settings.check_interval
            )
        self._health.add("directory", directory_answers(directory, reactor))

        async def stores_answer() -> str | None:
            down = hosts.down(locations.stores())
            return f"{', '.join(down)} cannot be reached" if down else None

        self._health.add("stores", stores_answer, fatal=False)

    def _passing(self, directory: IDirectory, locations: ILocations) -> Passing:
        """Lets stores decide.

        Raises:
            ValueError: one of them is entered otherwise.
        """
        for store in locations.stores():
            if store.entrance is not Entrance.PASSWORD:
                raise ValueError(f"check_logins = false: {store.name} would let everybody into every mailbox")
        attempts = Attempts(self._clock, PasswordOptions(), self._tallies)
        return Passing(directory, locations.stores(), attempts)

    def startService(self) -> None:
        """Begin to look at stores, and listen."""
        if self._checks is not None:
            self._checks.start()
        super().startService()

    def stopService(self) -> Deferred[None]:
        """Look no more, listen no more, and cut all connections."""
        if self._checks is not None:
            self._checks.stop()
        return super().stopService()

    def questions(self) -> Mapping[str, Question]:
        """What it can be asked: its sessions, to end some, to drain a store."""
        return {
            "proxy.sessions": self._list_sessions,
            "proxy.kick": self._kick,
            "proxy.drain": self._drain,
            "proxy.trace": self._trace,
        }

    async def _list_sessions(self, account: str = "", store: str = "") -> list[dict[str, Any]]:
        fits = _fitting(account, store)
        return [
            {field.name: getattr(session, field.name) for field in fields(session) if field.name != "cut"}
            for session in list(self.proxied.all())[:SESSIONS_LIMIT]
            if fits(session)
        ]

    async def _kick(self, account: str = "", store: str = "", session_id: str = "") -> int:
        return self.proxied.kick(_fitting(account, store, session_id))

    async def _drain(self, store: str = "", drained: bool | None = None) -> list[str]:
        if drained is not None:
            self._drained.set(store, drained)
        return sorted(self._drained.names)

    async def _trace(self, account: str = "", seconds: float | None = None) -> dict[str, Any]:
        if account and seconds is not None:
            self._traces.set(account, seconds)
        return {"directory": self._traces.directory, "accounts": dict(self._traces.accounts)}


def _fitting(account: str = "", store: str = "", session_id: str = "") -> Callable[[ProxiedSession], bool]:
    """Sessions of which all that is said is so."""
    return lambda session: (
        account in ("", session.account)
        and store in ("", session.store)
        and session_id in ("", session.session_id)
    )


def build(options: ProxyOptions, context: Context) -> ProxyRole:
    """The role as it is configured."""
    locations = locations_of(context)
    if not locations.stores():
        raise PluginUnavailable("[role.proxy]: there are no stores; write them as [[stores]]")
    authenticator = context.authenticator if options.options.check_logins else None
    if authenticator is not None:
        require_mechanisms(authenticator, options.options.mechanisms, "role.proxy.options")
    elif any(one.login != "password" for one in context.configuration.stores):
        raise PluginUnavailable(
            '[role.proxy.options] check_logins = false: every one of [[stores]] needs login = "password"'
        )
    role = ProxyRole(
        locations,
        context.directory,
        authenticator,
        context.reactor,
        {
            "imap": context.listeners(options.imap),
            "pop3": context.listeners(options.pop3),
            "submission": context.listeners(options.submission),
            "managesieve": context.listeners(options.managesieve),
        },
        options.options,
        ClientContexts(None, None, context.configuration.tls.minimum),
        context.tls,
        context.tallies,
        context.hostname,
        Drained(os.path.join(context.data, DRAINED)),
        Traces(os.path.join(context.data, TRACES)),
    )
    context.add_health_checks(role)
    return role


def locations_of(context: Context) -> ILocations:
    """The stores of the configuration.

    Raises:
        PluginUnavailable: they cannot be as they are written.
    """
    try:
        return Locations([one.store() for one in context.configuration.stores])
    except ValueError as error:
        raise PluginUnavailable(str(error)) from None
