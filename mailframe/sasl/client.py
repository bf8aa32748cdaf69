"""The client's side of SASL, without I/O: mechanisms, and which of those offered to take (RFC 4422).

How an exchange goes, whoever speaks it::

    mechanism = choose(offered, credentials, secure=True, binding=connection.channel_binding())
    first = mechanism.start()                     # None: the server speaks first
    ...                                           # AUTH NAME [initial response]
    response = mechanism.step(challenge)          # for each challenge, until the server's verdict
    mechanism.finish()                            # when it said success: may that be believed?

All of these are octets without base64; `ClientLines` adds that for SMTP, IMAP and POP3. Whoever does not like a
challenge (`ProtocolError`) answers with ``*``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from mailframe.message.status import MailframeError, ProtocolError, Status

from .client_mechanisms import (
    ClientCramMD5,
    ClientCredentials,
    ClientExternal,
    ClientLogin,
    ClientMechanism,
    ClientOAuthBearer,
    ClientPlain,
    ClientXOAuth2,
)
from .client_scram import ClientScram
from .scram import HASHES, PLUS

__all__ = ["ORDER", "ClientCredentials", "ClientLines", "ClientMechanism", "choose", "make"]

NO_MECHANISM: Final = Status((4, 7, 0), "The server offers no way to log in that can be used here")
"""Temporary: what a server offers, and whether TLS came about, may be otherwise tomorrow, and the mail waits."""
BAD_CHALLENGE: Final = Status((5, 5, 2), "The challenge is not base64")

ORDER: Final = (
    "EXTERNAL",
    "OAUTHBEARER",
    "XOAUTH2",
    "SCRAM-SHA-256-PLUS",
    "SCRAM-SHA-1-PLUS",
    "SCRAM-SHA-256",
    "SCRAM-SHA-1",
    "PLAIN",
    "LOGIN",
    "CRAM-MD5",
)
"""The strongest first. A token may be taken back and says less than a password. CRAM-MD5 comes last because a server
that offers it must keep the password itself; so whoever listens is not the only danger."""
_IN_CLEAR: Final = frozenset(mechanism for mechanism in ORDER if mechanism.startswith("SCRAM-"))
"""What may be used without TLS: neither the password nor anything that opens the account later is sent."""


def choose(
    offered: Collection[str],
    credentials: ClientCredentials,
    secure: bool,
    binding: bytes | None = None,
    *,
    clear: bool = False,
    order: Collection[str] = ORDER,
) -> ClientMechanism:
    """The best mechanism that both sides have.

    Args:
        offered: the server's mechanisms, as it names them, in any case.
        credentials: what there is to prove ourselves with.
        secure: is TLS on?
        binding: the ``tls-exporter`` channel binding (RFC 9266); None where there is none. With it, ``-PLUS`` is
            taken where it is offered; where it is not, the server is told that we could have, so that one who
            offered it notices that somebody between us took it away (RFC 5802 section 6).
        clear: send passwords and tokens without TLS as well; for tests and loopback.
        order: mechanisms that may be used, the best first.

    Raises:
        MailframeError: temporary, there is none.
    """
    names = {name.upper() for name in offered}
    for name in order:
        usable = secure or clear or name in _IN_CLEAR
        if name in names and usable and _possible(name, credentials, binding):
            plain_of_two = not name.endswith(PLUS) and any(other.endswith(PLUS) for other in names)
            # To say "I could, but you cannot" to a server that can would be taken for an attack.
            return make(name, credentials, None if plain_of_two else binding)
    raise MailframeError(NO_MECHANISM, f"of {', '.join(sorted(names)) or 'no mechanism'} none can be used")


def make(name: str, credentials: ClientCredentials, binding: bytes | None = None) -> ClientMechanism:
    """One mechanism by name.

    Args:
        name: one of `ORDER`.
        credentials: what it needs must be there.
        binding: as in `choose`.

    Raises:
        KeyError: there is no such mechanism.
        ValueError: what it needs is not there.
    """
    if not _possible(name, credentials, binding):
        raise ValueError(f"{name} cannot be used with these credentials")
    base = name.removesuffix(PLUS)
    if base in HASHES:
        return ClientScram(base, credentials, binding, plus=base != name)
    return _OTHERS[name](credentials)


_OTHERS: Final[dict[str, Callable[[ClientCredentials], ClientMechanism]]] = {
    "EXTERNAL": ClientExternal,
    "OAUTHBEARER": ClientOAuthBearer,
    "XOAUTH2": ClientXOAuth2,
    "PLAIN": ClientPlain,
    "LOGIN": ClientLogin,
    "CRAM-MD5": ClientCramMD5,
}


def _possible(name: str, credentials: ClientCredentials, binding: bytes | None) -> bool:
    if name == "EXTERNAL":
        return credentials.certificate
    if name in ("OAUTHBEARER", "XOAUTH2"):
        return credentials.token is not None
    if name in ("LOGIN", "CRAM-MD5") and credentials.authzid:
        # They cannot say it, and to become somebody else than asked for would be worse than to fail.
        return False
    return credentials.password is not None and (binding is not None or not name.endswith(PLUS))


@dataclass(slots=True)
class ClientLines:
    """A mechanism's octets as lines of base64 (RFC 4954 section 4, RFC 4959, RFC 5034).

    Attributes:
        mechanism: what is framed.
    """

    mechanism: ClientMechanism

    def initial(self) -> bytes | None:
        """The initial response for the command, ``=`` for one of no octets; None where the server speaks first."""
        response = self.mechanism.start()
        return response if response is None else base64.b64encode(response) or b"="

    def answer(self, challenge: bytes) -> bytes:
        """The line that answers a challenge.

        Raises:
            ProtocolError: the challenge is no base64 or not the mechanism's; ``*`` is the answer then.
        """
        try:
            octets = base64.b64decode(challenge, validate=True)
        except binascii.Error:
            raise ProtocolError(BAD_CHALLENGE) from None
        return base64.b64encode(self.mechanism.step(octets))
