"""One SASL exchange on the wire: lines of base64, as SMTP, IMAP and POP3 all frame it (RFC 4954, RFC 4959, RFC 5034).

What stands before a challenge (``334``, ``+``) and how an exchange begins and ends is the protocol's own.

All three can only end an exchange with a success that carries no octets. What a mechanism says with success (SCRAM's
signature) is therefore sent as one more challenge, the client answers it with an empty line, and then comes the
protocol's word of success (RFC 4954 section 4, RFC 3501 section 6.2.2, RFC 5034 section 4).
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

from mailframe.message.status import ProtocolError, Status

from .mechanisms import ServerMechanism
from .scram import MALFORMED, Keys
from .values import Challenge, Claim, KeysWanted, Step

NOT_BASE64: Final = Status((5, 5, 2), "That is not base64", "CLIENTBUG", reply_code=501)
CANCELLED: Final = Status((5, 7, 0), "Authentication cancelled", reply_code=501)


class Exchange:
    """The server's side of one exchange.

    Args:
        mechanism: made for this exchange.
    """

    def __init__(self, mechanism: ServerMechanism) -> None:
        self._mechanism = mechanism

    def begin(self, initial: bytes | None) -> bytes | KeysWanted | Claim:
        """Take what came with the command.

        Args:
            initial: the initial response as sent, base64 or ``=`` for one of no octets; None where there is none.

        Returns:
            A challenge in base64; or a question; or a claim, and the client has said all it has to say.

        Raises:
            ProtocolError: it is not base64, or not the mechanism's.
        """
        if initial is None:
            return _framed(self._mechanism.step(None))
        return _framed(self._mechanism.step(b"" if initial == b"=" else _decoded(initial)))

    def answer(self, line: bytes) -> bytes | KeysWanted | Claim:
        """Take a response line; see `begin`.

        Raises:
            ProtocolError: the client cancelled by ``*``, or as for `begin`.
        """
        return _framed(self._mechanism.step(_response(line)))

    def keys(self, found: Keys) -> bytes | KeysWanted | Claim:
        """Take the answer to `KeysWanted`; see `begin`."""
        return _framed(self._mechanism.keys(found))

    @property
    def final(self) -> bytes:
        """The challenge to send before success, in base64; no octets for none."""
        return base64.b64encode(self._mechanism.final)

    def confirm(self, line: bytes) -> None:
        """Take the answer to `final`: an empty line.

        Raises:
            ProtocolError: it is another, or the client cancelled: to it, we are not the server.
        """
        if _response(line):
            raise ProtocolError(MALFORMED)

    def refusal(self, hints: bytes) -> bytes | None:
        """The challenge to send before a failure, in base64, or None; whatever answers it means nothing."""
        octets = self._mechanism.refusal(hints)
        return None if octets is None else base64.b64encode(octets)


def _framed(step: Step) -> bytes | KeysWanted | Claim:
    return base64.b64encode(step.octets) if isinstance(step, Challenge) else step


def _response(line: bytes) -> bytes:
    if line == b"*":
        raise ProtocolError(CANCELLED)
    return _decoded(line)


def _decoded(octets: bytes) -> bytes:
    try:
        return base64.b64decode(octets, validate=True)
    except binascii.Error:
        raise ProtocolError(NOT_BASE64) from None
