"""The status page's listener, in the parent: one page for all workers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IListeningPort

from .hub import Hub
from .sockets import open_endpoint


class StatusPage:
    """Listens where the plan says, and moves when a reload says otherwise.

    Args:
        reactor: listens.
        hub: asks the workers.
        describe: what ``mailframe status`` shows.
    """

    def __init__(self, reactor: Any, hub: Hub, describe: Callable[[], Awaitable[dict[str, Any]]]) -> None:
        self._reactor = reactor
        self._hub = hub
        self._describe = describe
        self._address: str | None = None
        self._port: IListeningPort | None = None

    async def listen(self, address: str | None) -> None:
        """Listen there from now on, and nowhere else; None for nowhere.

        Raises:
            CannotListen: nothing changed.
        """
        if address == self._address:
            return
        old, self._port = self._port, await self._open(address) if address else None
        self._address = address
        if old is not None:
            await maybeDeferred(old.stopListening)

    def url(self) -> str | None:
        """Where it is, for people; None when it is nowhere or no TCP address."""
        host: Any = self._port.getHost() if self._port is not None else None
        if host is None or not hasattr(host, "port"):
            return None
        name = f"[{host.host}]" if ":" in host.host else host.host
        return f"http://{name}:{host.port}/"

    async def _open(self, address: str) -> IListeningPort:
        # Not before it is wanted: twisted.web is large.
        from mailframe.monitor.page import make_site

        site = make_site(self._hub.figures, self._hub.problems, self._sections, self._reactor)
        return await open_endpoint(self._reactor, address, site)

    async def _sections(self) -> dict[str, Any]:
        status = await self._describe()
        simple = {name: value for name, value in status.items() if not isinstance(value, list | dict)}
        return {
            f"Node ({', '.join(status['roles'])})": simple,
            "Listeners": status["listeners"],
            "Workers": status["workers"],
            "Figures": status["figures"],
        }
