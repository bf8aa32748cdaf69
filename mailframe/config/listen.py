"""Where to listen, in the words of Twisted's endpoint strings (``twisted.internet.endpoints.serverFromString``).

``tcp:25``, ``tcp:25:interface=192.0.2.1``, ``tcp6:25:interface=\\:\\:1``, ``unix:/run/lmtp.sock:mode=660`` and
``systemd:domain=INET:name=smtp``. ``ssl:`` in front means implicit TLS with the certificates of ``[tls]``: before
a port number as in ``ssl:993:interface=192.0.2.1``, or before a whole other description, ``ssl:systemd:...``.
``haproxy:`` in front of all means that a PROXY header comes before anything else, TLS included: ``haproxy:tcp:25``,
``haproxy:ssl:993``; from whom is in ``[haproxy]``.
Other endpoints are refused: the parent must be able to hand what it opened to its workers.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Mapping

import attrs

ALLOWED = (
    'a listener such as "tcp:25", "ssl:993:interface=127.0.0.1", "unix:/path", "systemd:domain=INET:name=x"'
)

UNIX_PATH_LIMIT = 107
"""Octets that fit into a socket's path on Linux, without the closing NUL (unix(7))."""


@attrs.frozen
class Listener:
    """One listener, taken apart.

    Attributes:
        implicit_tls: TLS from the first octet.
        kind: ``tcp``, ``tcp6``, ``unix`` or ``systemd``.
        endpoint: what to give to ``twisted.internet.endpoints.serverFromString``, without ``ssl:``.
        arguments: the endpoint's arguments by name, as they were written.
        fronted: a PROXY header comes first.
    """

    implicit_tls: bool
    kind: str
    endpoint: str
    arguments: Mapping[str, str]
    fronted: bool = False

    @property
    def port(self) -> int:
        """The TCP port, 0 for others."""
        return int(self.arguments.get("port", "0"))

    @property
    def interface(self) -> str:
        """The IP address of the interface, "" for all."""
        return self.arguments.get("interface", "")

    @property
    def address(self) -> str:
        """The path of a UNIX socket, "" for others."""
        return self.arguments.get("address", "")

    @property
    def on_path(self) -> bool:
        """Is it a UNIX socket, guarded by the mode of its path?"""
        return self.kind == "unix" or self.arguments.get("domain") == "UNIX"


def parse_listener(description: str, directory: str = "") -> Listener:
    """Take a description apart.

    Args:
        description: what the configuration says.
        directory: what the relative path of a UNIX socket counts from.

    Raises:
        ValueError: it is no such description; says why, and what is allowed where that helps.
    """
    positional, named = _split(description)
    fronted = positional[:1] == ["haproxy"]
    if fronted:
        del positional[0]
    elif positional[:2] == ["ssl", "haproxy"]:
        raise ValueError("the PROXY header comes before TLS: write haproxy:ssl:...")
    implicit_tls = positional[:1] == ["ssl"]
    if implicit_tls:
        del positional[0]
        if not positional or positional[0] not in _GRAMMARS:
            positional.insert(0, "tcp6" if ":" in named.get("interface", "") else "tcp")
    kind = positional.pop(0) if positional else ""
    if kind not in _GRAMMARS:
        raise ValueError(f"expected {ALLOWED}")
    names, check = _GRAMMARS[kind]
    if len(positional) > len(names):
        raise ValueError(
            f"{kind} takes no more than {', '.join(names)}; a colon inside a value is written \\:"
        )
    for name, value in zip(names, positional, strict=False):
        if name in named:
            raise ValueError(f"{name} is given twice; a colon inside a value is written \\:")
        named[name] = value
    unknown = sorted(named.keys() - set(names))
    if unknown:
        hint = "; certificates belong into [tls]" if {"privateKey", "certKey"} & set(unknown) else ""
        raise ValueError(f"{kind} has no {unknown[0]}; it takes {', '.join(names)}{hint}")
    check(named)
    if kind == "unix":
        named["address"] = os.path.join(directory, named["address"])
        _check_path_length(named["address"])
    return Listener(implicit_tls, kind, _join(kind, names, named), named, fronted)


