"""A session with an IMAP server: login, commands, messages streamed into files. Blocking."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field

from mailframe.dialogue.spill import Spill
from mailframe.imap.client.commands import command, string
from mailframe.imap.client.fetching import Fetched, fetched
from mailframe.imap.client.reader import ResponseReader
from mailframe.imap.client.responses import Continuation, Piece, Response, Untagged, Verdict
from mailframe.message.content import Content
from mailframe.message.status import MailframeError, ProtocolError
from mailframe.sasl.client import ClientLines, choose
from mailframe.transfer.values import TransferError

from .connection import Connection, Peer


@dataclass(slots=True)
class Answer:
    """What a server said to a command."""

    verdict: Verdict
    untagged: list[Untagged] = field(default_factory=list)
    codes: dict[bytes, bytes] = field(default_factory=dict)


class IMAPSession:
    """One session, logged in.

    Args:
        peer: the server.

    Attributes:
        capabilities: what it can do, in capitals.

    Raises:
        TransferError: it cannot be reached, or does not let us in.
    """

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._connection = Connection(peer)
        self._reader = ResponseReader()
        self._number = 0
        self.capabilities: frozenset[bytes] = frozenset()
        try:
            self._greet()
            self._log_in()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Leave; nothing is waited for."""
        self._connection.close()

    def ask(self, *words: bytes) -> Answer:
        """Send a command, and hear it out.

        Raises:
            TransferError: the server refuses, or is gone.
        """
        tag = self._send(*words)
        answer = Answer(Verdict(tag, b"OK"))
        for response in self._until(tag):
            if isinstance(response, Untagged):
                answer.untagged.append(response)
            elif isinstance(response, Verdict):
                if response.tag == tag:
                    answer.verdict = response
                if response.code:
                    answer.codes[response.code] = response.arguments
        return answer

    def fetch(self, *words: bytes) -> Iterator[tuple[Fetched, Content | None]]:
        """Send a FETCH; what is told of messages as it comes, with contents that the caller discards.

        Raises:
            TransferError: the server refuses, or is gone.
        """
        spill = Spill(tempfile.gettempdir())
        try:
            for response in self._until(self._send(*words)):
                if isinstance(response, Piece):
                    spill.write(response.octets)
                elif isinstance(response, Untagged) and response.name == b"FETCH":
                    found = self._checked(response)
                    content = None
                    if found.streamed is not None:
                        content, spill = spill.finish(), Spill(tempfile.gettempdir())
                    elif found.octets is not None:
                        content = Content.of(found.octets)
                    yield found, content
        finally:
            spill.discard()

    # Logging in.

    def _greet(self) -> None:
        greeting = self._next()
        if not isinstance(greeting, Verdict) or greeting.condition not in (b"OK", b"PREAUTH"):
            raise self._refused(greeting if isinstance(greeting, Verdict) else None)
        if self._peer.security == "starttls":
            self.ask(b"STARTTLS")
            if self._reader.waiting:
                # It came in clear, from whoever can write into the connection (RFC 9051 section 11.1).
                raise TransferError(
                    f"{self._peer.host} said something behind STARTTLS that was not encrypted."
                )
            self._connection.start_tls()
        self._learn()

    def _learn(self) -> None:
        for response in self.ask(b"CAPABILITY").untagged:
            if response.name == b"CAPABILITY":
                names = (value for value in response.values if isinstance(value, bytes))
                self.capabilities = frozenset(name.upper() for name in names)

    def _log_in(self) -> None:
        offered = [
            name[5:].decode("ascii", "replace") for name in self.capabilities if name.startswith(b"AUTH=")
        ]
        clear = self._peer.security == "none"
        credentials = self._peer.credentials
        try:
            mechanism = choose(offered, credentials, self._connection.secure, clear=clear)
        except MailframeError as error:
            if credentials.password is None or credentials.authzid or b"LOGINDISABLED" in self.capabilities:
                raise TransferError(f"{self._peer.host} cannot be logged in to: {error.reason}.") from None
            self.ask(b"LOGIN", string(credentials.authcid.encode()), string(credentials.password.encode()))
        else:
            self._authenticate(ClientLines(mechanism))
        self._learn()

    def _authenticate(self, lines: ClientLines) -> None:
        words = [b"AUTHENTICATE", lines.mechanism.name.encode()]
        waiting = lines.initial()
        if waiting is not None and b"SASL-IR" in self.capabilities:
            words.append(waiting)
            waiting = None
        tag = self._send(*words)
        try:
            for response in self._until(tag):
                if not isinstance(response, Continuation):
                    continue
                if waiting is not None:
                    answer, waiting = b"" if waiting == b"=" else waiting, None
                else:
                    answer = lines.answer(response.text)
                self._connection.send(answer + b"\r\n")
            lines.mechanism.finish()
        except ProtocolError as error:
            raise TransferError(f"Logging in to {self._peer.host} failed: {error.status.text}.") from None

    # Talking.

    def _send(self, *words: bytes) -> bytes:
        self._number += 1
        tag = b"m%d" % self._number
        first, *more = command(tag, *words)
        self._connection.send(first)
        for piece in more:
            while not isinstance(response := self._next(), Continuation):
                if isinstance(response, Verdict) and response.tag == tag:
                    raise self._refused(response)
            self._connection.send(piece)
        return tag

    def _until(self, tag: bytes) -> Iterator[Response]:
        """Responses up to the one with this tag.

        Raises:
            TransferError: that was not OK.
        """
        while True:
            response = self._next()
            if isinstance(response, Verdict) and response.tag == tag and response.condition != b"OK":
                raise self._refused(response)
            if isinstance(response, Verdict) and response.condition == b"BYE":
                raise self._refused(response)
            yield response
            if isinstance(response, Verdict) and response.tag == tag:
                return

    def _next(self) -> Response:
        try:
            while (response := self._reader.next()) is None:
                self._reader.feed(self._connection.receive())
        except ProtocolError as error:
            raise TransferError(
                f"{self._peer.host} does not talk IMAP with us: {error.status.text}."
            ) from None
        return response

    def _checked(self, response: Untagged) -> Fetched:
        try:
            return fetched(response)
        except ProtocolError as error:
            raise TransferError(
                f"{self._peer.host} does not talk IMAP with us: {error.status.text}."
            ) from None

    def _refused(self, verdict: Verdict | None) -> TransferError:
        text = "" if verdict is None else verdict.text.decode("utf-8", "replace")
        return TransferError(f"{self._peer.host} refused: {text!r}")
