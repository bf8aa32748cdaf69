"""The side of a link that answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, cast

from twisted.internet.interfaces import IAddress, IProtocolFactory, IReactorTime
from twisted.internet.protocol import Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mailframe.dialogue.buffer import ReceiveBuffer
from mailframe.dialogue.interfaces import NEED_DATA, IConnection, IConversation, IFarewell
from mailframe.dialogue.protocol import DialogueProtocol
from mailframe.message.networks import Networks
from mailframe.message.status import UNAVAILABLE, MailframeError, ProtocolError, Status

from .frames import NO_FRAME, Frame, encode_frame, next_frame
from .interfaces import ILinkService
from .proof import VERSION, is_nonce, is_proof, new_nonce, proof

STRANGER_LIMIT: Final = 2048
"""Octets of a frame from somebody who has not proved anything."""
REQUEST_LIMIT: Final = 48 * 1024
"""Octets of a request: less than waits in the buffer of a connection."""
STRANGER_SECONDS: Final = 10.0
IDLE_SECONDS: Final = 600.0
NOT_ONE_OF_US: Final = Status((5, 7, 8), "The shared keys are not the same")
NOT_FROM_THERE: Final = Status((5, 7, 1), "Links are not for this address")
NO_SUCH_SERVICE: Final = Status((5, 5, 4), "There is no such service here")
BAD_REQUEST: Final = Status((5, 5, 4), "This cannot be asked")

log = Logger()
Services = Mapping[str, Callable[[], ILinkService]]


@implementer(IConversation, IFarewell)
class LinkConversation:
    """One connection.

    Args:
        key: the shared key.
        services: what may be asked for, by name.
        networks: from where.
    """

    def __init__(self, key: str, services: Services, networks: Networks) -> None:
        self._key = key
        self._services = services
        self._networks = networks
        self._nonce = new_nonce()
        self._service: ILinkService | None = None
        self._connection: IConnection | None = None
        self._answering = False

    async def opened(self, connection: IConnection) -> None:
        """Say who we are; strangers from elsewhere are not even told that."""
        self._connection = connection
        connection.set_timeout(STRANGER_SECONDS)
        if connection.peer not in self._networks and connection.peer != "unix":
            log.warn("{peer} may not link", peer=connection.peer)
            self._refuse(NOT_FROM_THERE)
            return
        if not connection.confidential and connection.peer not in ("unix", "127.0.0.1", "::1"):
            self._refuse(Status((5, 7, 10), "Links need TLS"))
            return
        self._write({"mailframe": "link", "version": VERSION, "nonce": self._nonce})

    def next_event(self, buffer: ReceiveBuffer) -> object:
        """The next frame."""
        frame = next_frame(buffer, REQUEST_LIMIT if self._service is not None else STRANGER_LIMIT)
        return NEED_DATA if frame is None else frame

    async def handle(self, event: object) -> None:
        """Answer it."""
        frame = cast(Frame, event)
        if self._service is None:
            self._welcome(frame)
            return
        self._answering = True
        try:
            answer = await self._service.call(frame)
        except MailframeError as error:
            log.info("a call over a link fails: {reason}", reason=error.reason)
            self._tell(error.status)
        except (KeyError, TypeError, ValueError):
            log.failure("a call over a link is none")
            self._tell(BAD_REQUEST)
        else:
            self._write(answer.header, answer.octets)
            assert self._connection is not None
            await self._connection.drained()
        finally:
            self._answering = False

    def protocol_error(self, error: ProtocolError) -> None:
        """Tell what was not understood."""
        self._tell(error.status)

    def internal_error(self, failure: Failure) -> None:
        """Tell that it is our fault."""
        self._tell(UNAVAILABLE)

    def timed_out(self) -> None:
        """Nothing came for long."""
        self._tell(Status((4, 4, 2), "Silent for too long"))

    def closed(self) -> None:
        """Give back what the connection held."""
        service, self._service = self._service, None
        if service is not None:
            service.close()

    def farewell(self) -> bool:
        """Leave between two calls."""
        return not self._answering

    def _welcome(self, frame: Frame) -> None:
        said = frame.header
        nonce, service = said.get("nonce"), said.get("service")
        if not isinstance(nonce, str) or not is_nonce(nonce) or not isinstance(service, str):
            raise ProtocolError(NO_FRAME, fatal=True)
        wanted = proof(self._key, "client", self._nonce, nonce, service)
        assert self._connection is not None
        if not is_proof(said.get("proof"), wanted):
            log.warn("a link from {peer} has another key", peer=self._connection.peer)
            self._refuse(NOT_ONE_OF_US)
            return
        make = self._services.get(service)
        if make is None:
            self._refuse(NO_SUCH_SERVICE)
            return
        self._service = make()
        self._connection.set_timeout(IDLE_SECONDS)
        self._write({"proof": proof(self._key, "server", self._nonce, nonce, service)})

    def _refuse(self, status: Status) -> None:
        self._tell(status)
        assert self._connection is not None
        self._connection.close(lingering=True)

    def _tell(self, status: Status) -> None:
        self._write({"error": {"code": status.enhanced, "text": status.text, "word": status.word}})

    def _write(self, header: dict[str, object], octets: bytes = b"") -> None:
        assert self._connection is not None
        self._connection.write(encode_frame(header, octets))


@implementer(IProtocolFactory)
class LinkServerFactory:
    """Makes a server for each connection.

    Args:
        key: the shared key.
        services: what may be asked for, by name.
        networks: from where.
        clock: the reactor.
    """

    noisy = False

    def __init__(self, key: str, services: Services, networks: Networks, clock: IReactorTime) -> None:
        self._key = key
        self._services = services
        self._networks = networks
        self._clock = clock

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        """A server for one connection."""
        conversation = LinkConversation(self._key, self._services, self._networks)
        return DialogueProtocol(cast(IConversation, conversation), self._clock, STRANGER_SECONDS)

    def doStart(self) -> None:
        """A port listens."""

    def doStop(self) -> None:
        """A port is closed."""
