"""An SMTP or LMTP server that says what a test wants, with faults at any point, and remembers what it is told.

::

    server = ScriptedServer(keywords=("PIPELINING",), answers={"RCPT": ["250 OK", "550 5.1.1 No such mailbox"]})
    endpoint = MemoryEndpoint(clock, server)        # or reactor.listenTCP(0, server)

Each step of a dialogue has a name: the verbs, and besides them ``CONNECT`` (the greeting), ``BLOCK`` (content
begins to arrive), ``END`` (the end of content; with LMTP once for each accepted recipient) and ``RESPONSE`` (a line
behind a 334). An answer is a reply line, several lines parted by CRLF, or a fault: `DROP`, `SILENCE`, `Delayed`.
The answers of a step are used up one by one, the last one stays; a step without answers has the usual one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.python.failure import Failure

from mailframe.dialogue.dotstuffing import DotReader


class _Fault:
    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


DROP: Final = _Fault("DROP")
"""The connection is cut instead of an answer."""
SILENCE: Final = _Fault("SILENCE")
"""No answer comes, and nothing is done about what comes after."""


@dataclass(frozen=True)
class Delayed:
    """An answer that takes some time.

    Attributes:
        seconds: so long.
        reply: what is said then.
    """

    seconds: float
    reply: str


Answer = str | _Fault | Delayed


@dataclass
class Received:
    """One message that the server got to its end.

    Attributes:
        mail: what stood behind ``MAIL FROM:``.
        rcpts: what stood behind ``RCPT TO:`` of accepted recipients.
        octets: the content, dots removed.
        chunks: sizes of the chunks, where it came by BDAT.
        secure: TLS was on.
        login: what was said to AUTH.
    """

    mail: str
    rcpts: list[str]
    octets: bytes
    chunks: list[int] = field(default_factory=list)
    secure: bool = False
    login: str | None = None


_USUAL: Final[Mapping[str, str]] = {
    "CONNECT": "220 mx.example.test ready",
    "HELO": "250 mx.example.test",
    "MAIL": "250 2.1.0 OK",
    "RCPT": "250 2.1.5 OK",
    "DATA": "354 Go on",
    "BDAT": "250 2.0.0 OK",
    "END": "250 2.0.0 Taken",
    "RSET": "250 2.0.0 OK",
    "NOOP": "250 2.0.0 OK",
    "QUIT": "221 2.0.0 Bye",
    "AUTH": "235 2.7.0 Welcome",
    "RESPONSE": "235 2.7.0 Welcome",
    "STARTTLS": "220 2.0.0 Go on",
}
ALL_KEYWORDS: Final = (
    "PIPELINING", "SIZE 50000000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "CHUNKING", "BINARYMIME", "DSN",
    "STARTTLS", "AUTH PLAIN LOGIN", "REQUIRETLS", "MT-PRIORITY", "DELIVERBY",
    "FUTURERELEASE 86400 2099-01-01T00:00:00Z",
)  # fmt: skip


class ScriptedServer(ServerFactory):
    """Makes one `ScriptedSession` after another.

    Args:
        keywords: for the reply to EHLO or LHLO.
        answers: by step; a list is used up over all connections.
        protocol: ``smtp`` or ``lmtp``.
        clock: for `Delayed`.
        tls: what STARTTLS gives to the transport; anything will do in memory.

    Attributes:
        said: command lines of all connections, in order.
        messages: what was received.
        sessions: connections so far.
        early: how often something came while an answer was still to be given, though PIPELINING was not offered.
    """

    noisy = False

    def __init__(
        self,
        keywords: Sequence[str] = ("PIPELINING", "8BITMIME", "SIZE 50000000", "ENHANCEDSTATUSCODES"),
        answers: Mapping[str, Answer | Sequence[Answer]] | None = None,
        protocol: Literal["smtp", "lmtp"] = "smtp",
        clock: IReactorTime | None = None,
        tls: Any = "tls",
    ) -> None:
        self.keywords = list(keywords)
        self.protocol_name = protocol
        self.clock = clock
        self.tls = tls
        self.said: list[str] = []
        self.messages: list[Received] = []
        self.sessions: list[ScriptedSession] = []
        self.early = 0
        self._answers: dict[str, list[Answer]] = {}
        self.script(answers or {})

    def script(self, answers: Mapping[str, Answer | Sequence[Answer]]) -> None:
        """Answer so from now on, at these steps."""
        for step, answer in answers.items():
            single = isinstance(answer, str | _Fault | Delayed)
            self._answers[step] = [answer] if single else list(answer)  # type: ignore[arg-type, list-item]

    def answer(self, step: str) -> Answer | None:
        """What the script says next for a step."""
        left = self._answers.get(step)
        if not left:
            return None
        return left.pop(0) if len(left) > 1 else left[0]

    def verbs(self) -> list[str]:
        """The verbs of all commands so far."""
        return [line.split(" ")[0].upper() for line in self.said]

    def buildProtocol(self, addr: IAddress | None) -> ScriptedSession:
        """One connection."""
        session = ScriptedSession(self)
        self.sessions.append(session)
        return session


class ScriptedSession(Protocol):
    """One connection to a `ScriptedServer`.

    Args:
        server: whose script it follows.

    Attributes:
        lost: it is over.
    """

    def __init__(self, server: ScriptedServer) -> None:
        self._server = server
        self._buffer = b""
        self._mail: str | None = None
        self._rcpts: list[str] = []
        self._dots: DotReader | None = None
        self._content = b""
        self._chunks: list[int] = []
        self._left = 0
        self._last = False
        self._in_chunk = False
        self._responding = False
        self._silent = False
        self._delayed = False
        self._secure = False
        self._login: str | None = None
        self.lost = False

    def connectionMade(self) -> None:
        """Greet."""
        self._do("CONNECT")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It is over."""
        self.lost = True

    def dataReceived(self, data: bytes) -> None:
        """Do what is said."""
        self._buffer += data
        if (self._delayed or self._silent) and "PIPELINING" not in self._server.keywords:
            self._server.early += 1
        self._go_on()

    def _go_on(self) -> None:
        while self._buffer and not (self._silent or self._delayed or self.lost):
            if self._dots is not None:
                self._data(self._dots)
            elif self._in_chunk:
                if not self._chunk():
                    return
            else:
                line, end, rest = self._buffer.partition(b"\r\n")
                if not end:
                    return
                self._buffer = rest
                self._line(line.decode("utf-8", "replace"))

    def _line(self, line: str) -> None:
        server = self._server
        server.said.append(line)
        if self._responding:
            self._responding = False
            self._auth_answered(self._do("RESPONSE"), line)
            return
        verb, _, rest = line.partition(" ")
        verb = verb.upper()
        if verb in ("EHLO", "LHLO"):
            self._hello(verb)
        elif verb == "MAIL":
            if self._positive(self._do(verb)):
                self._mail, self._rcpts = rest.partition(":")[2], []
        elif verb == "RCPT":
            self._rcpt(rest)
        elif verb == "DATA":
            usual = None if self._rcpts else "503 5.5.1 No recipients"
            if self._do(verb, usual) == "354":
                self._dots, self._content = DotReader("normalise"), b""
        elif verb == "BDAT":
            self._bdat(rest)
        elif verb == "STARTTLS":
            if self._do(verb) == "220":
                self._secure = True
                self._buffer = b""
                self.transport.startTLS(server.tls)  # type: ignore[union-attr]
        elif verb == "AUTH":
            self._auth_answered(self._do(verb), line)
        else:
            if verb in ("RSET", "HELO"):
                self._forget()
            self._do(verb, None if verb in _USUAL else "500 5.5.2 What?")
            if verb == "QUIT" and not self.lost:
                self.transport.loseConnection()  # type: ignore[union-attr]

    def _hello(self, verb: str) -> None:
        server = self._server
        self._forget()
        wanted = "LHLO" if server.protocol_name == "lmtp" else "EHLO"
        keywords = [word for word in server.keywords if not (self._secure and word == "STARTTLS")]
        lines = ["mx.example.test", *keywords]
        usual = "\r\n".join([f"250-{line}" for line in lines[:-1]] + [f"250 {lines[-1]}"])
        self._do(verb, usual if verb == wanted else "500 5.5.2 What?")

    def _rcpt(self, rest: str) -> None:
        if self._positive(self._do("RCPT", None if self._mail is not None else "503 5.5.1 MAIL first")):
            self._rcpts.append(rest.partition(":")[2])

    def _auth_answered(self, code: str, line: str) -> None:
        self._responding = code == "334"
        if code == "235":
            self._login = line

    # Content.

    def _data(self, dots: DotReader) -> None:
        if not self._content:
            self._blocked()
            if self.lost or self._silent:
                return
        self._content += dots.feed(self._buffer)
        self._buffer = b""
        if dots.finished:
            self._buffer, self._dots = dots.rest, None
            self._finished()

    def _blocked(self) -> None:
        answer = self._server.answer("BLOCK")
        if answer is not None:
            self._say(answer)

    def _bdat(self, rest: str) -> None:
        size, _, last = rest.partition(" ")
        self._left, self._last = int(size), last.upper() == "LAST"
        self._chunks.append(self._left)
        self._in_chunk = True
        if self._left == 0:
            self._chunk()

    def _chunk(self) -> bool:
        """True when it is whole."""
        if not self._content:
            self._blocked()
        piece, self._buffer = self._buffer[: self._left], self._buffer[self._left :]
        self._content += piece
        self._left -= len(piece)
        if self._left:
            return False
        self._in_chunk = False
        if not self._rcpts:
            self._do("BDAT", "503 5.5.1 No recipients")
        elif not self._last:
            if not self._positive(self._do("BDAT")):
                self._rcpts = []
        else:
            self._finished()
        return True

    def _finished(self) -> None:
        server = self._server
        if self._rcpts:
            server.messages.append(
                Received(
                    self._mail or "", self._rcpts, self._content, self._chunks, self._secure, self._login
                )
            )
        replies = len(self._rcpts) if server.protocol_name == "lmtp" else 1
        self._forget()
        for _ in range(replies):
            self._do("END")

    def _forget(self) -> None:
        self._mail, self._rcpts, self._content, self._chunks = None, [], b"", []

    # Answers.

    def _do(self, step: str, usual: str | None = None) -> str:
        """Answer a step; the code, "" for a fault."""
        answer = self._server.answer(step)
        if answer is None:
            answer = usual or _USUAL.get(step, "250 OK")
        return self._say(answer)

    def _say(self, answer: Answer) -> str:
        transport: Any = self.transport
        if self.lost or self._silent:
            return ""
        if isinstance(answer, Delayed):
            clock = self._server.clock
            assert clock is not None, "a delay needs a clock"
            self._delayed = True
            clock.callLater(answer.seconds, self._late, answer.reply)
            return answer.reply[:3]
        if answer is SILENCE:
            self._silent = True
            return ""
        if not isinstance(answer, str):
            # What was said before still arrives.
            self.lost = True
            transport.loseConnection()
            return ""
        transport.write(answer.encode() + b"\r\n")
        if answer.startswith("421"):
            transport.loseConnection()
        return answer.split("\r\n")[-1][:3]

    def _late(self, reply: str) -> None:
        self._delayed = False
        self._say(reply)
        self._go_on()

    def _positive(self, code: str) -> bool:
        return code.startswith("2")
