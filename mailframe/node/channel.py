"""What parent and worker say to each other: JSON objects in frames, over a socket pair.

A frame is four octets of length, most significant first, and so many octets of JSON. Either side may send at any
time. A request has an ``id`` that its reply repeats.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

Message = dict[str, Any]
FRAME_LIMIT = 64 * 1024 * 1024
"""Octets in one frame; figures of a busy worker are some hundred KB, a configuration less."""
_LENGTH = struct.Struct(">I")


def encode_frame(message: Message) -> bytes:
    """One message as it is sent."""
    octets = json.dumps(message, separators=(",", ":")).encode()
    return _LENGTH.pack(len(octets)) + octets


class FrameReader:
    """Takes octets, gives messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """Add octets.

        Returns:
            The messages that are complete now, in order.

        Raises:
            ValueError: the other side does not speak our language.
        """
        buffer = self._buffer
        buffer += data
        messages: list[Message] = []
        start = 0
        while len(buffer) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(buffer, start)
            if length > FRAME_LIMIT:
                raise ValueError(f"a frame of {length} octets")
            end = start + _LENGTH.size + length
            if len(buffer) < end:
                break
            message = json.loads(bytes(buffer[start + _LENGTH.size : end]))
            if not isinstance(message, dict):
                raise ValueError("a frame must hold a JSON object")
            messages.append(message)
            start = end
        del buffer[:start]
        return messages


@implementer(IPushProducer)
class Channel(Protocol):
    """One end of the socket pair.

    Args:
        received: called with each message that is not a reply.
        closed: called once when the other side is gone.
    """

    def __init__(self, received: Callable[[Message], None], closed: Callable[[], None]) -> None:
        self._received = received
        self._closed = closed
        self._reader = FrameReader()
        self._waiting: dict[int, Deferred[Message]] = {}
        self._last_id = 0
        self._full = False
        self.open = False

    def send(self, message: Message) -> None:
        """Send a message, unless the channel is closed."""
        if self.open:
            assert self.transport is not None
            self.transport.write(encode_frame(message))

    def send_hint(self, message: Message) -> None:
        """Send what may be lost: dropped while the other side does not read, so that nothing piles up."""
        if not self._full:
            self.send(message)

    def request(self, clock: IReactorTime, timeout: float, message: Message) -> Deferred[Message]:
        """Send a message and wait for its reply.

        Fails with ``twisted.internet.error.ConnectionLost`` when the other side goes away and with
        ``twisted.internet.defer.TimeoutError`` after ``timeout`` seconds.
        """
        if not self.open:
            failed: Deferred[Message] = Deferred()
            failed.errback(ConnectionLost("the channel is closed"))
            return failed
        self._last_id += 1
        number = self._last_id

        def forget(_: object) -> None:
            self._waiting.pop(number, None)

        reply: Deferred[Message] = Deferred(forget)
        self._waiting[number] = reply
        self.send({**message, "id": number})
        return reply.addTimeout(timeout, clock)

    # The transport calls these.

    def connectionMade(self) -> None:
        """The channel can be used from now on."""
        self.open = True
        self.transport.registerProducer(self, True)  # type: ignore[union-attr]

    def dataReceived(self, data: bytes) -> None:
        """Pass on what is complete."""
        try:
            messages = self._reader.feed(data)
        except ValueError:
            self.transport.abortConnection()  # type: ignore[union-attr]
            return
        for message in messages:
            if message.get("type") == "reply":
                waiting = self._waiting.pop(message["id"], None)
                if waiting is not None:
                    waiting.callback(message)
            else:
                self._received(message)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The other side is gone: nobody waits for replies any more."""
        self.open = False
        waiting, self._waiting = self._waiting, {}
        for reply in waiting.values():
            reply.errback(ConnectionLost("the channel was closed"))
        self._closed()

    def pauseProducing(self) -> None:
        """The other side does not read: hints are dropped from now on."""
        self._full = True

    def resumeProducing(self) -> None:
        """It reads again."""
        self._full = False

    def stopProducing(self) -> None:
        """The channel is going away."""
