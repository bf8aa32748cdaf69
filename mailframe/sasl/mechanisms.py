"""Server side of the mechanisms that carry a password (RFC 4616, and LOGIN by custom).

A mechanism is made for one exchange and fed with the client's responses until it has credentials. It knows no
protocol: base64, the cancelling ``*`` and the framing belong to whoever speaks on the wire.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from mailframe.message.status import ProtocolError, Status

MALFORMED = Status((5, 5, 2), "Malformed authentication exchange", "CLIENTBUG", reply_code=501)
LIMIT = 1024
"""Octets a decoded response may have."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """The server says this and waits for a response."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Password:
    """The exchange is over: check this password."""

    authcid: str
    password: bytes
    authzid: str = ""

    def __repr__(self) -> str:
        return f"Password(authcid={self.authcid!r})"


class ServerMechanism(Protocol):
    """One exchange."""

    def step(self, response: bytes | None) -> Challenge | Password:
        """Take the client's response (None: it sent no initial response) and answer.

        Raises:
            ProtocolError: the response is not the mechanism's.
        """


class Plain:
    """PLAIN: ``[authzid] NUL authcid NUL password`` (RFC 4616)."""

    def step(self, response: bytes | None) -> Challenge | Password:
        """Ask for the message, or take it apart."""
        if response is None:
            return Challenge(b"")
        parts = response.split(b"\0")
        if len(parts) != 3 or not parts[1] or not parts[2] or len(response) > LIMIT:
            raise ProtocolError(MALFORMED)
        return Password(_text(parts[1]), parts[2], _text(parts[0]))


class Login:
    """LOGIN: name and password, one after the other. Not a standard; old clients have nothing else."""

    def __init__(self) -> None:
        self._name: bytes | None = None

    def step(self, response: bytes | None) -> Challenge | Password:
        """Ask for the name, then for the password."""
        if response is None:
            return Challenge(b"Username:")
        if not response or len(response) > LIMIT:
            raise ProtocolError(MALFORMED)
        if self._name is None:
            self._name = response
            return Challenge(b"Password:")
        return Password(_text(self._name), response)


MECHANISMS: dict[str, Callable[[], ServerMechanism]] = {"PLAIN": Plain, "LOGIN": Login}
"""By name, in the order they are offered."""


def _text(octets: bytes) -> str:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        raise ProtocolError(MALFORMED) from None
