"""The listening sockets of a node: opened once by the parent, adopted by every worker, accepting only there.

A socket lives as long as any generation wants its address. The parent never reads from it, so a connection waits
in the kernel's queue until a worker takes it: that is why a reload refuses nobody.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.internet.protocol import Factory

from mailframe.config.listen import parse_listener

BACKLOG = 1024
"""Connections that may wait in the kernel. Twisted's 50 are gone in a burst while a new generation starts."""


class CannotListen(Exception):
    """Some addresses could not be opened.

    Attributes:
        errors: one sentence an address.
    """

    def __init__(self, errors: Sequence[str]) -> None:
        super().__init__("; ".join(errors))
        self.errors = tuple(errors)


@dataclass(frozen=True)
class OpenSocket:
    """One listening socket that the parent holds.

    Attributes:
        address: as configured.
        port: owns the socket.
        family: the socket's address family.
    """

    address: str
    port: IListeningPort
    family: int

    def fileno(self) -> int:
        """The descriptor to give to workers."""
        number: int = self.port.fileno()  # type: ignore[attr-defined]
        return number

    def bound_to(self) -> str:
        """Where it really listens, for people: ``127.0.0.1:2525`` or a path."""
        host: Any = self.port.getHost()
        if self.family == socket.AF_UNIX:
            return str(host.name.decode("utf-8", "replace") if isinstance(host.name, bytes) else host.name)
        name = f"[{host.host}]" if self.family == socket.AF_INET6 else host.host
        return f"{name}:{host.port}"


class ListeningSockets:
    """All of them, by address.

    Args:
        reactor: opens the endpoints.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._open: dict[str, OpenSocket] = {}

    def current(self) -> Sequence[OpenSocket]:
        """Those that are open, in the order they were opened."""
        return tuple(self._open.values())

    def select(self, addresses: Iterable[str]) -> Sequence[OpenSocket]:
        """Those of some addresses, which must be open."""
        return tuple(self._open[address] for address in addresses)

    async def add(self, addresses: Iterable[str]) -> Sequence[str]:
        """Open what is not open yet.

        Returns:
            The addresses that are new.

        Raises:
            CannotListen: with a sentence for each that failed; then none of the new ones stays open.
        """
        added: list[str] = []
        errors: list[str] = []
        for address in dict.fromkeys(addresses):
            if address in self._open:
                continue
            try:
                self._open[address] = await self._listen(address)
                added.append(address)
            except CannotListen as error:
                errors += error.errors
        if errors:
            await self.remove(added)
            raise CannotListen(errors)
        return added

    async def remove(self, addresses: Iterable[str]) -> None:
        """Close some; no worker may accept on them any more."""
        for address in addresses:
            opened = self._open.pop(address, None)
            if opened is not None and not any(other.port is opened.port for other in self._open.values()):
                await maybeDeferred(opened.port.stopListening)

    async def keep_only(self, addresses: Iterable[str]) -> None:
        """Close all but some."""
        wanted = set(addresses)
        await self.remove([address for address in self._open if address not in wanted])

    async def _listen(self, address: str) -> OpenSocket:
        same = self._same_socket(address)
        if same is not None:
            return replace(same, address=address)
        port: Any = await open_endpoint(self._reactor, address, Factory())
        port.stopReading()
        if "backlog=" not in address:
            # listen(2) on a listening socket changes the length of its queue.
            port.socket.listen(BACKLOG)
        return OpenSocket(address, port, port.socket.family)

    def _same_socket(self, address: str) -> OpenSocket | None:
        """What is open there already: a reload may put ``ssl:`` or ``haproxy:`` in front of it."""
        wanted = parse_listener(address)
        if wanted.kind in ("tcp", "tcp6") and not wanted.port:
            return None  # always another one
        endpoints = ((other, parse_listener(other.address).endpoint) for other in self._open.values())
        return next((other for other, endpoint in endpoints if endpoint == wanted.endpoint), None)


async def open_endpoint(reactor: Any, address: str, factory: IProtocolFactory) -> IListeningPort:
    """Listen on one address.

    Raises:
        CannotListen: with one sentence.
    """
    try:
        endpoint = serverFromString(reactor, parse_listener(address).endpoint)
        port: IListeningPort = await endpoint.listen(factory)
    except (CannotListenError, ValueError, OSError, LookupError) as error:
        raise CannotListen([f"cannot listen on {address}: {_reason(error)}"]) from None
    return port


def _reason(error: Exception) -> str:
    if isinstance(error, CannotListenError):
        cause = error.socketError
        text = getattr(cause, "strerror", None) or str(cause)
        if isinstance(cause, PermissionError):
            text += " (a port below 1024 is opened before privileges are given up, at start only)"
        return text
    return str(error) or type(error).__name__
