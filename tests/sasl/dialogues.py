"""Servers of each protocol in memory, and how a client logs in to each."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from mailframe.imap.server import IMAPServerFactory
from mailframe.imap.settings import IMAPSettings
from mailframe.message.status import ProtocolError
from mailframe.pop3.server import POP3ServerFactory
from mailframe.pop3.settings import POP3Settings
from mailframe.sasl.client import ClientLines, ClientMechanism
from mailframe.smtp.reception import Reception
from mailframe.smtp.server import SMTPServerFactory
from mailframe.smtp.settings import SMTPSettings
from mailframe.store.memory import MemoryStore
from mailframe.testing.smtp import FixedRouter, RecordingDelivery
from mailframe.testing.store import describe
from mailframe.testing.transports import MemoryTransport, PretendedTLS


class Transport(MemoryTransport):
    """With a client certificate, where it is given one."""

    certificate: str | None = None

    def getHandle(self) -> PretendedTLS:
        handle = super().getHandle()
        handle.client_name = self.certificate
        return handle


class Dialogue:
    """One connection of a client that knows the protocol just well enough to log in.

    Args:
        authenticator: the server's.
        secure: is TLS on?
        certificate: the client's name as its certificate has it.
        settings: the listener's options.
    """

    name = ""
    cancelled = malformed = ""
    """How the server answers to each."""

    def __init__(
        self, authenticator: Any, *, secure: bool = True, certificate: str | None = None, **settings: Any
    ) -> None:
        self.clock = Clock()
        self.transport = Transport(secure)
        self.transport.certificate = certificate
        self.protocol: Any = self.factory(authenticator, settings).buildProtocol(None)
        self.protocol.makeConnection(self.transport)
        self.heard()
        self.hello()

    def factory(self, authenticator: Any, settings: dict[str, Any]) -> Any:
        raise NotImplementedError

    def hello(self) -> None:
        """What comes before a login."""

    def offered(self) -> list[str]:
        """The mechanisms the server offers now."""
        raise NotImplementedError

    def command(self, mechanism: str, initial: bytes | None) -> str:
        raise NotImplementedError

    def challenge(self, line: str) -> bytes | None:
        """The challenge in a line of the server; None when it is none."""
        raise NotImplementedError

    def succeeded(self, line: str) -> bool:
        raise NotImplementedError

    def heard(self) -> list[str]:
        lines: list[str] = self.transport.take().decode("ascii").split("\r\n")
        return lines[:-1]

    def say(self, line: str) -> list[str]:
        self.protocol.dataReceived(line.encode() + b"\r\n")
        return self.heard()

    def log_in(self, mechanism: ClientMechanism, *, early: bool = True) -> str:
        """A whole exchange; the server's last line.

        Args:
            mechanism: the client's.
            early: send the initial response with the command.
        """
        lines = ClientLines(mechanism)
        initial = lines.initial()
        answer = self.command(mechanism.name, initial if early else None)
        if not early and initial is not None:
            assert self.challenge(answer) == b"", answer
            answer = self.respond(b"" if initial == b"=" else initial)
        while (challenge := self.challenge(answer)) is not None:
            try:
                answer = self.respond(lines.answer(challenge))
            except ProtocolError:
                return self.respond(b"*")
        if self.succeeded(answer):
            mechanism.finish()
        return answer

    def respond(self, line: bytes) -> str:
        return self.say(line.decode())[-1]

    @property
    def closed(self) -> bool:
        return bool(self.transport.disconnecting or self.transport.disconnected)

    def lose(self) -> None:
        self.protocol.connectionLost(Failure(ConnectionDone()))


class SMTPDialogue(Dialogue):
    """RFC 4954."""

    name = "smtp"
    cancelled, malformed = "501", "501"

    def factory(self, authenticator: Any, settings: dict[str, Any]) -> Any:
        reception = Reception(FixedRouter(), RecordingDelivery(), authenticator=authenticator)
        return SMTPServerFactory(reception, SMTPSettings(**settings), self.clock)

    def hello(self) -> None:
        self.keywords = self.say("EHLO client.example.test")

    def offered(self) -> list[str]:
        return [name for line in self.keywords if line[4:9] == "AUTH " for name in line[9:].split()]

    def command(self, mechanism: str, initial: bytes | None) -> str:
        argument = "" if initial is None else " " + initial.decode()
        return self.say(f"AUTH {mechanism}{argument}")[-1]

    def challenge(self, line: str) -> bytes | None:
        return line[4:].encode() if line.startswith("334 ") else None

    def succeeded(self, line: str) -> bool:
        return line.startswith("235 2.7.0")

    def failed(self, line: str) -> bool:
        return line.startswith("535 5.7.8")


class IMAPDialogue(Dialogue):
    """RFC 3501 section 6.2.2, RFC 4959."""

    name = "imap"
    cancelled = malformed = "a BAD"

    def factory(self, authenticator: Any, settings: dict[str, Any]) -> Any:
        return IMAPServerFactory(MemoryStore(describe), authenticator, IMAPSettings(**settings), self.clock)

    def offered(self) -> list[str]:
        words = self.say("a CAPABILITY")[0].split()
        return [word[5:] for word in words if word.startswith("AUTH=")]

    def command(self, mechanism: str, initial: bytes | None) -> str:
        argument = "" if initial is None else " " + initial.decode()
        return self.say(f"a AUTHENTICATE {mechanism}{argument}")[-1]

    def challenge(self, line: str) -> bytes | None:
        return line[2:].encode() if line.startswith("+ ") else None

    def succeeded(self, line: str) -> bool:
        return line.startswith("a OK")

    def failed(self, line: str) -> bool:
        return line.startswith("a NO [AUTHENTICATIONFAILED]")


class POP3Dialogue(Dialogue):
    """RFC 5034."""

    name = "pop3"
    cancelled = malformed = "-ERR"

    def factory(self, authenticator: Any, settings: dict[str, Any]) -> Any:
        return POP3ServerFactory(MemoryStore(describe), authenticator, POP3Settings(**settings), self.clock)

    def offered(self) -> list[str]:
        return [name for line in self.say("CAPA") if line.startswith("SASL ") for name in line[5:].split()]

    def command(self, mechanism: str, initial: bytes | None) -> str:
        argument = "" if initial is None else " " + initial.decode()
        return self.say(f"AUTH {mechanism}{argument}")[-1]

    def challenge(self, line: str) -> bytes | None:
        return line[2:].encode() if line.startswith("+ ") else None

    def succeeded(self, line: str) -> bool:
        return line.startswith("+OK")

    def failed(self, line: str) -> bool:
        return line.startswith("-ERR [AUTH]")


DIALOGUES = (SMTPDialogue, IMAPDialogue, POP3Dialogue)
