"""Held mail in a directory: a file a message, in a subdirectory for each state. Every method blocks.

A message comes into being by one rename, after its octets are on stable storage, and changes its state by another;
so a process may be killed at any instant. Who works on a message has its file locked (``flock``): the lock ends with
the process, so nothing is worked on twice and nothing stays behind. States::

    new --add--> held --release--> released --claim--> sending --> (gone: all recipients have it)
                  ^                   ^                  |-------> released   (again later)
                 failed --release-----+                  +-------> failed     (somebody will never have it)
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, cast

from twisted.logger import Logger

from mailframe.message.mail import MailObject
from mailframe.message.status import STORAGE_FULL, MailframeError

from . import record as files
from .claim import Claim, State, read_named
from .metrics import HELD, NO_ROOM
from .record import BadRecord, Progress, Record

MESSAGES_LIMIT = 10_000
SIZE_LIMIT = 2_000_000_000

_NEW = "new"
_NAME = re.compile(r"[0-9A-Za-z]{1,64}")
_COUNTS_GOOD = 1.0
"""Seconds that counts are believed, in add: other workers add too."""
_LEFT_BEHIND = 86_400.0
"""Seconds after which an unfinished file is nobody's."""

log = Logger()


@dataclass(frozen=True, slots=True)
class Held:
    """One message that is kept.

    Attributes:
        state: where it stands.
        record: what it is.
        progress: what became of it so far.
    """

    state: State
    record: Record
    progress: Progress


