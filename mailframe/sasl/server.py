"""Which mechanisms a server has, which of them one connection may use, and how one is made."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from .cram_md5 import CramMD5
from .mechanisms import External, Login, Plain, ServerMechanism
from .scram import HASHES, PLUS
from .server_oauth import OAuthBearer, XOAuth2
from .server_scram import Scram

ORDER: Final = (
    "SCRAM-SHA-256-PLUS",
    "SCRAM-SHA-1-PLUS",
    "SCRAM-SHA-256",
    "SCRAM-SHA-1",
    "EXTERNAL",
    "OAUTHBEARER",
    "XOAUTH2",
    "PLAIN",
    "LOGIN",
    "CRAM-MD5",
)
"""All mechanisms, in the order in which they are offered; clients that take the first one take the strongest."""
PASSWORDS: Final = ("PLAIN", "LOGIN")
"""What anybody can do who checks passwords."""
_SIMPLE: Final[dict[str, Callable[[], ServerMechanism]]] = {
    "OAUTHBEARER": OAuthBearer,
    "XOAUTH2": XOAuth2,
    "PLAIN": Plain,
    "LOGIN": Login,
    "CRAM-MD5": CramMD5,
}


@dataclass(frozen=True, slots=True)
class Channel:
    """What a connection has besides octets.

    Attributes:
        binding: its ``tls-exporter`` channel binding (RFC 9266), or None.
        certificate: the verified name of the client's certificate, or None.
    """

    binding: bytes | None = None
    certificate: str | None = None


CLEAR: Final = Channel()
"""Without TLS."""


def offered(able: Collection[str], channel: Channel, selection: Sequence[str] = ()) -> tuple[str, ...]:
    """What a client is offered.

    Args:
        able: what whoever checks claims can do; names without ``-PLUS``, which needs a channel to bind to.
        channel: the connection's.
        selection: what the administrator wants, in this order; () for all of `ORDER`.
    """
    return tuple(name for name in selection or ORDER if _possible(name, able, channel))


def make(name: str, channel: Channel, among: Collection[str]) -> ServerMechanism:
    """One exchange.

    Args:
        name: one of ``among``.
        channel: the connection's.
        among: what the client was offered.

    Raises:
        KeyError: it was not offered.
    """
    if name not in among:
        raise KeyError(name)
    if name == "EXTERNAL":
        return External(channel.certificate or "")
    base = name.removesuffix(PLUS)
    if base not in HASHES:
        return _SIMPLE[name]()
    plus_offered = any(other.endswith(PLUS) for other in among)
    return Scram(base, channel.binding if base != name else None, plus_offered)


def _possible(name: str, able: Collection[str], channel: Channel) -> bool:
    if name.endswith(PLUS):
        return channel.binding is not None and name.removesuffix(PLUS) in able
    return name in able and (name != "EXTERNAL" or channel.certificate is not None)
