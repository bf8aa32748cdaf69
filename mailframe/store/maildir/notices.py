"""Linux's notices of changes in directories (``inotify(7)``), which Python does not offer.

Twisted's own (`twisted.internet.inotify`) knows directories by their paths, so that one of a mailbox that was renamed
stands in the way of the next of that name; this knows them by what Linux watches.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Callable
from functools import cache
from typing import Any, Final, Protocol

from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

_MOVED_FROM, _MOVED_TO, _CREATED, _DELETED = 0x40, 0x80, 0x100, 0x200
_ONLY_DIRECTORIES = 0x01000000
_MOVED_ITSELF = 0x800
_GONE = 0x8000 | _MOVED_ITSELF
"""The directory is not watched any more, since it was removed or is not mounted any more; or it has another name."""
_WANTED = _MOVED_FROM | _MOVED_TO | _CREATED | _DELETED | _MOVED_ITSELF | _ONLY_DIRECTORIES
_HEAD = struct.Struct("iIII")
_WINDOW: Final = 64 * 1024

log = Logger()


class Library(Protocol):
    """The calls of the system's library."""

    def inotify_init1(self, flags: int) -> int:
        """A descriptor to read notices from."""

    def inotify_add_watch(self, descriptor: int, path: bytes, mask: int) -> int:
        """Watch a directory; one that is watched already has the same number."""

    def inotify_rm_watch(self, descriptor: int, watch: int) -> int:
        """Watch no more."""


@cache
def library() -> Library | None:
    """The system's library; None where it has no such calls."""
    found: Any = ctypes.CDLL(None, use_errno=True) if sys.platform.startswith("linux") else None
    return found if hasattr(found, "inotify_init1") else None


@implementer(IReadDescriptor)
class Notices:
    """Tells of files that come into directories, leave them, or get another name.

    Methods are for the reactor's thread. What an open file's octets do is not told.

    Args:
        reactor: tells when there is something to read.
        changed: called with the number of a watched directory in which something happened.
        gone: called with the number of one that is not there any more, at least not under the name it had.
        lost: called when so much happened that the system has not told all of it.

    Raises:
        OSError: the system has none, or no more of them.
    """

    def __init__(
        self,
        reactor: IReactorFDSet,
        changed: Callable[[int], None],
        gone: Callable[[int], None],
        lost: Callable[[], None],
    ) -> None:
        found = library()
        if found is None:
            raise OSError("there is no inotify here")
        self._library = found
        self._reactor = reactor
        self._changed = changed
        self._gone = gone
        self._lost = lost
        self._descriptor = found.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor < 0:
            raise _fault("inotify_init1")
        reactor.addReader(self)

    def watch(self, path: str) -> int:
        """Watch a directory; its number, which is the same for all its names.

        Raises:
            OSError: it does not exist, or no more may be watched.
        """
        number = self._library.inotify_add_watch(self._descriptor, os.fsencode(path), _WANTED)
        if number < 0:
            raise _fault(path)
        return number

    def ignore(self, number: int) -> None:
        """Watch it no more; one that is gone is fine."""
        self._library.inotify_rm_watch(self._descriptor, number)

    def close(self) -> None:
        """Watch nothing any more; again does nothing."""
        if self._descriptor >= 0:
            self._reactor.removeReader(self)
            os.close(self._descriptor)
            self._descriptor = -1

    # Called by the reactor.

    def fileno(self) -> int:
        """See `IReadDescriptor`."""
        return self._descriptor

    def logPrefix(self) -> str:
        """See ``ILoggingContext``."""
        return "notices"

    def doRead(self) -> None:
        """There are notices: tell of each directory once."""
        try:
            octets = os.read(self._descriptor, _WINDOW)
        except (BlockingIOError, InterruptedError):
            return
        changed: dict[int, None] = {}
        gone: dict[int, None] = {}
        at = 0
        while at + _HEAD.size <= len(octets):
            number, mask, _, length = _HEAD.unpack_from(octets, at)
            at += _HEAD.size + length
            if number < 0:
                self._lost()
            elif mask & _GONE:
                gone[number] = None
            else:
                changed[number] = None
        for number in changed:
            self._changed(number)
        for number in gone:
            self._gone(number)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor cannot read any more."""
        log.failure("other programs' changes are not noticed at once any more", reason)
        self.close()
        self._lost()


def _fault(what: str) -> OSError:
    code = ctypes.get_errno()
    return OSError(code, os.strerror(code), what)
