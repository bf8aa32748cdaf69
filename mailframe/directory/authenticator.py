"""Is the password right? Checked in threads, remembered for a minute, slower after failures.

What an attacker must not gain, and by what it is prevented:

- *which accounts exist*, by time: unknown ones are checked against a hash that fits no password;
- *many guesses*: after some failures the next attempt on the account, or from the network, waits before it is
  checked, whether its password is right or not, and attempts under way count like failures;
- *our processor*: threads and their queue are bounded, and so are those who may wait;
- *locking the owner out*: where an account logged in lately, neither strangers' guesses elsewhere nor a
  neighbour's telephone with an old password delay it; such a pair of account and network is counted by itself.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mailframe.limits.interfaces import ITallies
from mailframe.limits.memory import MemoryTallies
from mailframe.message.status import CREDENTIALS_INVALID, UNAVAILABLE, MailframeError
from mailframe.sasl.scram import Keys

from .account_secrets import WRONG, Match, Secrets, match, secrets_of
from .attempts import Attempt, Attempts, Recent
from .better_hash import BetterHash
from .evidence import EvidenceCheck
from .hashing import BUSY, HashingThreads
from .interfaces import ICredentialSource, INameAccounts, ISASLAuthenticator, ITokens, IVerifyPasswords
from .keys_at_login import KeysAtLogin
from .metrics import LOGIN_OUTCOMES
from .names import comparable_name
from .options import PasswordOptions
from .outside import OutsideVerifier
from .passwords import MAXIMUM_PASSWORD, make_hash
from .refusals import held
from .strangers import Strangers
from .values import Credential, Credentials, Evidence, Identity

log = Logger()

LONGEST_NAME = 320
"""Characters of a login name (RFC 3696 erratum 1690); a longer one cannot be an account."""


@implementer(ISASLAuthenticator)
class PasswordAuthenticator:
    """Checks passwords against the hashes of a directory.

    Args:
        source: where hashes are looked up; anything that provides `ICredentialSource`.
        reactor: for time and for answers from threads.
        options: threads, bounds and delays.
        threads: where to hash; its own by default.
        tokens: knows OAuth tokens; without it nobody logs in by one.
        tallies: count failed logins and attempts under way, over all workers of a node; of this process alone by
            default.
    """

    def __init__(
        self,
        source: ICredentialSource,
        reactor: IReactorTime,
        options: PasswordOptions | None = None,
        threads: HashingThreads | None = None,
        tokens: ITokens | None = None,
        tallies: ITallies | None = None,
    ) -> None:
        self._source = source
        self._verifies = IVerifyPasswords(source) if IVerifyPasswords.providedBy(source) else None
        self._names = INameAccounts(source) if INameAccounts.providedBy(source) else None
        self._reactor = reactor
        self._options = options = options or PasswordOptions()
        self._threads = threads or HashingThreads(
            cast(IReactorFromThreads, reactor), options.threads, options.queue
        )
        self._outside = OutsideVerifier()
        self._attempts = Attempts(
            reactor, options, tallies if tallies is not None else MemoryTallies(reactor)
        )
        self._right = Recent(options.remember_entries)
        self._key = secrets.token_bytes(32)
        self._checks: dict[bytes, list[Deferred[Match]]] = {}
        self._strangers = Strangers(self._key)
        self._no_hash = ""
        self._tokens = tokens
        self._evidence = EvidenceCheck(
            source, self._threads, self._attempts, options, tokens, self._name, reactor.seconds
        )
        self._new_keys = KeysAtLogin(source, self._threads, options, self._evidence.salt)
        self._better_hash = BetterHash(source, self._threads, options)
        self.oauth_hints: bytes = b"" if tokens is None else tokens.hints

    async def start(self) -> None:
        """Begin to check; may be called again after `stop`."""
        self._threads.start()
        self._outside.start()
        if self._tokens is not None:
            await self._tokens.start()
        if not self._no_hash:
            self._no_hash = await self._threads.run(make_hash, secrets.token_bytes(24).hex())
            self._strangers.begin(self._no_hash)

    async def stop(self) -> None:
        """End the threads; logins under way are told to try again later."""
        self._threads.stop()
        self._outside.stop()
        self._right.clear()
        if self._tokens is not None:
            await self._tokens.stop()

    def mechanisms(self) -> Collection[str]:
        """The SASL mechanisms that are configured, and can succeed."""
        return self._evidence.mechanisms

    async def keys(self, authcid: str, mechanism: str, peer: str = "", session_id: str = "") -> Keys:
        """The SCRAM keys of a user; see `ISASLAuthenticator`."""
        self._check_running()
        return await self._evidence.keys(authcid, mechanism, peer)

    async def judge(self, evidence: Evidence) -> Identity:
        """Decide on what a client proved itself with; see `ISASLAuthenticator`."""
        self._check_running()
        try:
            identity = await self._evidence.judge(evidence)
        except MailframeError as error:
            _count_refusal(error)
            raise
        LOGIN_OUTCOMES["success"].inc()
        claim = evidence.claim
        log.info(
            "login success for {login!r} from {peer} by {protocol}",
            login=claim.authcid[:LONGEST_NAME],
            account=identity.account.name,
            peer=evidence.peer,
            protocol=evidence.protocol,
            session_id=evidence.session_id or None,
            proof=type(claim).__name__.lower(),
        )
        return identity

    async def authenticate(self, credentials: Credentials) -> Identity:
        """Check a password; see `IAuthenticator`.

        Raises:
            MailframeError: `CREDENTIALS_INVALID`, or temporary: `BUSY`, or the directory's own.
        """
        login = _Login(credentials)
        try:
            login.name = await self._name(credentials.authcid)
            identity = await self._identify(login)
        except MailframeError as error:
            _count_refusal(error)
            raise
        LOGIN_OUTCOMES[login.outcome].inc()
        log.info(
            "login {outcome} for {login!r} from {peer} by {protocol}",
            outcome=login.outcome,
            login=login.name,
            account=identity.account.name,
            peer=credentials.peer,
            protocol=credentials.protocol,
            session_id=credentials.session_id or None,
            app_password=login.app_password or None,
            delay=round(login.delay, 3),
        )
        return identity

    async def _identify(self, login: _Login) -> Identity:
        self._check_running()
        credentials = login.credentials
        if not 0 < len(credentials.password) <= MAXIMUM_PASSWORD or len(login.name) > LONGEST_NAME:
            raise MailframeError(CREDENTIALS_INVALID, "a name or a password nobody can have")
        credential = await self._source.credential(login.name)
        login.secrets = self._secrets(login, credential)
        key = self._remembering_key(login)
        if self._right.has(key, self._reactor.seconds()):
            login.outcome = "remembered"
        elif not await self._right_password(login, credential, key):
            waited = f", after a delay of {login.delay:.0f} s" if login.delay else ""
            raise MailframeError(CREDENTIALS_INVALID, f"wrong name or password{waited}")
        if credential is None or not credential.account.enabled:
            raise MailframeError(CREDENTIALS_INVALID, "the account may not log in")
        if credentials.authzid and await self._name(credentials.authzid) != login.name:
            raise MailframeError(CREDENTIALS_INVALID, "a login may not act for another account")
        if credential.account.is_held(self._reactor.seconds()):
            raise held(credential.account.hold)
        return Identity(credential.account, credential.account.name)

    def _check_running(self) -> None:
        if not self._threads.running:
            raise MailframeError(UNAVAILABLE, "passwords are not checked before the start or after the stop")

    async def _name(self, login: str) -> str:
        """What an account is called that somebody means by this, whether there is one or not."""
        if self._options.default_domain and "@" not in login:
            login = f"{login}@{self._options.default_domain}"
        if len(login) > LONGEST_NAME:
            return login[: LONGEST_NAME + 1]
        name = comparable_name(login)
        return name if self._names is None else await self._names.canonical(name)

    # One check, shared by all that ask the same at the same time.

    def _secrets(self, login: _Login, credential: Credential | None) -> Secrets:
        if credential is None:
            return Secrets(self._strangers.hash_for(login.name))
        self._strangers.saw(credential)
        found = secrets_of(credential, login.credentials.protocol, self._reactor.seconds())
        # Who has no password of his own costs as much as all others.
        return found if found.own else Secrets(self._no_hash, found.apps)

    async def _right_password(self, login: _Login, credential: Credential | None, key: bytes) -> bool:
        """Check, after the wait that earlier failures brought."""
        found = await self._match(login, credential, key)
        login.app_password = found.app_password
        return found.right

    async def _match(self, login: _Login, credential: Credential | None, key: bytes) -> Match:
        if key in self._checks:
            return await self._join(key)
        attempt = self._attempts.begin(login.name, login.credentials.peer)
        login.delay = attempt.delay
        try:
            await self._attempts.wait(attempt)
            if key in self._checks:
                return await self._join(key)
            return await self._check(login, attempt, credential, key)
        finally:
            self._attempts.end(attempt)

    def _join(self, key: bytes) -> Deferred[Match]:
        waiting: Deferred[Match] = Deferred()
        self._checks[key].append(waiting)
        return waiting

    def _check(
        self, login: _Login, attempt: Attempt, credential: Credential | None, key: bytes
    ) -> Deferred[Match]:
        """Hash in a thread. Who asked may hang up meanwhile: the outcome counts all the same."""
        checked = self._matched(login, credential)
        self._checks[key] = []
        waiting = self._join(key)
        checked.addCallback(self._count, attempt, credential, key)
        checked.addCallback(self._give_better, credential, login.credentials.password)
        checked.addErrback(_cannot_check, login.name)
        checked.addBoth(self._tell, key)
        return waiting

    def _matched(self, login: _Login, credential: Credential | None) -> Deferred[Match]:
        """Compare with what is kept, or ask a directory that keeps it to itself."""
        password = login.credentials.password
        if self._verifies is not None and (credential is None or not credential.password_hash):
            return Deferred.fromCoroutine(self._verified(login, password))
        return self._threads.run(match, password, login.secrets, self._outside.verify)

    async def _verified(self, login: _Login, password: bytes) -> Match:
        assert self._verifies is not None
        if await self._verifies.verify(login.name, password):
            return Match(True)
        apps = login.secrets.apps
        if not apps:
            return WRONG
        return await self._threads.run(match, password, Secrets(self._no_hash, apps), self._outside.verify)

    def _count(self, found: Match, attempt: Attempt, credential: Credential | None, key: bytes) -> Match:
        if credential is None or not credential.account.enabled:
            found = WRONG
        self._attempts.count(attempt, found.right)
        if found.right:
            self._right.add(key, self._reactor.seconds() + self._options.remember)
        return found

    def _give_better(self, found: Match, credential: Credential | None, password: bytes) -> Match:
        if found.right and not found.app_password and credential is not None:
            self._new_keys.give(credential, password)
            self._better_hash.give(credential, password)
        return found

    def _tell(self, result: Match | Failure, key: bytes) -> None:
        for waiting in self._checks.pop(key):
            if isinstance(result, Failure):
                waiting.errback(result)
            else:
                waiting.callback(result)

    def _remembering_key(self, login: _Login) -> bytes:
        """Stands for name, password and hashes together, so that a changed one makes another key."""
        parts = (
            login.name.encode("utf-8", "replace"),
            login.credentials.password,
            login.secrets.own.encode("utf-8"),
            *(stored.encode("utf-8") for _, stored in login.secrets.apps),
        )
        message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hmac.digest(self._key, message, hashlib.sha256)


class _Login:
    """One login while it is checked."""

    __slots__ = ("app_password", "credentials", "delay", "name", "outcome", "secrets")

    def __init__(self, credentials: Credentials) -> None:
        self.credentials = credentials
        self.name = ""
        self.delay = 0.0
        self.outcome = "success"
        self.app_password = ""
        self.secrets = Secrets("")


def _count_refusal(error: MailframeError) -> None:
    """Into the figures only: the line in the log is written by whoever knows the session."""
    outcome = "failure" if error.status.permanent else "busy" if error.status == BUSY else "fault"
    LOGIN_OUTCOMES[outcome].inc()


def _cannot_check(failure: Failure, name: str) -> Failure:
    """A hash that cannot be read is our fault, not the user's: temporary."""
    if failure.check(MailframeError):
        return failure
    log.failure("the password of {login!r} cannot be checked", failure, login=name)
    return Failure(MailframeError(UNAVAILABLE, "the stored password cannot be read"))
