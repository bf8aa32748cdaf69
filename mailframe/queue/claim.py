"""One held message in the hands of one process: what is done to it, step by step. Every method blocks."""

from __future__ import annotations

import enum
import os
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, cast

from twisted.logger import Logger

from mailframe.message.mail import MailObject

from . import record as files
from .record import BadRecord, Progress, Record

if TYPE_CHECKING:
    from .held import HeldMail

log = Logger()


class State(enum.Enum):
    """Where a message stands; the value is the name of the subdirectory."""

    HELD = "held"
    RELEASED = "released"
    SENDING = "sending"
    FAILED = "failed"


class Claim:
    """A message that nobody else can change; `close` gives it back.

    Attributes:
        state: where it stands.
        record: what it is.
        progress: what became of it so far.
    """

    def __init__(self, held: HeldMail, state: State, file: BinaryIO, name: str) -> None:
        self._held = held
        self._file = file
        self.state = state
        self.record, self.progress = read_named(file, name)

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
        # It may be gone since an attempt of which the disk did not say that it is.
        with suppress(FileNotFoundError):
            os.unlink(self._path)
        self._held.flush(self.state.value)

    def close(self) -> None:
        """Let others have it."""
        self._file.close()


def read_named(file: BinaryIO, name: str) -> tuple[Record, Progress]:
    """What a file says that has this name.

    Raises:
        BadRecord: it is damaged, or another message's: its id is what leads to its file.
    """
    record, progress = files.read(file)
    if record.queue_id != name:
        raise BadRecord(f"it is the file of {record.queue_id!r}")
    return record, progress
