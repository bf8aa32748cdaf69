"""The server's side of the mechanisms that need no arithmetic (RFC 4616, RFC 4422, and LOGIN by custom).

A mechanism is made for one exchange and fed with the client's responses until it has a claim. It knows no protocol:
base64, the cancelling ``*`` and the framing belong to `mailframe.sasl.exchange` and to whoever speaks on the wire.
Which mechanisms there are, is in `mailframe.sasl.server`.
"""

from __future__ import annotations

from typing import Protocol

from mailframe.message.status import ProtocolError

from .scram import MALFORMED, Keys
from .values import Certificate, Challenge, Claim, Password, Step

LIMIT = 1024
"""Octets a decoded response may have."""


class ServerMechanism(Protocol):
    """One exchange."""

    def step(self, response: bytes | None) -> Step:
        """Take the client's response (None: it sent no initial response) and answer.

        Raises:
            ProtocolError: the response is not the mechanism's.
        """

    def keys(self, found: Keys) -> Step:
        """Take the answer to `KeysWanted`."""

    @property
    def final(self) -> bytes:
        """What goes with success; no octets for nothing (RFC 4422 section 3.6)."""

    def refusal(self, hints: bytes) -> bytes | None:
        """What goes before a failure: a challenge to which any response may come; None for nothing.

        Args:
            hints: what `hints` of `mailframe.sasl.server.Channel` says.
        """


class OneClaim:
    """What the mechanisms have in common that ask nobody and end without further words."""

    final = b""

    def keys(self, found: Keys) -> Step:
        """It asked for none."""
        raise ProtocolError(MALFORMED)

    def refusal(self, hints: bytes) -> bytes | None:
        """Nothing goes before a failure."""
        return None


class Plain(OneClaim):
    """PLAIN: ``[authzid] NUL authcid NUL password`` (RFC 4616)."""

    def step(self, response: bytes | None) -> Step:
        """Ask for the message, or take it apart."""
        if response is None:
            return Challenge(b"")
        parts = response.split(b"\0")
        if len(parts) != 3 or not parts[1] or not parts[2] or len(response) > LIMIT:
            raise ProtocolError(MALFORMED)
        return Password(text(parts[1]), parts[2], text(parts[0]))


class Login(OneClaim):
    """LOGIN: name and password, one after the other. Not a standard; old clients have nothing else."""

    def __init__(self) -> None:
        self._name: bytes | None = None

    def step(self, response: bytes | None) -> Step:
        """Ask for the name, then for the password."""
        if response is None:
            return Challenge(b"Username:")
        if not response or len(response) > LIMIT:
            raise ProtocolError(MALFORMED)
        if self._name is None:
            self._name = response
            return Challenge(b"Password:")
        return Password(text(self._name), response)


class External(OneClaim):
    """EXTERNAL: the client certificate says who it is, the response whom it wants to be (RFC 4422 appendix A).

    Args:
        name: the certificate's verified name.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def step(self, response: bytes | None) -> Step:
        """Ask for the authorization identity, or take it."""
        if response is None:
            return Challenge(b"")
        if len(response) > LIMIT or b"\0" in response:
            raise ProtocolError(MALFORMED)
        return Certificate(self._name, text(response))


def text(octets: bytes) -> str:
    """What a client sent as UTF-8.

    Raises:
        ProtocolError: it is not.
    """
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        raise ProtocolError(MALFORMED) from None


__all__ = ["LIMIT", "MALFORMED", "Challenge", "Claim", "External", "Login", "OneClaim", "Password", "Plain"]
