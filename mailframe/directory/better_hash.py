"""Hashes of old schemes are replaced by one of the best when their owner comes by with the password in clear.

Nobody waits for it, and a login does not fail because of it: what cannot be kept now is kept at another login.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailframe.message.status import MailframeError

from .costly_hashes import BCRYPT_OCTETS
from .hashing import BUSY, HashingThreads
from .interfaces import ICredentialSource, IKeepHash
from .options import PasswordOptions
from .passwords import default_scheme, make_hash, scheme_of
from .values import Credential

log = Logger()


class BetterHash:
    """Replaces old hashes.

    Args:
        source: where credentials come from; nothing is done unless it provides `IKeepHash`.
        threads: where hashes are made.
        options: which schemes are old, and which is the one to use.
    """

    def __init__(self, source: ICredentialSource, threads: HashingThreads, options: PasswordOptions) -> None:
        self._keeper: IKeepHash | None = source if IKeepHash.providedBy(source) else None
        self._threads = threads
        self._old = frozenset(name.upper() for name in options.rehash)
        self._under_way: set[str] = set()

    def give(self, credential: Credential, password: bytes) -> None:
        """The password was right: replace its hash if it is an old one.

        Args:
            credential: what the password was checked against; an account that may log in.
            password: as the client sent it.
        """
        name = credential.account.name
        scheme = scheme_of(credential.password_hash)
        # Behind so many octets bcrypt looks at nothing, so the password may be another.
        unsure = scheme == "BLF-CRYPT" and len(password) > BCRYPT_OCTETS
        if self._keeper is None or scheme not in self._old or unsure or name in self._under_way:
            return
        if scheme == default_scheme():
            return
        self._under_way.add(name)
        made = Deferred.fromCoroutine(self._make(self._keeper, credential, password))
        made.addErrback(_not_kept, name)
        made.addBoth(lambda _: self._under_way.discard(name))

    async def _make(self, keeper: IKeepHash, credential: Credential, password: bytes) -> None:
        name = credential.account.name
        fresh = await self._threads.run(make_hash, password)
        if await keeper.keep_hash(name, credential.password_hash, fresh):
            log.info(
                "the password of {account} is kept as {scheme} now", account=name, scheme=scheme_of(fresh)
            )


def _not_kept(failure: Failure, account: str) -> None:
    error = failure.value
    if not isinstance(error, MailframeError):
        log.failure("no new hash could be made for {account}", failure, account=account)
    elif error.status != BUSY:
        log.warn("a new hash of {account} cannot be kept: {reason}", account=account, reason=error.reason)
