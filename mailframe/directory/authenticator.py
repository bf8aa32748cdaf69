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
from collections import OrderedDict
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads, IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mailframe.message.status import CREDENTIALS_INVALID, UNAVAILABLE, MailframeError

from .backoff import BackOff, Networks
from .hashing import BUSY, HashingThreads
from .interfaces import IAuthenticator, ICredentialSource
from .metrics import LOGIN_OUTCOMES
from .names import comparable_name
from .options import PasswordOptions
from .passwords import MAXIMUM_PASSWORD, make_hash, verify
from .values import Credential, Credentials, Identity

log = Logger()

LONGEST_NAME = 320
"""Characters of a login name (RFC 3696 erratum 1690); a longer one cannot be an account."""

_Pair = tuple[str, str | None]
"""An account's name and a network; None for one that is not watched."""
KNOWN = 7 * 86400.0
"""Seconds for which a network counts as one that an account logs in from."""


@implementer(IAuthenticator)
class PasswordAuthenticator:
    """Checks passwords against the hashes of a directory.

    Args:
        source: where hashes are looked up; anything that provides `ICredentialSource`.
        reactor: for time and for answers from threads.
        options: threads, bounds and delays.
        threads: where to hash; its own by default.
    """

    def __init__(
        self,
        source: ICredentialSource,
        reactor: IReactorTime,
        options: PasswordOptions | None = None,
        threads: HashingThreads | None = None,
    ) -> None:
        self._source = source
        self._reactor = reactor
        self._options = options = options or PasswordOptions()
        self._threads = threads or HashingThreads(
            cast(IReactorFromThreads, reactor), options.threads, options.queue
        )
        self._networks = Networks(options.ipv4_prefix, options.ipv6_prefix, options.trusted_networks)
        delays = (options.first_delay, options.longest_delay, options.forget, options.backoff_entries)
        self._by_account = BackOff(options.account_attempts, *delays)
        self._by_network = BackOff(options.network_attempts, *delays, many_people=True)
        self._known = Recent(options.backoff_entries)
        self._right = Recent(options.remember_entries)
        self._key = secrets.token_bytes(32)
        self._checks: dict[bytes, list[Deferred[bool]]] = {}
        self._no_hash = ""

    async def start(self) -> None:
        """Begin to check; may be called again after `stop`."""
        self._threads.start()
        if not self._no_hash:
            self._no_hash = await self._threads.run(make_hash, secrets.token_bytes(24).hex())

    async def stop(self) -> None:
        """End the threads; logins under way are told to try again later."""
        self._threads.stop()
        self._right.clear()

    async def authenticate(self, credentials: Credentials) -> Identity:
        """Check a password; see `IAuthenticator`.

        Raises:
            MailframeError: `CREDENTIALS_INVALID`, or temporary: `BUSY`, or the directory's own.
        """
        attempt = _Attempt(credentials, self._name(credentials.authcid))
        try:
            identity = await self._identify(attempt)
        except MailframeError as error:
            self._log_refusal(attempt, error)
            raise
        LOGIN_OUTCOMES[attempt.outcome].inc()
        log.info(
            "login {outcome} for {login!r} from {peer} by {protocol}",
            outcome=attempt.outcome,
            login=attempt.name,
            account=identity.account.name,
            peer=credentials.peer,
            protocol=credentials.protocol,
            delay=round(attempt.delay, 3),
        )
        return identity

    async def _identify(self, attempt: _Attempt) -> Identity:
        if not self._threads.running:
            raise MailframeError(UNAVAILABLE, "passwords are not checked before the start or after the stop")
        credentials = attempt.credentials
        if not 0 < len(credentials.password) <= MAXIMUM_PASSWORD or len(attempt.name) > LONGEST_NAME:
            raise MailframeError(CREDENTIALS_INVALID, "a name or a password nobody can have")
        credential = await self._source.credential(attempt.name)
        key = self._remembering_key(attempt, credential)
        if self._right.has(key, self._reactor.seconds()):
            attempt.outcome = "remembered"
        elif not await self._right_password(attempt, credential, key):
            raise MailframeError(CREDENTIALS_INVALID, "wrong name or password")
        if credential is None or not credential.account.enabled:
            raise MailframeError(CREDENTIALS_INVALID, "the account may not log in")
        if credentials.authzid and self._name(credentials.authzid) != attempt.name:
            raise MailframeError(CREDENTIALS_INVALID, "a login may not act for another account")
        return Identity(credential.account, credential.account.name)

    def _name(self, login: str) -> str:
        if self._options.default_domain and "@" not in login:
            login = f"{login}@{self._options.default_domain}"
        if len(login) > LONGEST_NAME:
            return login[: LONGEST_NAME + 1]
        return comparable_name(login)

    # One check, shared by all that ask the same at the same time.

    async def _right_password(self, attempt: _Attempt, credential: Credential | None, key: bytes) -> bool:
        """Check, after the wait that earlier failures brought."""
        if key in self._checks:
            return await self._join(key)
        pair = (attempt.name, self._networks.of(attempt.credentials.peer))
        watched = self._watched(pair)
        now = self._reactor.seconds()
        attempt.delay = max([table.begin(name, now) for table, name in watched], default=0.0)
        try:
            if attempt.delay:
                if any(table.pending(name) > self._options.waiting for table, name in watched):
                    raise MailframeError(BUSY, "too many logins of this account or network are waiting")
                await deferLater(cast(Any, self._reactor), attempt.delay)
            if key in self._checks:
                return await self._join(key)
            return await self._check(attempt, watched, credential, pair, key)
        finally:
            for table, name in watched:
                table.end(name)

    def _join(self, key: bytes) -> Deferred[bool]:
        waiting: Deferred[bool] = Deferred()
        self._checks[key].append(waiting)
        return waiting

    def _check(
        self,
        attempt: _Attempt,
        watched: list[tuple[BackOff, str]],
        credential: Credential | None,
        pair: _Pair,
        key: bytes,
    ) -> Deferred[bool]:
        """Hash in a thread. Who asked may hang up meanwhile: the outcome counts all the same."""
        stored = credential.password_hash if credential is not None else self._no_hash
        checked = self._threads.run(verify, attempt.credentials.password, stored)
        self._checks[key] = []
        waiting = self._join(key)
        checked.addCallback(self._count, watched, credential, pair, key)
        checked.addErrback(_cannot_check, attempt.name)
        checked.addBoth(self._tell, key)
        return waiting

    def _count(
        self,
        right: bool,
        watched: list[tuple[BackOff, str]],
        credential: Credential | None,
        pair: _Pair,
        key: bytes,
    ) -> bool:
        now = self._reactor.seconds()
        if not right or credential is None or not credential.account.enabled:
            for table, name in watched:
                table.failed(name, now)
            return False
        # An attacker with an account of his own may not wash his network clean with it: as many failures are
        # forgiven as there were on this account.
        failures = watched[0][0].failures(watched[0][1], now)
        for table, name in watched:
            table.forgive(name, failures)
        self._known.add(pair, now + KNOWN)
        self._right.add(key, now + self._options.remember)
        return True

    def _tell(self, result: bool | Failure, key: bytes) -> None:
        for waiting in self._checks.pop(key):
            if isinstance(result, Failure):
                waiting.errback(result)
            else:
                waiting.callback(result)

    def _watched(self, pair: _Pair) -> list[tuple[BackOff, str]]:
        """What this attempt is held against: account and network, or the two as one where they are known."""
        name, network = pair
        if network is None:
            return [(self._by_account, name)]
        if self._known.has(pair, self._reactor.seconds()):
            return [(self._by_account, f"{name} {network}")]
        return [(self._by_account, name), (self._by_network, network)]

    def _remembering_key(self, attempt: _Attempt, credential: Credential | None) -> bytes:
        """Stands for name, password and hash together, so that a changed hash makes another key."""
        stored = credential.password_hash if credential is not None else self._no_hash
        parts = (
            attempt.name.encode("utf-8", "replace"),
            attempt.credentials.password,
            stored.encode("utf-8"),
        )
        message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hmac.digest(self._key, message, hashlib.sha256)

    def _log_refusal(self, attempt: _Attempt, error: MailframeError) -> None:
        outcome = "failure" if error.status.permanent else "busy" if error.status == BUSY else "fault"
        LOGIN_OUTCOMES[outcome].inc()
        log.warn(
            "login {outcome} for {login!r} from {peer} by {protocol}: {reason}",
            outcome=outcome,
            login=attempt.name,
            peer=attempt.credentials.peer,
            protocol=attempt.credentials.protocol,
            reply=error.status.code,
            reason=error.reason,
            delay=round(attempt.delay, 3),
        )


