"""The side of a link that asks: blocking, for commands."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from typing import Any

from mailframe.dialogue.buffer import ReceiveBuffer
from mailframe.message.status import UNAVAILABLE, MailframeError, ProtocolError, Status

from .frames import Frame, encode_frame, next_frame
from .proof import VERSION, is_nonce, is_proof, new_nonce, proof

TIMEOUT = 120.0
"""Seconds that the other node may take for an answer."""
ANSWER_LIMIT = 256 * 1024 * 1024
"""Octets of an answer: the UIDs of ten million messages, or some megabytes of mail."""
RECEIVED = 1024 * 1024


@dataclass(frozen=True, slots=True)
class LinkPeer:
    """Another node of ours.

    Attributes:
        host, port: where its link listens.
        key: the shared key.
        context: trust and parameters of TLS; None to talk in clear, which it allows on its own machine only.
        timeout: seconds for each answer.
    """

    host: str
    port: int
    key: str
    context: ssl.SSLContext | None
    timeout: float = TIMEOUT

    def __repr__(self) -> str:
        return f"LinkPeer(host={self.host!r}, port={self.port!r})"


class LinkClient:
    """One connection to a service of another node.

    Args:
        peer: the node.
        service: what is asked of it.

    Raises:
        MailframeError: nobody answers, or not somebody of ours.
    """

    def __init__(self, peer: LinkPeer, service: str) -> None:
        self._peer = peer
        self._buffer = ReceiveBuffer()
        try:
            self._socket = socket.create_connection((peer.host, peer.port), peer.timeout)
            try:
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if peer.context is not None:
                    self._socket = peer.context.wrap_socket(self._socket, server_hostname=peer.host)
                self._prove(service)
            except BaseException:
                self._socket.close()
                raise
        except OSError as error:
            raise self._lost(error) from None

    def call(self, header: dict[str, Any], octets: bytes = b"") -> Frame:
        """Ask, and wait for the answer.

        Raises:
            MailframeError: the other node refuses, or is gone.
        """
        try:
            self._socket.sendall(encode_frame(header, octets))
            return self._answer()
        except OSError as error:
            raise self._lost(error) from None

    def close(self) -> None:
        """Leave; twice is fine."""
        self._socket.close()

    def _prove(self, service: str) -> None:
        greeting = self._answer().header
        theirs, ours = greeting.get("nonce"), new_nonce()
        if greeting.get("mailframe") != "link" or greeting.get("version") != VERSION or not is_nonce(theirs):
            raise MailframeError(UNAVAILABLE, f"{self._peer.host}:{self._peer.port} is no link of ours")
        shown = proof(self._peer.key, "client", str(theirs), ours, service)
        self._socket.sendall(encode_frame({"nonce": ours, "service": service, "proof": shown}))
        answer = self._answer().header
        if not is_proof(answer.get("proof"), proof(self._peer.key, "server", str(theirs), ours, service)):
            raise MailframeError(UNAVAILABLE, f"{self._peer.host} does not know our key")

    def _answer(self) -> Frame:
        try:
            while (frame := next_frame(self._buffer, ANSWER_LIMIT)) is None:
                received = self._socket.recv(RECEIVED)
                if not received:
                    raise ConnectionError("it closed the connection")
                self._buffer.append(received)
        except ProtocolError as error:
            raise MailframeError(UNAVAILABLE, f"{self._peer.host}: {error.status.text}") from None
        refused = frame.header.get("error")
        if refused is not None:
            raise _refusal(refused, self._peer.host)
        return frame

    def _lost(self, error: OSError) -> MailframeError:
        reason = getattr(error, "verify_message", "") or error.strerror or str(error)
        return MailframeError(UNAVAILABLE, f"the link to {self._peer.host}:{self._peer.port}: {reason}")


def _refusal(error: Any, host: str) -> MailframeError:
    try:
        first, second, third = error["code"]
        word = error.get("word")
        status = Status((first, second, third), str(error["text"]), word if isinstance(word, str) else None)
    except (KeyError, TypeError, ValueError):
        status = UNAVAILABLE
    return MailframeError(status, f"{host}: {status.text}")
