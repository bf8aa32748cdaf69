"""A fake authenticator that knows every SASL mechanism, for tests of what speaks SASL."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Mapping

from zope.interface import implementer

from mailframe.directory.interfaces import ISASLAuthenticator
from mailframe.directory.values import Account, Evidence, Identity
from mailframe.message.status import CREDENTIALS_INVALID, MailframeError
from mailframe.sasl.saslprep import prepared_octets
from mailframe.sasl.scram import HASHES, MINIMUM_ITERATIONS, Keys, derive
from mailframe.sasl.values import Certificate, Digest, Proof, Token

from .directory import FakeAuthenticator

ABLE = (*HASHES, "EXTERNAL", "OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN", "CRAM-MD5")


@implementer(ISASLAuthenticator)
class FakeSASLAuthenticator(FakeAuthenticator):
    """Accepts the passwords, tokens and certificates it was told; answers at once.

    Args:
        passwords: account name to password in clear.
        tokens: token to account name.
        able: the mechanisms it says it can serve.

    Attributes:
        judged: the evidence it was asked about, in order.
        error: raised instead of an answer, when set.
    """

    oauth_hints = b',"scope":"mail"'

    def __init__(
        self,
        passwords: Mapping[str, bytes | str],
        tokens: Mapping[str, str] | None = None,
        able: Collection[str] = ABLE,
    ) -> None:
        super().__init__(passwords)
        self._tokens = tokens or {}
        self._able = able
        self.judged: list[Evidence] = []

    def mechanisms(self) -> Collection[str]:
        """What it was told."""
        return self._able

    async def keys(self, authcid: str, mechanism: str, peer: str = "", session_id: str = "") -> Keys:
        """Keys of the password, or of one that nobody knows."""
        if self.error is not None:
            raise self.error
        password = self._passwords.get(authcid, b"\0nobody's")
        salt = hashlib.sha256(authcid.encode()).digest()[:16]
        return derive(HASHES[mechanism], prepared_octets(password), salt, MINIMUM_ITERATIONS)

    async def judge(self, evidence: Evidence) -> Identity:
        """Is it what it was told?"""
        self.judged.append(evidence)
        if self.error is not None:
            raise self.error
        claim = evidence.claim
        name = claim.authcid
        match claim:
            case Proof():
                right = claim.right and name in self._passwords
            case Digest():
                password = self._passwords.get(name, b"")
                right = hmac.digest(password, claim.challenge, "md5").hex().encode("ascii") == claim.digest
            case Token():
                name = self._tokens.get(claim.token, "")
                right = bool(name) and claim.authcid in ("", name)
            case Certificate():
                right = name in self._passwords
            case _:
                right = False
        if not right or claim.authzid not in ("", name):
            raise MailframeError(CREDENTIALS_INVALID)
        return Identity(Account(name), name)