class _Attempt:
    """One login while it is checked."""

    __slots__ = ("credentials", "delay", "name", "outcome")

    def __init__(self, credentials: Credentials, name: str) -> None:
        self.credentials = credentials
        self.name = name
        self.delay = 0.0
        self.outcome = "success"


class Recent:
    """A bounded set whose members expire; the one unused longest goes first.

    Args:
        entries: members it has at most.
    """

    def __init__(self, entries: int) -> None:
        self._entries = entries
        self._until: OrderedDict[Any, float] = OrderedDict()

    def has(self, key: object, now: float) -> bool:
        """Is it a member still?"""
        until = self._until.get(key)
        if until is None:
            return False
        if until <= now:
            del self._until[key]
            return False
        self._until.move_to_end(key)
        return True

    def add(self, key: object, until: float) -> None:
        """Make it a member until then."""
        self._until[key] = until
        self._until.move_to_end(key)
        if len(self._until) > self._entries:
            self._until.popitem(last=False)

    def clear(self) -> None:
        """Forget all members."""
        self._until.clear()


def _cannot_check(failure: Failure, name: str) -> Failure:
    """A hash that cannot be read is our fault, not the user's: temporary."""
    if failure.check(MailframeError):
        return failure
    log.failure("the password of {login!r} cannot be checked", failure, login=name)
    return Failure(MailframeError(UNAVAILABLE, "the stored password cannot be read"))
