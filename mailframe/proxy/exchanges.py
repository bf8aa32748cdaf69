"""What is said to a store in a SASL exchange: by ourselves, or by the client at the door."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.defer import Deferred, succeed

from mailframe.sasl.client import ClientLines, ClientMechanism


class StoreExchange(Protocol):
    """One exchange with a store, in lines of base64."""

    @property
    def name(self) -> str:
        """The mechanism's."""

    def initial(self) -> bytes | None:
        """The initial response, ``=`` for one of no octets; None where the store speaks first."""

    def answer(self, challenge: bytes) -> Deferred[bytes]:
        """The line that answers a challenge.

        Raises:
            ProtocolError: the challenge is not the mechanism's.
        """

    def finish(self) -> None:
        """The store said that we are logged in.

        Raises:
            ProtocolError: it has not proved what it must.
        """


class OwnExchange:
    """One that we answer by ourselves.

    Args:
        mechanism: knows what to say.
    """

    def __init__(self, mechanism: ClientMechanism) -> None:
        self._lines = ClientLines(mechanism)

    @property
    def name(self) -> str:
        """The mechanism's."""
        return self._lines.mechanism.name

    def initial(self) -> bytes | None:
        """See `StoreExchange.initial`."""
        return self._lines.initial()

    def answer(self, challenge: bytes) -> Deferred[bytes]:
        """See `StoreExchange.answer`."""
        return succeed(self._lines.answer(challenge))

    def finish(self) -> None:
        """See `StoreExchange.finish`."""
        self._lines.mechanism.finish()


class PassedExchange:
    """One that the client answers; whether success may be believed is for the client to say.

    Args:
        name: the mechanism's.
        initial: what the client began with, in base64.
    """

    def __init__(self, name: str, initial: bytes) -> None:
        self.name = name
        self._initial = initial
        self._challenge: Deferred[bytes] = Deferred()
        self._response: Deferred[bytes] = Deferred()

    def initial(self) -> bytes | None:
        """What the client began with."""
        return self._initial

    def answer(self, challenge: bytes) -> Deferred[bytes]:
        """Ask the client."""
        self._response = Deferred()
        asked, self._challenge = self._challenge, Deferred()
        asked.callback(challenge)
        return self._response

    def finish(self) -> None:
        """The client sees by itself what the store has shown."""

    # The client's side.

    def challenge(self) -> Deferred[bytes]:
        """The next challenge of the store's."""
        return self._challenge

    def respond(self, line: bytes) -> None:
        """What the client says to it."""
        response, self._response = self._response, Deferred()
        response.callback(line)
