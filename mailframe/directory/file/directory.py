"""The directory in text files: what they said when they were last right."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mailframe.directory.entries import Batch, Entry, Key
from mailframe.directory.entry_interfaces import IDirectoryFeed
from mailframe.directory.interfaces import ICredentialSource, IDirectory, ISenderGrants
from mailframe.directory.memory import MemoryDirectory, Replacement
from mailframe.directory.values import Account, Alias, Credential, Domain
from mailframe.message.address import Address
from mailframe.message.status import CANNOT_LOOK_UP, MailframeError

from .options import FileDirectoryOptions
from .reading import Unreadable, read_files

log = Logger()
_Signature = tuple[tuple[int, int, int] | None, ...]


@implementer(IDirectory, ICredentialSource, ISenderGrants, IDirectoryFeed)
class FileDirectory:
    """Domains, accounts, aliases and grants in text files.

    Files that are changed are read again as a whole, in a thread, once nobody writes to them any more. While a line
    is wrong, what was right before stays, and each wrong line is in the log.

    Args:
        options: which files.
        reactor: where answers arrive, and for time.
    """

    tells_removals = True

    def __init__(self, options: FileDirectoryOptions, reactor: Any) -> None:
        self._options = options
        self._reactor = reactor
        self._memory = MemoryDirectory()
        self._seen: _Signature | None = None
        self._settling: _Signature | None = None
        self._next: IDelayedCall | None = None
        self._reading: Deferred[None] | None = None
        self._running = False
        self.trouble = ""
        """What is wrong with the files; "" where nothing is."""

    async def start(self) -> None:
        """Read the files, and begin to look at them.

        Raises:
            MailframeError: temporary: they cannot be read.
        """
        if self._running:
            return
        self._running = True
        await self._read()
        if self.trouble:
            self._running = False
            raise MailframeError(CANNOT_LOOK_UP, self.trouble)
        self._later()

    async def stop(self) -> None:
        """Look no more; safe to call twice."""
        self._running = False
        if self._next is not None:
            self._next.cancel()
            self._next = None
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.cancel()

    async def health(self) -> str | None:
        """What is wrong with the files."""
        return self.trouble or None

    async def is_local(self, domain: str) -> bool:
        """Is this one of our domains?"""
        return await self._memory.is_local(domain)

    async def domain(self, name: str) -> Domain | None:
        """What is known of one of our domains."""
        return await self._memory.domain(name)

    async def lookup(self, address: Address) -> Account | Alias | None:
        """What exactly this address is."""
        return await self._memory.lookup(address)

    async def account(self, name: str) -> Account | None:
        """The account of this name."""
        return await self._memory.account(name)

    async def credential(self, name: str) -> Credential | None:
        """What this account's password is checked against."""
        return await self._memory.credential(name)

    async def granted(self, account: str, address: Address) -> bool:
        """Has the account a grant for this address or its domain?"""
        return await self._memory.granted(account, address)

    # For copies.

    async def version(self) -> str:
        """Where the directory is now."""
        return await self._memory.version()

    async def entries(self, after: Key | None = None, limit: int = 1000) -> Sequence[Entry]:
        """The next entries of all kinds."""
        return await self._memory.entries(after, limit)

    async def changes(self, since: str, limit: int = 1000) -> Batch | None:
        """What is new since a version."""
        return await self._memory.changes(since, limit)

    def listen(self, hint: Callable[[], None]) -> Callable[[], None]:
        """Call back when a file was read that says something new."""
        return self._memory.listen(hint)

    def _later(self) -> None:
        self._next = self._reactor.callLater(self._options.check_every, self._look)

    def _look(self) -> None:
        self._next = None
        reading = self._reading = Deferred.fromCoroutine(self._read())
        reading.addErrback(self._broken)
        reading.addBoth(self._looked)

    def _looked(self, _: object) -> None:
        self._reading = None
        if self._running:
            self._later()

    def _broken(self, failure: Failure) -> None:
        if self._running:
            log.failure("the files of the directory cannot be read", failure)

    async def _read(self) -> None:
        """Read the files, where they are others than before."""
        seen = self._signature()
        settled = self._seen is None or seen == self._settling
        self._settling = seen
        if seen == self._seen or not settled:
            return
        pool = self._reactor.getThreadPool()
        try:
            replacement = cast(
                Replacement,
                await deferToThreadPool(
                    self._reactor, pool, lambda: self._memory.replacement(read_files(self._options), "file")
                ),
            )
        except (Unreadable, OSError) as error:
            problems = error.problems if isinstance(error, Unreadable) else [str(error)]
            for problem in problems:
                log.error("the directory stays as it is: {problem}", problem=problem)
            self.trouble = problems[0] + (f", and {len(problems) - 1} more" if len(problems) > 1 else "")
            # A wrong file is read again when it is another one; one that cannot be read is tried each time.
            self._seen = seen if isinstance(error, Unreadable) else self._seen
            return
        if self._signature() != seen:
            # It was written while it was read: what was read may be half of it.
            return
        self._seen, self.trouble = seen, ""
        self._memory.replace_all(replacement)
        if replacement.changes:
            log.info("the directory was read from its files: {count} changes", count=len(replacement.changes))

    def _signature(self) -> _Signature:
        return tuple(
            _stat(path) for path in (self._options.accounts, self._options.aliases) if path is not None
        )


def _stat(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
