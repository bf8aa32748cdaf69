"""What one client has said to be let in: kept from the moment it was right until the store is entered."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from zope.interface import implementer

from mailframe.directory.interfaces import IAuthenticator, ISASLAuthenticator
from mailframe.directory.values import Credentials, Evidence, Identity
from mailframe.sasl.scram import Keys
from mailframe.sasl.values import Token

from .values import Admission


@implementer(ISASLAuthenticator)
class Said:
    """The authenticator, for one connection: remembers what was right, until the store is entered.

    Args:
        authenticator: decides.
    """

    def __init__(self, authenticator: IAuthenticator) -> None:
        self._authenticator: Any = authenticator
        self._password: str | None = None
        self._token: str | None = None
        self._master = ""

    def admission(self, identity: Identity) -> Admission:
        """Who was let in, and by what; that is forgotten here."""
        admitted = Admission(identity.account, identity.authcid, self._password, self._token, self._master)
        self._password = self._token = None
        self._master = ""
        return admitted

    @property
    def oauth_hints(self) -> bytes:
        """See `ISASLAuthenticator`."""
        return getattr(self._authenticator, "oauth_hints", b"")

    def mechanisms(self) -> Any:
        """What may be tried."""
        known = getattr(self._authenticator, "mechanisms", None)
        return ("PLAIN", "LOGIN") if known is None else known()

    async def authenticate(self, credentials: Credentials) -> Identity:
        """Decide on a password."""
        identity: Identity = await self._authenticator.authenticate(credentials)
        self._password = credentials.password.decode("utf-8", "surrogateescape")
        if credentials.authzid and identity.authcid != identity.account.name:
            self._master = credentials.authcid
        return identity

    def keys(self, authcid: str, mechanism: str, peer: str = "", session_id: str = "") -> Awaitable[Keys]:
        """The SCRAM keys of a user."""
        found: Awaitable[Keys] = self._authenticator.keys(authcid, mechanism, peer, session_id)
        return found

    async def judge(self, evidence: Evidence) -> Identity:
        """Decide on anything else."""
        identity: Identity = await self._authenticator.judge(evidence)
        if isinstance(evidence.claim, Token):
            self._token = evidence.claim.token
        return identity
