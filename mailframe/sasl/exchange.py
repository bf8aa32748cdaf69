"""One SASL exchange on the wire: lines of base64, as SMTP, IMAP and POP3 all frame it (RFC 4954, RFC 4959, RFC 5034).

What stands before a challenge (``334``, ``+``) and how an exchange begins and ends is the protocol's own.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

from mailframe.message.status import ProtocolError, Status

from .mechanisms import MECHANISMS, Password

NOT_BASE64: Final = Status((5, 5, 2), "That is not base64", "CLIENTBUG", reply_code=501)
CANCELLED: Final = Status((5, 7, 0), "Authentication cancelled", reply_code=501)


class Exchange:
    """The server's side of one exchange.

    Args:
        mechanism: one of `MECHANISMS`, in capitals.

    Raises:
        KeyError: there is no such mechanism.
    """

    def __init__(self, mechanism: str) -> None:
        self._mechanism = MECHANISMS[mechanism]()

    def begin(self, initial: bytes | None) -> bytes | Password:
        """Take what came with the command.

        Args:
            initial: the initial response as sent, base64 or ``=`` for one of no octets; None where there is none.

        Returns:
            A challenge in base64; or what is to be checked, and the exchange is over.

        Raises:
            ProtocolError: it is not base64, or not the mechanism's.
        """
        if initial is None:
            return self._step(None)
        return self._step(b"" if initial == b"=" else _decoded(initial))

    def answer(self, line: bytes) -> bytes | Password:
        """Take a response line; see `begin`.

        Raises:
            ProtocolError: the client cancelled by ``*``, or as for `begin`.
        """
        if line == b"*":
            raise ProtocolError(CANCELLED)
        return self._step(_decoded(line))

    def _step(self, response: bytes | None) -> bytes | Password:
        said = self._mechanism.step(response)
        return said if isinstance(said, Password) else base64.b64encode(said.octets)


def _decoded(octets: bytes) -> bytes:
    try:
        return base64.b64decode(octets, validate=True)
    except binascii.Error:
        raise ProtocolError(NOT_BASE64) from None
