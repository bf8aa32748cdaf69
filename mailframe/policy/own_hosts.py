"""Takes mail only from our own hosts: what makes a listener a router, and not an open one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from zope.interface import implementer

from mailframe.message.envelope import Envelope
from mailframe.message.networks import Networks, are_everybody
from mailframe.message.origin import Origin, TLSFacts
from mailframe.message.status import Status

from .interfaces import IConnectPolicy, IMailPolicy
from .login import EVERYBODY
from .networks import STRANGER

NOT_KNOWN = Status(
    (5, 7, 1), "Mail is taken from our own hosts only, which show who they are", reply_code=550
)

FINGERPRINT: Final = "sha256:"
"""How a fingerprint begins in a list of certificates."""
_DIGITS: Final = frozenset("0123456789abcdef")


def fingerprint(text: str) -> str | None:
    """The hexadecimal digits of a fingerprint in a list of certificates; None where it is a name.

    Args:
        text: ``sha256:`` and 64 digits, perhaps with colons between them, as ``openssl x509 -fingerprint`` has them.

    Raises:
        ValueError: it begins as a fingerprint, and is none.
    """
    if not text.lower().startswith(FINGERPRINT):
        return None
    digits = text[len(FINGERPRINT) :].strip().lower().replace(":", "")
    if len(digits) != 64 or not _DIGITS.issuperset(digits):
        raise ValueError(f"expected sha256: and 64 hexadecimal digits, got {text!r}")
    return digits


@implementer(IConnectPolicy, IMailPolicy)
class OwnHosts:
    """Talks to listed networks, local sockets, owners of listed certificates, and, where that is wanted, to logins.

    Where networks are all that is listed, others are refused as they connect (554); else they get as far as MAIL, to
    have the time to show a certificate or to log in.

    Args:
        networks: of our hosts.
        certificates: names in verified client certificates, case does not matter; or their fingerprints.
        logins: whoever logged in may send.

    Raises:
        ValueError: the networks are everybody, nobody could ever send, or something is no fingerprint.
    """

    def __init__(
        self, networks: Sequence[str], certificates: Collection[str] = (), logins: bool = False
    ) -> None:
        if are_everybody(networks):
            raise ValueError(EVERYBODY)
        if not networks and not certificates and not logins:
            raise ValueError("nobody may send: list networks or certificates, or take logins")
        self._networks = Networks(networks)
        self._names = frozenset(name.lower() for name in certificates if fingerprint(name) is None)
        self._fingerprints = frozenset(filter(None, map(fingerprint, certificates)))
        self._logins = logins

    async def connect(self, origin: Origin) -> Status | None:
        """Refuse strangers who have no way to show that they are none."""
        if self._is_near(origin) or self._names or self._fingerprints or self._logins:
            return None
        return STRANGER

    async def mail(self, origin: Origin, envelope: Envelope) -> Status | None:
        """Refuse who has not shown that it is ours."""
        if self._is_near(origin) or (self._logins and origin.login is not None):
            return None
        return None if self._is_listed(origin.tls) else NOT_KNOWN

    def _is_listed(self, tls: TLSFacts | None) -> bool:
        if tls is None:
            return False
        name = tls.client_name
        return tls.client_fingerprint in self._fingerprints or (
            name is not None and name.lower() in self._names
        )

    def _is_near(self, origin: Origin) -> bool:
        return origin.peer == "unix" or origin.peer in self._networks
