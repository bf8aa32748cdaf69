"""Logins by other means than a password on the wire: SCRAM, CRAM-MD5, OAuth tokens, client certificates.

Nobody learns here who has an account: what is asked about an unknown user costs the same (one PBKDF2 for each
question after SCRAM keys, the same rounds of MD5 for each digest), and looks the same each time. As a question costs
us as much as a wrong password, it counts like one until the proof comes.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Collection
from typing import Final

from twisted.internet.defer import CancelledError
from twisted.logger import Logger

from mailframe.message.status import CREDENTIALS_INVALID, UNAVAILABLE, MailframeError
from mailframe.sasl import cram_md5
from mailframe.sasl.saslprep import prepared_octets
from mailframe.sasl.scram import HASHES, Keys, derive
from mailframe.sasl.values import Certificate, Claim, Digest, Proof, Token

from .attempts import Attempts
from .hashing import HashingThreads
from .interfaces import ICredentialSource, ITokens
from .options import PasswordOptions
from .passwords import in_clear, split
from .refusals import held
from .scram_keys import SALT_OCTETS, keys_of
from .values import Credential, Evidence, Identity

log = Logger()

OAUTH: Final = ("OAUTHBEARER", "XOAUTH2")


class EvidenceCheck:
    """Decides on evidence; a part of `mailframe.directory.authenticator.PasswordAuthenticator`.

    Args:
        source: where accounts and what is kept of their passwords are looked up.
        threads: where to hash.
        attempts: who must wait.
        options: which mechanisms are wanted, and at what cost.
        tokens: knows OAuth tokens; None where nobody does.
        name: of a login name, what an account of it is called; one that is too long to be an account's stays so.
        seconds: the time, since 1970.
    """

    def __init__(
        self,
        source: ICredentialSource,
        threads: HashingThreads,
        attempts: Attempts,
        options: PasswordOptions,
        tokens: ITokens | None,
        name: Callable[[str], Awaitable[str]],
        seconds: Callable[[], float],
    ) -> None:
        self._source = source
        self._threads = threads
        self._attempts = attempts
        self._options = options
        self._tokens = tokens
        self._name = name
        self._seconds = seconds
        self._salts = (options.salt_secret or secrets.token_hex(32)).encode("utf-8", "surrogateescape")
        self._nobodys = secrets.token_bytes(32)
        self.mechanisms: Collection[str] = frozenset(self._possible())

    def _possible(self) -> list[str]:
        options = self._options
        found = [*(options.scram_mechanisms), "PLAIN", "LOGIN"]
        found += ["CRAM-MD5"] if options.cram_md5 else []
        found += ["EXTERNAL"] if options.external else []
        return [*found, *OAUTH] if self._tokens is not None else found

    async def keys(self, authcid: str, mechanism: str, peer: str = "") -> Keys:
        """The SCRAM keys of a user (see `ISASLAuthenticator.keys`)."""
        name = await self._name(authcid)
        attempt = self._attempts.ask(name, peer)
        try:
            await self._attempts.wait(attempt)
            self._attempts.count(attempt, False)
            return await self._keys(name, mechanism)
        finally:
            self._attempts.end(attempt)

    async def _keys(self, name: str, mechanism: str) -> Keys:
        credential = await self._source.credential(name)
        try:
            kept = None if credential is None else keys_of(credential, mechanism)
            password = None if credential is None else in_clear(credential.password_hash)
        except ValueError as error:
            raise _unreadable(name) from error
        octets = self._nobodys if password is None else prepared_octets(password)
        # Also where keys are kept already: the time must not tell who has some.
        made = await self._threads.run(
            derive, HASHES[mechanism], octets, self.salt(mechanism, name), self._options.scram_iterations
        )
        return kept or made

    def salt(self, mechanism: str, name: str) -> bytes:
        """The salt that is shown for an account without keys, whether there is one or not; the same each time."""
        text = f"{mechanism} {name}".encode("utf-8", "replace")
        return hmac.digest(self._salts, text, hashlib.sha256)[:SALT_OCTETS]

    async def judge(self, evidence: Evidence) -> Identity:
        """Decide (see `ISASLAuthenticator.judge`)."""
        claim = evidence.claim
        match claim:
            case Proof():
                return await self._proved(evidence, claim)
            case Digest():
                return await self._counted(
                    evidence, claim.authcid, lambda found: self._is_digest(claim, found)
                )
            case Token():
                return await self._token(evidence, claim)
            case Certificate() if self._options.external:
                return await self._certificate(claim)
        raise MailframeError(CREDENTIALS_INVALID, f"a login by {type(claim).__name__} is not possible here")

    async def _proved(self, evidence: Evidence, claim: Proof) -> Identity:
        """What answers a question after keys; they were the costly part, so hanging up now takes nothing back."""
        name = await self._name(claim.authcid)
        self._attempts.answered(name, evidence.peer)
        try:
            return await self._counted(evidence, claim.authcid, lambda found: _now(claim.right))
        except CancelledError:
            self._attempts.unanswered(name, evidence.peer)
            raise

    async def _counted(
        self, evidence: Evidence, authcid: str, right: Callable[[Credential | None], Awaitable[bool]]
    ) -> Identity:
        """Wait for earlier failures, check, and count the outcome."""
        name = await self._name(authcid)
        credential = await self._source.credential(name)
        attempt = self._attempts.begin(name, evidence.peer)
        try:
            await self._attempts.wait(attempt)
            passed = await right(credential) and credential is not None and credential.account.enabled
            self._attempts.count(attempt, passed)
        finally:
            self._attempts.end(attempt)
        if not passed or credential is None:
            raise MailframeError(CREDENTIALS_INVALID, "wrong name or proof, or the account may not log in")
        return await self._identity(credential, evidence.claim)

    async def _is_digest(self, claim: Digest, credential: Credential | None) -> bool:
        try:
            password, kept = _for_cram(credential)
        except ValueError as error:
            raise _unreadable(claim.authcid) from error
        secret = password if password is not None else self._nobodys
        known = password is not None or kept is not None
        return await self._threads.run(_is_digest, claim, prepared_octets(secret), kept) and known

    async def _token(self, evidence: Evidence, claim: Token) -> Identity:
        """Ask whose token it is. Nobody guesses tokens, but each question costs: the network has to wait."""
        if self._tokens is None:
            raise MailframeError(CREDENTIALS_INVALID, "OAuth is not configured")
        attempt = self._attempts.begin("", evidence.peer)
        try:
            await self._attempts.wait(attempt)
            try:
                name = await self._name(await self._tokens.account(claim.token))
            except MailframeError as error:
                if error.status.permanent:
                    self._attempts.count(attempt, False)
                raise
        finally:
            self._attempts.end(attempt)
        if claim.authcid and await self._name(claim.authcid) != name:
            raise MailframeError(CREDENTIALS_INVALID, f"the token is of {name!r}")
        return await self._account(name, claim)

    async def _certificate(self, claim: Certificate) -> Identity:
        return await self._account(await self._name(claim.authcid), claim)

    async def _account(self, name: str, claim: Claim) -> Identity:
        credential = await self._source.credential(name)
        if credential is None or not credential.account.enabled:
            raise MailframeError(CREDENTIALS_INVALID, f"{name!r} is no account, or may not log in")
        return await self._identity(credential, claim)

    async def _identity(self, credential: Credential, claim: Claim) -> Identity:
        if claim.authzid and await self._name(claim.authzid) != credential.account.name:
            raise MailframeError(CREDENTIALS_INVALID, "a login may not act for another account")
        if credential.account.is_held(self._seconds()):
            raise held(credential.account.hold)
        return Identity(credential.account, credential.account.name)


def _for_cram(credential: Credential | None) -> tuple[bytes | None, bytes | None]:
    """The password, or what is kept of it for CRAM-MD5, or neither."""
    if credential is None or not credential.password_hash:
        return None, None
    scheme, text = split(credential.password_hash)
    kept = bytes.fromhex(text) if scheme in ("CRAM-MD5", "HMAC-MD5") else None
    return in_clear(credential.password_hash), kept


def _is_digest(claim: Digest, password: bytes, kept: bytes | None) -> bool:
    """As costly with either."""
    made = cram_md5.kept(password)
    return hmac.compare_digest(cram_md5.digest(kept or made, claim.challenge), claim.digest)


async def _now(right: bool) -> bool:
    return right


def _unreadable(name: str) -> MailframeError:
    """What is kept cannot be read: our fault, not the user's, so temporary."""
    log.failure("what is kept of the password of {login!r} cannot be read", login=name)
    return MailframeError(UNAVAILABLE, "the stored password cannot be read")
