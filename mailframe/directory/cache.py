"""A directory whose answers are remembered: for a while as they are, and for longer while it is away.

Everything is in memory, bounded, and of one process. A question that is under way is asked once for all who want to
know the same. While the source is away what was known is answered, at most for `CacheOptions.stale_time`; that
somebody is unknown is an answer too. What was never asked cannot be said then, which is temporary.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Any, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as TookTooLong
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mailframe.message.address import Address
from mailframe.message.status import CANNOT_LOOK_UP, MailframeError

from .composed_options import CacheOptions
from .entries import Batch, Entry, Key
from .entry_interfaces import IDirectoryFeed
from .grants import subjects_of
from .metrics import CACHE_FRESH, CACHE_SOURCE, CACHE_STALE
from .names import comparable_domain, comparable_name, name_of
from .questions import Questions
from .remembered import Remembered
from .values import Account, Alias, Credential, Domain
from .wrapping import domain_of, provide_what

REST = 1.0
"""Seconds after a failure in which the source is not asked by those who have an old answer."""

log = Logger()
_Question = Callable[[], Awaitable[Any]]


class CacheDirectory:
    """Remembers what another directory answers; provides what that provides.

    Args:
        source: the directory; who builds it starts and stops it.
        options: times and bounds.
        clock: the reactor.
    """

    def __init__(self, source: Any, options: CacheOptions, clock: IReactorTime) -> None:
        self._source = source
        self._options = options
        self._clock = clock
        self._known = Remembered(
            options.entries, options.positive_time, options.negative_time, options.stale_time
        )
        self._secrets = Remembered(
            options.entries, options.credential_time, options.negative_time, options.credential_stale_time
        )
        self._questions: Questions[Any] = Questions()
        self._failed_at = float("-inf")
        self._flushes = 0
        provide_what(self, [source], *([IDirectoryFeed] if IDirectoryFeed.providedBy(source) else []))

    async def start(self) -> None:
        """Nothing to open."""

    async def stop(self) -> None:
        """Forget everything; secrets above all."""
        self.flush()

    def flush(self, name: str = "") -> int:
        """Forget what is remembered.

        Args:
            name: an address, or a domain with all that is in it; "" for everything.

        Returns:
            How many answers were forgotten.
        """
        # Questions under way bring what the source said before.
        self._flushes += 1
        name = comparable_name(name) if "@" in name else comparable_domain(name)

        def concerns(key: Any) -> bool:
            return not name or any(part == name or domain_of(part) == name for part in key[1:])

        return self._known.forget(concerns) + self._secrets.forget(concerns)

    async def is_local(self, domain: str) -> bool:
        """Is this one of the source's domains? (see `IDirectory.is_local`)"""
        return await self.domain(domain) is not None

    async def domain(self, name: str) -> Domain | None:
        """What is known of a domain (see `IDirectory.domain`)."""
        key = comparable_domain(name)
        found = await self._answer(self._known, ("domain", key), lambda: self._source.domain(key))
        return cast("Domain | None", found)

    async def lookup(self, address: Address) -> Account | Alias | None:
        """What an address is (see `IDirectory.lookup`)."""
        key = ("lookup", name_of(address))
        return cast(
            "Account | Alias | None",
            await self._answer(self._known, key, lambda: self._source.lookup(address)),
        )

    async def account(self, name: str) -> Account | None:
        """An account (see `IDirectory.account`)."""
        key = comparable_name(name)
        found = await self._answer(self._known, ("account", key), lambda: self._source.account(key))
        return cast("Account | None", found)

    async def credential(self, name: str) -> Credential | None:
        """What a password is checked against; remembered for a short time (see `ICredentialSource.credential`)."""
        key = comparable_name(name)
        found = await self._answer(self._secrets, ("credential", key), lambda: self._source.credential(key))
        return cast("Credential | None", found)

    async def granted(self, account: str, address: Address) -> bool:
        """Was this address granted? (see `ISenderGrants.granted`)"""
        key = ("granted", comparable_name(account), subjects_of(address)[0])
        return bool(await self._answer(self._known, key, lambda: self._source.granted(account, address)))

    async def keep_keys(self, name: str, password_hash: str, keys: Sequence[str]) -> bool:
        """Keep keys in the source (see `IKeepKeys.keep_keys`)."""
        kept = await self._source.keep_keys(name, password_hash, keys)
        self._secrets.drop(("credential", comparable_name(name)))
        return bool(kept)

    async def verify(self, name: str, password: bytes) -> bool:
        """Ask the source, each time (see `IVerifyPasswords.verify`)."""
        return bool(await self._source.verify(name, password))

    async def keep_hash(self, name: str, password_hash: str, new_hash: str) -> bool:
        """Keep a better hash in the source (see `IKeepHash.keep_hash`)."""
        kept = await self._source.keep_hash(name, password_hash, new_hash)
        self._secrets.drop(("credential", comparable_name(name)))
        return bool(kept)

    # The feed is the source's.

    @property
    def tells_removals(self) -> bool:
        """As `IDirectoryFeed.tells_removals`."""
        return bool(self._source.tells_removals)

    async def version(self) -> str:
        """As `IDirectoryFeed.version`."""
        return str(await self._source.version())

    async def entries(self, after: Key | None = None, limit: int = 1000) -> Sequence[Entry]:
        """As `IDirectoryFeed.entries`."""
        return cast("Sequence[Entry]", await self._source.entries(after, limit))

    async def changes(self, since: str, limit: int = 1000) -> Batch | None:
        """As `IDirectoryFeed.changes`."""
        return cast("Batch | None", await self._source.changes(since, limit))

    def listen(self, hint: Callable[[], None]) -> Callable[[], None]:
        """As `IDirectoryFeed.listen`."""
        return cast("Callable[[], None]", self._source.listen(hint))

    async def _answer(self, table: Remembered, key: Hashable, question: _Question) -> Any:
        now = self._clock.seconds()
        kept = table.get(key, now)
        if kept is not None and kept.fresh:
            CACHE_FRESH.inc()
            return kept.answer
        if kept is not None and now - self._failed_at < REST:
            CACHE_STALE.inc()
            return kept.answer
        asked = self._questions.ask((id(table), key), lambda: self._ask(table, key, question))
        if kept is None:
            return await asked
        # Who has an old answer does not wait long for a new one.
        asked.addTimeout(self._options.patience, self._clock)
        try:
            return await asked
        except (MailframeError, TookTooLong):
            CACHE_STALE.inc()
            return kept.answer

    async def _ask(self, table: Remembered, key: Hashable, question: _Question) -> Any:
        flushes = self._flushes
        asked = Deferred.fromCoroutine(_plain(question))
        asked.addTimeout(self._options.timeout, self._clock)
        try:
            answer = await asked
        except (MailframeError, TookTooLong, CancelledError) as error:
            self._failed()
            if isinstance(error, MailframeError):
                raise
            raise MailframeError(CANNOT_LOOK_UP, "the directory does not answer in time") from error
        CACHE_SOURCE.inc()
        self._failed_at = float("-inf")
        if flushes == self._flushes:
            table.put(key, answer, self._clock.seconds())
        return answer

    def _failed(self) -> None:
        if self._failed_at == float("-inf"):
            log.warn("the directory behind the cache is away; what is remembered is answered")
        self._failed_at = self._clock.seconds()


async def _plain(question: _Question) -> Any:
    return await question()
