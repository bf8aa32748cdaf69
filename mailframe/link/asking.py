"""The side of a link that asks, on the reactor: a connection made when it is needed, and again when it was lost."""

from __future__ import annotations

from collections import deque
from typing import Any, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as TookTooLong
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from mailframe.dialogue.buffer import ReceiveBuffer
from mailframe.message.status import UNAVAILABLE, MailframeError, ProtocolError

from .frames import Frame, encode_frame, next_frame
from .proof import VERSION, is_nonce, is_proof, new_nonce, proof

ANSWER_LIMIT = 64 * 1024 * 1024
"""Octets of an answer: a thousand entries with all their secrets."""
WAITING_LIMIT = 1000
"""Questions that may wait; more are told to come again."""
TIMEOUT = 20.0
REST = 0.5
"""Seconds after a connection failed in which nobody tries again."""


class AskingProtocol(Protocol):
    """One connection.

    Args:
        key: the shared key.
        service: what is asked of the other node.

    Attributes:
        ready: fires when both sides have proved themselves.
    """

    def __init__(self, key: str, service: str) -> None:
        self._key = key
        self._service = service
        self._buffer = ReceiveBuffer()
        self._wanted = ""
        self._answers: deque[Deferred[Frame]] = deque()
        self._proved = False
        self.lost = False
        self.ready: Deferred[None] = Deferred()

    def ask(self, header: dict[str, Any]) -> Deferred[Frame]:
        """Ask; answers come in the order of questions."""
        answer: Deferred[Frame] = Deferred()
        if self.lost or len(self._answers) >= WAITING_LIMIT:
            answer.errback(_away("too many questions wait" if not self.lost else "the link is lost"))
            return answer
        self._answers.append(answer)
        assert self.transport is not None
        self.transport.write(encode_frame(header))
        return answer

    def dataReceived(self, data: bytes) -> None:
        """Frames arrive."""
        self._buffer.append(data)
        try:
            while not self.lost and (frame := next_frame(self._buffer, ANSWER_LIMIT)) is not None:
                self._received(frame)
        except ProtocolError as error:
            self.end(error.status.text)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Whoever waits is told."""
        self.end("the other node has closed the link")

    def end(self, why: str) -> None:
        """Leave; whoever waits is told why."""
        if self.lost:
            return
        self.lost = True
        if self.transport is not None:
            self.transport.abortConnection()  # type: ignore[attr-defined]
        if not self._proved:
            self.ready.errback(_away(why))
        while self._answers:
            self._answers.popleft().errback(_away(why))

    def _received(self, frame: Frame) -> None:
        said = frame.header
        if "error" in said and not self._proved:
            self.end(f"it refuses: {said['error']}"[:200])
        elif not self._wanted:
            self._prove(said)
        elif not self._proved:
            if not is_proof(said.get("proof"), self._wanted):
                self.end("it does not know our key")
                return
            self._proved = True
            self.ready.callback(None)
        elif not self._answers:
            self.end("it answers what nobody asked")
        elif "error" in said:
            self._answers.popleft().errback(_away(str(said["error"])[:200]))
        else:
            self._answers.popleft().callback(frame)

    def _prove(self, said: dict[str, Any]) -> None:
        theirs, ours = said.get("nonce"), new_nonce()
        if said.get("mailframe") != "link" or said.get("version") != VERSION or not is_nonce(theirs):
            self.end("this is no link of ours")
            return
        self._wanted = proof(self._key, "server", str(theirs), ours, self._service)
        shown = proof(self._key, "client", str(theirs), ours, self._service)
        assert self.transport is not None
        self.transport.write(encode_frame({"nonce": ours, "service": self._service, "proof": shown}))


class Asking:
    """Questions to a service of another node.

    Args:
        endpoint: where it is, with TLS.
        key: the shared key.
        service: what is asked.
        clock: the reactor.
        timeout: seconds for an answer; then the connection is given up.
    """

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        key: str,
        service: str,
        clock: IReactorTime,
        timeout: float = TIMEOUT,
    ) -> None:
        self._endpoint = endpoint
        self._key = key
        self._service = service
        self._clock = clock
        self._timeout = timeout
        self._protocol: AskingProtocol | None = None
        self._waiting: list[Deferred[None]] | None = None
        self._failed_at = float("-inf")
        self._why = ""
        self._stopped = False

    async def call(self, header: dict[str, Any]) -> Frame:
        """Ask, and wait for the answer.

        Raises:
            MailframeError: temporary: the other node is away, refuses, or does not answer in time.
        """
        protocol = await self._connected()
        asked = protocol.ask(header)
        asked.addTimeout(self._timeout, self._clock)
        try:
            return await asked
        except TookTooLong:
            # What comes late would be taken for the answer to something else.
            protocol.end("it does not answer in time")
            raise _away("it does not answer in time") from None

    def close(self) -> None:
        """Leave; twice is fine."""
        self._stopped = True
        if self._protocol is not None:
            self._protocol.end("we leave")

    async def _connected(self) -> AskingProtocol:
        while self._protocol is None or self._protocol.lost:
            if self._stopped or self._clock.seconds() - self._failed_at < REST:
                raise _away(self._why or "we leave")
            if self._waiting is not None:
                # Somebody connects already.
                turn: Deferred[None] = Deferred()
                self._waiting.append(turn)
                await turn
                continue
            await self._connect()
        return self._protocol

    async def _connect(self) -> None:
        self._waiting = []
        made: AskingProtocol | None = None
        try:
            factory = Factory.forProtocol(lambda: AskingProtocol(self._key, self._service))
            factory.noisy = False
            connecting = self._endpoint.connect(factory)
            connecting.addTimeout(self._timeout, self._clock)
            made = cast(AskingProtocol, await connecting)
            ready = made.ready
            ready.addTimeout(self._timeout, self._clock)
            await ready
            self._protocol = made
        except Exception as error:
            if made is not None:
                made.ready.addErrback(lambda failure: None)
                made.end("it does not prove itself")
            self._failed_at = self._clock.seconds()
            slow = isinstance(error, TookTooLong | CancelledError)
            self._why = "it does not answer in time" if slow else _words(error)
            raise _away(self._why) from error
        finally:
            waiting, self._waiting = self._waiting, None
            for turn in waiting or []:
                turn.callback(None)


def _words(error: Exception) -> str:
    return error.reason if isinstance(error, MailframeError) else str(error) or type(error).__name__


def _away(why: str) -> MailframeError:
    return MailframeError(
        UNAVAILABLE, why if why.startswith("the other node: ") else f"the other node: {why}"
    )
