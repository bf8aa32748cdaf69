"""Logins for others: our own proxies, and administrators, who name the account that they want (RFC 4616 section 2).

A master has a name that no user logs in with, proves itself by a long password or by the certificate of its TLS
session, and is believed from its own networks only. It has no mailbox.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from twisted.logger import Logger
from zope.interface import implementer

from mailframe.message.networks import Networks
from mailframe.message.status import CREDENTIALS_INVALID, MailframeError
from mailframe.sasl.saslprep import prepared, prepared_octets
from mailframe.sasl.scram import HASHES, MINIMUM_ITERATIONS, Keys, derive
from mailframe.sasl.server import PASSWORDS
from mailframe.sasl.values import Certificate, Proof

from .interfaces import IDirectory, INameAccounts, ISASLAuthenticator
from .metrics import LOGIN_OUTCOMES
from .names import comparable_name
from .refusals import held
from .values import Credentials, Evidence, Identity

log = Logger()


@dataclass(frozen=True, slots=True)
class Master:
    """Who may log in for others.

    Attributes:
        name: as it says it, or as its certificate has it.
        networks: where it is.
        password: what it says; "" for none.
        by_certificate: does the certificate of its TLS session do?
    """

    name: str
    networks: Networks
    password: str = ""
    by_certificate: bool = False

    def __repr__(self) -> str:
        return f"Master(name={self.name!r})"


@implementer(ISASLAuthenticator)
class MasterLogins:
    """An authenticator that knows masters, and leaves all other logins to another one.

    Args:
        authenticator: checks the others.
        directory: has the accounts.
        masters: who may log in for them.
        seconds: since the epoch, for accounts that are held.
    """

    def __init__(
        self, authenticator: Any, directory: IDirectory, masters: Sequence[Master], seconds: Any
    ) -> None:
        self._authenticator = authenticator
        self._sasl = ISASLAuthenticator.providedBy(authenticator)
        self._directory = directory
        self._masters = {prepared(master.name): master for master in masters}
        self._seconds = seconds
        self._keys = cache(_keys)
        self.oauth_hints: bytes = authenticator.oauth_hints if self._sasl else b""

    async def start(self) -> None:
        """Begin to check."""
        if hasattr(self._authenticator, "start"):
            await self._authenticator.start()

    async def stop(self) -> None:
        """End; logins under way are told to try again later."""
        if hasattr(self._authenticator, "stop"):
            await self._authenticator.stop()

    def mechanisms(self) -> Collection[str]:
        """What users can use, and what masters need."""
        able = set(self._authenticator.mechanisms() if self._sasl else PASSWORDS)
        if any(master.password for master in self._masters.values()):
            able.add("PLAIN")
        if any(master.by_certificate for master in self._masters.values()):
            able.add("EXTERNAL")
        return able

    async def keys(self, authcid: str, mechanism: str, peer: str = "", session_id: str = "") -> Keys:
        """The SCRAM keys of a master, or of a user."""
        master = self._masters.get(prepared(authcid))
        if master is not None and master.password:
            return self._keys(master.name, master.password, mechanism)
        return cast(Keys, await self._authenticator.keys(authcid, mechanism, peer, session_id))

    async def authenticate(self, credentials: Credentials) -> Identity:
        """Check a password; see `IAuthenticator`."""
        master = self._master(credentials.authcid, credentials.authzid)
        if master is None:
            return cast(Identity, await self._authenticator.authenticate(credentials))
        said, wanted = prepared_octets(credentials.password), prepared_octets(master.password.encode("utf-8"))
        right = hmac.compare_digest(said, wanted) and bool(master.password)
        return await self._admit(master, right, credentials.authzid, credentials)

    async def judge(self, evidence: Evidence) -> Identity:
        """Decide on what a client proved itself with; see `ISASLAuthenticator`."""
        claim = evidence.claim
        master = self._master(claim.authcid, claim.authzid)
        if master is not None and isinstance(claim, Proof):
            return await self._admit(master, claim.right and bool(master.password), claim.authzid, evidence)
        if master is not None and isinstance(claim, Certificate):
            return await self._admit(master, master.by_certificate, claim.authzid, evidence)
        return cast(Identity, await self._authenticator.judge(evidence))

    def _master(self, authcid: str, authzid: str) -> Master | None:
        """Who wants to be somebody else, and may."""
        return self._masters.get(prepared(authcid)) if authzid else None

    async def _admit(
        self, master: Master, right: bool, authzid: str, about: Credentials | Evidence
    ) -> Identity:
        address = about.via or about.peer
        try:
            if not right or address not in master.networks:
                where = "" if address in master.networks else f", and not from {address}"
                raise MailframeError(CREDENTIALS_INVALID, f"no login of the master {master.name}{where}")
            identity = await self._identity(master, authzid)
        except MailframeError as error:
            LOGIN_OUTCOMES["failure" if error.status.permanent else "fault"].inc()
            raise
        LOGIN_OUTCOMES["success"].inc()
        log.info(
            "login success for {login!r} by the master {master} from {peer} by {protocol}",
            login=authzid, account=identity.account.name, master=master.name, peer=about.peer, via=about.via or None,
            protocol=about.protocol, session_id=about.session_id or None,
        )  # fmt: skip
        return identity

    async def _identity(self, master: Master, authzid: str) -> Identity:
        name = comparable_name(authzid)
        if INameAccounts.providedBy(self._directory):
            name = await cast(INameAccounts, self._directory).canonical(name)
        account = await self._directory.account(name)
        if account is None or not account.enabled:
            raise MailframeError(CREDENTIALS_INVALID, f"{name!r} is no account, or may not log in")
        if account.is_held(self._seconds()):
            raise held(account.hold)
        return Identity(account, master.name)


def _keys(name: str, password: str, mechanism: str) -> Keys:
    """As few rounds as may be: the password is long."""
    salt = hashlib.sha256(f"mailframe master {name}".encode()).digest()[:16]
    return derive(HASHES[mechanism], prepared_octets(password.encode("utf-8")), salt, MINIMUM_ITERATIONS)