def format_listener(listener: Listener) -> str:
    """The description again, in one spelling."""
    front = "haproxy:" if listener.fronted else ""
    if not listener.implicit_tls:
        return front + listener.endpoint
    # As people write it, where that means the same.
    short = listener.kind == "tcp" and ":" not in listener.interface
    return f"{front}ssl:{listener.endpoint.removeprefix('tcp:') if short else listener.endpoint}"


def _split(description: str) -> tuple[list[str], dict[str, str]]:
    """Positional and named arguments; a backslash takes the next character as it is."""
    parts: list[list[str]] = [[""]]
    characters = iter(description)
    for character in characters:
        if character == ":":
            parts.append([""])
        elif character == "=" and len(parts[-1]) == 1:
            parts[-1].append("")
        elif character == "\\":
            parts[-1][-1] += next(characters, "")
        else:
            parts[-1][-1] += character
    positional = [part[0] for part in parts if len(part) == 1]
    pairs = [(part[0], part[1]) for part in parts if len(part) == 2]
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError(f"something is given twice; expected {ALLOWED}")
    return positional, dict(pairs)


def _join(kind: str, names: tuple[str, ...], named: Mapping[str, str]) -> str:
    def quoted(value: str) -> str:
        return value.replace("\\", "\\\\").replace(":", "\\:").replace("=", "\\=")

    # The first argument is positional by custom; systemd's are always named.
    first = [quoted(named[names[0]])] if kind != "systemd" else []
    rest = names[1:] if first else names
    return ":".join([kind, *first, *(f"{name}={quoted(named[name])}" for name in rest if name in named)])


def _number(named: Mapping[str, str], name: str, low: int, high: int, base: int = 10) -> None:
    value = named[name]
    digits = "0123456789"[:base]
    # int() alone would take " 25", "+25", "2_5" and other scripts' digits.
    if not value or len(value) > 10 or value.strip(digits) or not low <= int(value, base) <= high:
        kind = "an octal number" if base == 8 else f"a number from {low} to {high}"
        raise ValueError(f'{name}: expected {kind}, got "{value}"')


def _check_tcp(named: dict[str, str]) -> None:
    if "port" not in named:
        raise ValueError(f"the port is missing; expected {ALLOWED}")
    _number(named, "port", 0, 65535)
    if "backlog" in named:
        _number(named, "backlog", 1, 65535)
    if named.get("interface"):
        try:
            ipaddress.ip_address(named["interface"])
        except ValueError:
            raise ValueError(
                f'interface: expected an IP address such as 127.0.0.1 or \\:\\:1, got "{named["interface"]}"'
            ) from None


def _check_unix(named: dict[str, str]) -> None:
    if not named.get("address"):
        raise ValueError("the path is missing; expected unix:/path")
    if "\0" in named["address"]:
        raise ValueError("the path has a NUL character in it")
    if "mode" in named:
        _number(named, "mode", 0, 0o7777, 8)
    if "backlog" in named:
        _number(named, "backlog", 1, 65535)
    if named.get("lockfile", "0") not in ("0", "1"):
        raise ValueError("lockfile: expected 0 or 1")


def _check_path_length(path: str) -> None:
    length = len(os.fsencode(path))
    if length > UNIX_PATH_LIMIT:
        raise ValueError(
            f"the path of a socket may be {UNIX_PATH_LIMIT} octets long, this one has {length}: {path}"
        )


def _check_systemd(named: dict[str, str]) -> None:
    if named.get("domain") not in ("INET", "INET6", "UNIX"):
        raise ValueError("systemd needs domain=INET, INET6 or UNIX")
    if ("index" in named) == ("name" in named):
        raise ValueError("systemd needs either name= or index=")
    if "index" in named:
        _number(named, "index", 0, 1023)


_GRAMMARS: dict[str, tuple[tuple[str, ...], Callable[[dict[str, str]], None]]] = {
    "tcp": (("port", "interface", "backlog"), _check_tcp),
    "tcp6": (("port", "interface", "backlog"), _check_tcp),
    "unix": (("address", "mode", "backlog", "lockfile"), _check_unix),
    "systemd": (("domain", "index", "name"), _check_systemd),
}
