"""Held mail in a directory: a file a message, in a subdirectory for each state. Every method blocks.

A message comes into being by one rename, after its octets are on stable storage, and changes its state by another;
so a process may be killed at any instant. Who works on a message has its file locked (``flock``): the lock ends with
the process, so nothing is worked on twice and nothing stays behind. States::

    new --add--> held --release--> released --claim--> sending --> (gone: all recipients have it)
                  ^                   ^                  |-------> released   (again later)
                 failed --release-----+                  +-------> failed     (somebody will never have it)
"""

from __future__ import annotations

import enum
import fcntl
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import BinaryIO, cast

from twisted.logger import Logger

from mailframe.message.mail import MailObject
from mailframe.message.status import STORAGE_FULL, MailframeError

from . import record as files
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


class State(enum.Enum):
    """Where a message stands; the value is the name of the subdirectory."""

    HELD = "held"
    RELEASED = "released"
    SENDING = "sending"
    FAILED = "failed"


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


class Claim:
    """A message that nobody else can change; `close` gives it back.

    Attributes:
        state: where it stands.
        record: what it is.
        progress: what became of it so far.
    """

    def __init__(self, held: HeldMail, state: State, file: BinaryIO) -> None:
        self._held = held
        self._file = file
        self.state = state
        self.record, self.progress = files.read(file)

    @property
    def _path(self) -> str:
        return self._held.path_of(self.state, self.record.queue_id)

    def mail(self) -> MailObject:
        """The message; its content is the caller's to discard."""
        return self.record.mail(cast(BinaryIO, open(self._path, "rb", buffering=0)))

    def note(self, progress: Progress) -> None:
        """Write down how it stands, durably."""
        files.append(self._file, self.record, progress)
        self.progress = progress

    def move(self, state: State) -> None:
        """Change its state."""
        if state is not self.state:
            os.rename(self._path, self._held.path_of(state, self.record.queue_id))
            before, self.state = self.state, state
            if state is not State.SENDING:
                # Which of the two places it is found in after a crash does not matter to what is being sent.
                # Otherwise the new place first: in doubt a message is in two places, never in none.
                self._held.flush(state.value)
                self._held.flush(before.value)

    def begin(self) -> bool:
        """From now on it is being sent; False when the disk says no."""
        try:
            self.move(State.SENDING)
        except OSError as error:
            log.error("{path} cannot be renamed: {reason}", path=self._path, reason=str(error))
            return False
        return True

    def remove(self) -> None:
        """The message is gone."""
        os.unlink(self._path)
        self._held.flush(self.state.value)

    def close(self) -> None:
        """Let others have it."""
        self._file.close()


class HeldMail:
    """All messages that are held on this node. Several processes may use one directory.

    Args:
        path: the directory; made by `prepare`.
        messages_limit: messages that are kept at most, whatever their state.
        size_limit: octets of them all.
        seconds: the time of day.
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
        self._damaged: set[str] = set()

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
            with open(path, "xb") as file:
                files.write(file, mail, reason, self._seconds())
                file.flush()
                os.fsync(file.fileno())
                size = file.tell()
            os.rename(path, self.path_of(State.HELD, name))
        except BaseException:
            with suppress(OSError):
                os.unlink(path)
            raise
        self.flush(State.HELD.value)
        counted, messages, octets = self._counted
        self._counted = (counted, messages + 1, octets + size)
        HELD.inc()

    def listing(self, states: Iterable[State] = State) -> Iterator[Held]:
        """The messages in these states, oldest first in each; what cannot be read is left out, and logged."""
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

    def claim_due(self) -> Claim | None:
        """Have a released message that is due, or one that was left by a process that died while sending it.

        Returns:
            It, as being sent; None when nothing is due.
        """
        for entry in sorted(self._entries(State.SENDING.value), key=lambda one: one.name):
            if (claim := self._claim_sound(State.SENDING, entry.name)) is not None:
                return claim
        now = self._seconds()
        waiting = sorted(self._entries(State.RELEASED.value), key=lambda one: one.name)
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
                with suppress(FileNotFoundError):
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
                return Held(state, *files.read(file))
        except FileNotFoundError:
            return None
        except BadRecord as error:
            self._tell_damage(self.path_of(state, name), error)
            return None

    def _tell_damage(self, path: str, error: BadRecord) -> None:
        """Say it once: the file is looked at again and again."""
        if path not in self._damaged:
            self._damaged.add(path)
            log.error("{path} is damaged: {reason}", path=path, reason=str(error))

    def _claim_sound(self, state: State, name: str) -> Claim | None:
        """Claim it, unless its file is damaged: others must not wait behind that for ever."""
        try:
            return self._claim(state, name)
        except BadRecord as error:
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
                return Claim(self, state, file)
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
        known = self._due.get(entry.name)
        if known is None or known[0] != changed:
            held = self._look(State.RELEASED, entry.name)
            known = (changed, held.progress.due if held is not None else float("inf"))
            self._due[entry.name] = known
        return known[1] <= now


def _checked(queue_id: str) -> str:
    if not _NAME.fullmatch(queue_id):
        raise ValueError(f"{queue_id!r} cannot be the name of a file")
    return queue_id


def outcome(progress: Progress, now: float, done: Iterable[int], failed: Mapping[int, str]) -> Progress:
    """What is known after an attempt: some have got it, some never will, the others wait.

    Args:
        progress: what was known before.
        now: the time.
        done: numbers of recipients who have got it.
        failed: why others never will.
    """
    gone = {*done, *failed}
    return replace(
        progress,
        at=now,
        pending=tuple(number for number in progress.pending if number not in gone),
        failed={**progress.failed, **failed},
        attempts=progress.attempts + 1,
    )
