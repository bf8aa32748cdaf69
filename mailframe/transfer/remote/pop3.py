"""A maildrop on a POP3 server, as a source."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator

from mailframe.dialogue.spill import Spill
from mailframe.message.content import Content
from mailframe.message.status import MailframeError, ProtocolError
from mailframe.pop3.client.reader import Piece, Reply, ReplyReader
from mailframe.sasl.client import ClientLines, choose
from mailframe.store.values import INBOX, TakenMessage
from mailframe.transfer.values import Folder, Known, TransferError

from .connection import Connection, Peer

LISTING_LIMIT = 64 * 1024 * 1024
"""Octets of the list of messages."""
_LISTED = re.compile(rb"(\d{1,9}) ([\x21-\x7e]{1,255})")


class POP3Source:
    """A maildrop elsewhere; nothing is deleted there. See `Source`.

    It has one mailbox, without UIDs: messages that came before are known by their UIDLs, or else by their octets.

    Args:
        peer: the server.

    Raises:
        TransferError: it cannot be reached, or does not let us in.
    """

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._connection = Connection(peer)
        self._reader = ReplyReader()
        try:
            self._checked(self._reply())
            self._log_in()
        except BaseException:
            self.close()
            raise

    def folders(self) -> Iterator[Folder]:
        """See `Source.folders`: INBOX."""
        self._uidls = self._listing(b"UIDL") or dict.fromkeys(self._listing(b"LIST"), "")
        yield Folder(INBOX, messages=len(self._uidls))

    def messages(self, folder: Folder, known: Known) -> Iterator[TakenMessage]:
        """See `Source.messages`."""
        for number in sorted(self._uidls):
            uidl = self._uidls[number]
            yield TakenMessage(None if uidl in known.uidls else self._retrieved(number), uidl=uidl)

    def subscriptions(self) -> frozenset[str] | None:
        """See `Source.subscriptions`: POP3 has none."""
        return None

    def close(self) -> None:
        """See `Source.close`: without QUIT, so nothing is changed there."""
        self._connection.close()

    # Logging in.

    def _log_in(self) -> None:
        if self._peer.security == "starttls":
            self._ask(b"STLS")
            if self._reader.waiting:
                raise TransferError(f"{self._peer.host} said something behind STLS that was not encrypted.")
            self._connection.start_tls()
        credentials = self._peer.credentials
        try:
            mechanism = choose(
                self._mechanisms(), credentials, self._connection.secure, clear=self._peer.security == "none"
            )
        except MailframeError as error:
            if credentials.password is None or credentials.authzid:
                raise TransferError(f"{self._peer.host} cannot be logged in to: {error.reason}.") from None
            self._ask(b"USER " + _argument(credentials.authcid))
            self._ask(b"PASS " + _argument(credentials.password))
        else:
            self._authenticate(ClientLines(mechanism))

    def _mechanisms(self) -> list[str]:
        try:
            capabilities = self._lines(b"CAPA")
        except TransferError:
            # A server from before RFC 2449.
            return []
        for line in capabilities:
            words = line.decode("ascii", "replace").split()
            if words and words[0].upper() == "SASL":
                return words[1:]
        return []

    def _authenticate(self, lines: ClientLines) -> None:
        initial = lines.initial()
        words = b"AUTH " + lines.mechanism.name.encode()
        self._send(words if initial is None else words + b" " + initial)
        try:
            while (reply := self._checked(self._reply())).challenge is not None:
                self._connection.send(lines.answer(reply.challenge) + b"\r\n")
            lines.mechanism.finish()
        except ProtocolError as error:
            raise TransferError(f"Logging in to {self._peer.host} failed: {error.status.text}.") from None

    # Messages.

    def _listing(self, command: bytes) -> dict[int, str]:
        """Number to what stands behind it; empty where the server does not know the command."""
        try:
            lines = self._lines(command)
        except TransferError:
            if command == b"LIST":
                raise
            return {}
        matches = (_LISTED.match(line) for line in lines)
        return {int(match[1]): match[2].decode("ascii") for match in matches if match is not None}

    def _retrieved(self, number: int) -> Content:
        spill = Spill(tempfile.gettempdir())
        try:
            for piece in self._multiline(b"RETR %d" % number):
                spill.write(piece)
            return spill.finish()
        finally:
            spill.discard()

    # Talking.

    def _lines(self, command: bytes) -> list[bytes]:
        octets = bytearray()
        for piece in self._multiline(command):
            octets += piece
            if len(octets) > LISTING_LIMIT:
                raise TransferError(f"{self._peer.host} sends a list without end.")
        return bytes(octets).split(b"\r\n")[:-1]

    def _multiline(self, command: bytes) -> Iterator[bytes]:
        self._reader.expect(multiline=True)
        self._send(command)
        self._checked(self._reply())
        while True:
            piece = self._next()
            if not isinstance(piece, Piece):
                raise TransferError(f"{self._peer.host} does not talk POP3 with us.")
            if piece.octets:
                yield piece.octets
            if piece.last:
                return

    def _ask(self, command: bytes) -> None:
        self._reader.expect()
        self._send(command)
        self._checked(self._reply())

    def _send(self, command: bytes) -> None:
        self._connection.send(command + b"\r\n")

    def _reply(self) -> Reply:
        reply = self._next()
        if not isinstance(reply, Reply):
            raise TransferError(f"{self._peer.host} does not talk POP3 with us.")
        return reply

    def _checked(self, reply: Reply) -> Reply:
        if not reply.success:
            raise TransferError(f"{self._peer.host} refused: {reply.text!r}")
        return reply

    def _next(self) -> Reply | Piece:
        try:
            while (found := self._reader.next()) is None:
                self._reader.feed(self._connection.receive())
        except ProtocolError as error:
            raise TransferError(
                f"{self._peer.host} does not talk POP3 with us: {error.status.text}."
            ) from None
        return found


def _argument(text: str) -> bytes:
    """A name or password, which must stay on its line."""
    octets = text.encode()
    if b"\r" in octets or b"\n" in octets:
        raise TransferError("A name or password with a line end in it cannot be sent by POP3.")
    return octets
