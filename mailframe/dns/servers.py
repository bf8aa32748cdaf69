"""The servers that are asked, as the configuration or ``/etc/resolv.conf`` names them, and whose AD is believed."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from twisted.logger import Logger

from mailframe.message.networks import Networks

PORT: Final = 53
SERVERS_LIMIT: Final = 8
RESOLV_CONF: Final = "/etc/resolv.conf"
RESOLV_CONF_LIMIT: Final = 65536
LOOK_EVERY: Final = 5.0
"""Seconds between looks at whether the file changed."""
ALLOWED: Final = 'an address such as "127.0.0.1", "192.0.2.1:5353", "2001:db8::1" or "[2001:db8::1]:5353"'


@dataclass(frozen=True, slots=True)
class Server:
    """A recursive resolver.

    Attributes:
        address: its IP address.
        port: its port, of UDP and TCP.
    """

    address: str
    port: int = PORT

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


class ServersSource(Protocol):
    """What says whom to ask."""

    def servers(self) -> Sequence[Server]:
        """Those that are asked now, best first; at least one."""


def parse_server(text: str) -> Server:
    """Reads what the configuration says of a server.

    Raises:
        ValueError: it is none; says what is allowed.
    """
    host, port = text, str(PORT)
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(f"{text!r} is not {ALLOWED}")
        port = rest[1:] if rest else port
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise ValueError(f"{text!r} is not {ALLOWED}") from None
    if not (port.isascii() and port.isdigit() and len(port) < 6 and 0 < int(port) < 65536):
        raise ValueError(f"{text!r} is not {ALLOWED}")
    return Server(str(address), int(port))


def parse_resolv_conf(text: str) -> Sequence[Server]:
    """The servers that a ``resolv.conf`` names, in its order; what else it says is for names of people's machines.

    A line that names no IP address is passed over, as the C library does. Without any server, that is this machine's.
    """
    found: list[Server] = []
    for line in text.splitlines():
        words = line.split()
        if len(words) < 2 or words[0] != "nameserver":
            continue
        try:
            server = Server(str(ipaddress.ip_address(words[1])))
        except ValueError:
            continue
        if server not in found:
            found.append(server)
    return tuple(found[:SERVERS_LIMIT]) or (Server("127.0.0.1"),)


class FixedServers:
    """Those of the configuration."""

    def __init__(self, servers: Sequence[Server]) -> None:
        self._servers = tuple(servers)

    def servers(self) -> Sequence[Server]:
        """See `ServersSource.servers`."""
        return self._servers


class SystemServers:
    """Those of ``/etc/resolv.conf``, read again when it changes (DHCP, VPN).

    Args:
        seconds: a clock.
        path: of the file.
    """

    _log = Logger()

    def __init__(self, seconds: Callable[[], float], path: str = RESOLV_CONF) -> None:
        self._seconds = seconds
        self._path = path
        self._servers: Sequence[Server] = (Server("127.0.0.1"),)
        self._looked = float("-inf")
        self._state: object = None
        self._reason: str | None = None

    def servers(self) -> Sequence[Server]:
        """See `ServersSource.servers`. A file that cannot be read now leaves the servers as they were."""
        now = self._seconds()
        if now - self._looked >= LOOK_EVERY:
            self._looked = now
            self._look()
        return self._servers

    def _look(self) -> None:
        try:
            facts = os.stat(self._path)
            state = (facts.st_mtime_ns, facts.st_size, facts.st_ino)
            if state == self._state:
                return
            with open(self._path, encoding="utf-8", errors="replace") as file:
                self._servers = parse_resolv_conf(file.read(RESOLV_CONF_LIMIT))
        except OSError as error:
            if error.strerror != self._reason:
                self._reason = error.strerror
                self._log.warn("{path} cannot be read: {reason}", path=self._path, reason=error.strerror)
            return
        self._state, self._reason = state, None
        self._log.debug("names are asked of {servers}", servers=", ".join(map(str, self._servers)))


class TrustedServers:
    """Whose word on DNSSEC (the AD bit) is worth something.

    RFC 4035 section 4.9.3: a stub must not believe the bit unless the way to the resolver is secure. This machine's
    own addresses 127.0.0.0/8 and ::1 are; everything else is the administrator's to say.

    Args:
        networks: further ones.
    """

    def __init__(self, networks: Sequence[str] = ()) -> None:
        self._networks = Networks(["127.0.0.0/8", "::1/128", *networks])

    def __contains__(self, server: Server) -> bool:
        return server.address in self._networks
