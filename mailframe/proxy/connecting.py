"""Connections to the hosts of stores, with the TLS and the header that the configuration says."""

from __future__ import annotations

import ipaddress
from typing import Any, cast

from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    connectProtocol,
)
from twisted.internet.error import ConnectError, DNSLookupError

from mailframe.dialogue.proxy_header import ProxyHeader, encode_v2
from mailframe.location.values import Host, Store, Transport
from mailframe.message.status import MailframeError
from mailframe.tls.interfaces import IClientContexts
from mailframe.tls.policies import ClientPolicy, Level

from .backend import NO_STORE, BackendConnection
from .settings import ProxySettings
from .values import Client


class Connecting:
    """Makes connections to stores.

    Args:
        reactor: connects.
        contexts: makes TLS.
        settings: how long it may take.
    """

    def __init__(self, reactor: Any, contexts: IClientContexts, settings: ProxySettings) -> None:
        self._reactor = reactor
        self._contexts = contexts
        self._settings = settings

    async def connect(
        self, store: Store, host: Host, protocol: str, client: Client | None
    ) -> BackendConnection:
        """Connect to a host, up to the moment when it speaks.

        Args:
            store: whose host it is.
            host: which.
            protocol: ``imap``, ...
            client: who is at the door; None where we come for ourselves.

        Raises:
            MailframeError: temporary: it cannot be reached, or is not who it should be.
        """
        port = host.ports.get(protocol, 0)
        backend = BackendConnection(self._reactor, self._settings.store_timeout, host.name)
        try:
            await connectProtocol(self._endpoint(host.name, port), backend)
            # The endpoint's own protocol has done its work; it would see every octet that passes from now on.
            cast(Any, backend.transport).protocol = backend
            if store.proxy_protocol:
                backend.send(_header(client, backend))
            if store.transport is Transport.TLS:
                await backend.start_tls(self.tls(store, host))
        except (ConnectError, DNSLookupError, OSError) as error:
            backend.abort()
            raise MailframeError(NO_STORE, f"{host.name}:{port}: {error}") from None
        except BaseException:
            backend.abort()
            raise
        return backend

    def tls(self, store: Store, host: Host) -> Any:
        """What TLS with a host is made with."""
        level = Level.VERIFY if store.verify else Level.ENCRYPT
        names = (host.name,) if store.verify else ()
        policy = ClientPolicy(level, names=names, authorities=store.authorities, certificate=store.files)
        return self._contexts.creator(policy, host.name)

    def _endpoint(self, host: str, port: int) -> Any:
        timeout = self._settings.connect_timeout
        try:
            version = ipaddress.ip_address(host).version
        except ValueError:
            return HostnameEndpoint(self._reactor, host, port, timeout)
        kind = TCP4ClientEndpoint if version == 4 else TCP6ClientEndpoint
        return kind(self._reactor, host, port, timeout)


def _header(client: Client | None, backend: BackendConnection) -> bytes:
    """What the store is told of the client, before anything else."""
    versions = set()
    if client is not None:
        try:
            versions = {ipaddress.ip_address(one).version for one in (client.peer, client.local)}
        except ValueError:
            pass
    if client is None or len(versions) != 1:
        return encode_v2(ProxyHeader(2, local=True))
    family = "inet" if versions == {4} else "inet6"
    return encode_v2(
        ProxyHeader(2, False, family, client.peer, client.port, client.local, client.local_port)  # type: ignore[arg-type]
    )