class HeldMail:
    """All messages that are held on this node. Several processes may use one directory.

    Args:
        path: the directory; made by `prepare`.
        messages_limit: messages that are kept at most, whatever their state.
        size_limit: octets of them all.
        seconds: the time of day.

    Attributes:
        damaged: why files could not be used, by path.
    """

    def __init__(
        self,
        path: str,
        messages_limit: int = MESSAGES_LIMIT,
        size_limit: int = SIZE_LIMIT,
        seconds: Callable[[], float] = time.time,
    ) -> None:
        self.path = path
        self._messages_limit = messages_limit
        self._size_limit = size_limit
        self._seconds = seconds
        self._counted: tuple[float, int, int] = (float("-inf"), 0, 0)
        self._due: dict[str, tuple[int, float]] = {}
        self.damaged: dict[str, str] = {}

    def prepare(self) -> None:
        """Make the directories, and throw away what a crash left unfinished.

        Raises:
            OSError: it cannot be done.
        """
        for name in ("", _NEW, *(state.value for state in State)):
            os.makedirs(os.path.join(self.path, name), mode=0o700, exist_ok=True)
        for entry in self._entries(_NEW):
            with suppress(OSError):
                if self._seconds() - entry.stat().st_mtime > _LEFT_BEHIND:
                    os.unlink(entry.path)

    def add(self, mail: MailObject, reason: str) -> None:
        """Keep a message durably.

        Raises:
            MailframeError: temporary: there is no room for it.
            OSError: the disk cannot be written.
        """
        self._make_room(mail.content.size)
        name = _checked(mail.queue_id)
        path = os.path.join(self.path, _NEW, name)
        try:
            with open(path, "xb", opener=_private) as file:
                files.write(file, mail, reason, self._seconds())
                file.flush()
                os.fsync(file.fileno())
                size = file.tell()
            place = self.path_of(State.HELD, name)
            os.rename(path, place)
            path = place
            self.flush(State.HELD.value)
        except BaseException:
            # The client keeps the message, so nothing of it may be here.
            with suppress(OSError):
                os.unlink(path)
            raise
        counted, messages, octets = self._counted
        self._counted = (counted, messages + 1, octets + size)
        HELD.inc()

    def listing(self, states: Iterable[State] = State) -> Iterator[Held]:
        """The messages in these states, oldest first in each; of what is left out `damaged` says why."""
        for state in states:
            for name in sorted(entry.name for entry in self._entries(state.value)):
                if (held := self._look(state, name)) is not None:
                    yield held

    def find(self, queue_id: str) -> Held | None:
        """One message; None for unknown."""
        if not _NAME.fullmatch(queue_id):
            return None
        # Twice: it may change its state while we look.
        places = [*State, *State]
        return next((held for state in places if (held := self._look(state, queue_id)) is not None), None)

    def claim(self, queue_id: str, states: Sequence[State]) -> Claim | None:
        """Have a message for oneself; None when it is in none of these states, or somebody else has it.

        Raises:
            BadRecord: its file is damaged.
        """
        for state in states if _NAME.fullmatch(queue_id) else ():
            if (claim := self._claim(state, queue_id)) is not None:
                return claim
        return None

    def release(self, queue_id: str) -> bool:
        """Send a held message on its way, or a failed one again to those who have not got it.

        Returns:
            False: there is no such message, or it is on its way.
        """
        claim = self.claim(queue_id, (State.HELD, State.FAILED))
        if claim is None:
            return False
        try:
            now = self._seconds()
            pending = (*claim.progress.pending, *sorted(claim.progress.failed))
            claim.note(Progress(now, pending, due=now, released=now))
            claim.move(State.RELEASED)
        finally:
            claim.close()
        return True

    def delete(self, queue_id: str) -> bool:
        """Throw a message away.

        Returns:
            False: there is no such message, or it is being delivered right now.
        """
        claim = self.claim(queue_id, (State.HELD, State.FAILED, State.RELEASED))
        if claim is None:
            return False
        try:
            claim.remove()
        finally:
            claim.close()
        return True

    def claim_due(self, passed_over: Container[str] = ()) -> Claim | None:
        """Have a released message that is due, or one that was left by a process that died while sending it.

        Args:
            passed_over: ids of messages that are not wanted now.

        Returns:
            It, as being sent; None when nothing is due.
        """
        for entry in sorted(self._entries(State.SENDING.value), key=lambda one: one.name):
            if (
                entry.name not in passed_over
                and (claim := self._claim_sound(State.SENDING, entry.name)) is not None
            ):
                return claim
        now = self._seconds()
        found = self._entries(State.RELEASED.value)
        waiting = sorted(
            (entry for entry in found if entry.name not in passed_over), key=lambda one: one.name
        )
        for entry in waiting:
            if (
                self._is_due(entry, now)
                and (claim := self._claim_sound(State.RELEASED, entry.name)) is not None
            ):
                if claim.progress.due <= now and claim.begin():
                    return claim
                claim.close()
        self._due = {entry.name: self._due[entry.name] for entry in waiting if entry.name in self._due}
        return None

    def counts(self) -> Mapping[State, tuple[int, int]]:
        """How many messages are in each state, and the octets of their files."""
        found: dict[State, tuple[int, int]] = {}
        for state in State:
            sizes = []
            for entry in self._entries(state.value):
                with suppress(OSError):
                    sizes.append(entry.stat().st_size)
            found[state] = (len(sizes), sum(sizes))
        return found

    def path_of(self, state: State, queue_id: str) -> str:
        """The file of a message in a state."""
        return os.path.join(self.path, state.value, queue_id)

    def flush(self, name: str) -> None:
        """Put the names in a subdirectory on stable storage."""
        descriptor = os.open(os.path.join(self.path, name), os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _entries(self, name: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(os.path.join(self.path, name)) as entries:
                return list(entries)
        except FileNotFoundError:
            return []

    def _make_room(self, size: int) -> None:
        now = self._seconds()
        counted, messages, octets = self._counted
        if not 0 <= now - counted < _COUNTS_GOOD:
            totals = list(self.counts().values())
            messages, octets = sum(total[0] for total in totals), sum(total[1] for total in totals)
            self._counted = (now, messages, octets)
        if messages + 1 > self._messages_limit or octets + size > self._size_limit:
            NO_ROOM.inc()
            raise MailframeError(
                STORAGE_FULL, f"{self.path} is full: {messages} messages, {octets} octets are held"
            )

    def _look(self, state: State, name: str) -> Held | None:
        try:
            with open(self.path_of(state, name), "rb") as file:
                return Held(state, *read_named(file, name))
        except FileNotFoundError:
            return None
        except (BadRecord, OSError) as error:
            self._tell_damage(self.path_of(state, name), error)
            return None

    def _tell_damage(self, path: str, error: Exception) -> None:
        """Say it once: the file is looked at again and again."""
        if path not in self.damaged:
            log.error("{path} cannot be used: {reason}", path=path, reason=str(error))
        self.damaged[path] = str(error)

    def _claim_sound(self, state: State, name: str) -> Claim | None:
        """Claim it, unless its file cannot be used: others must not wait behind that for ever."""
        try:
            return self._claim(state, name)
        except (BadRecord, OSError) as error:
            self._tell_damage(self.path_of(state, name), error)
            return None

    def _claim(self, state: State, name: str) -> Claim | None:
        path = self.path_of(state, name)
        try:
            file = cast(BinaryIO, open(path, "r+b", buffering=0))  # noqa: SIM115
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever had it before us may have moved or removed it since we opened it.
            if os.path.samestat(os.stat(path), os.fstat(file.fileno())):
                return Claim(self, state, file, name)
        except (BlockingIOError, FileNotFoundError):
            pass
        except BaseException:
            file.close()
            raise
        file.close()
        return None

    def _is_due(self, entry: os.DirEntry[str], now: float) -> bool:
        """May it be due? Files are looked into once after each change."""
        try:
            changed = entry.stat().st_mtime_ns
        except FileNotFoundError:
            return False
        except OSError as error:
            self._tell_damage(entry.path, error)
            return False
        known = self._due.get(entry.name)
        if known is None or known[0] != changed:
            held = self._look(State.RELEASED, entry.name)
            if held is None:
                return False
            known = self._due[entry.name] = (changed, held.progress.due)
        return known[1] <= now


def _private(path: str, flags: int) -> int:
    """Open a file that nobody else may read, whatever the process's umask is."""
    return os.open(path, flags, 0o600)


def _checked(queue_id: str) -> str:
    if not _NAME.fullmatch(queue_id):
        raise ValueError(f"{queue_id!r} cannot be the name of a file")
    return queue_id
