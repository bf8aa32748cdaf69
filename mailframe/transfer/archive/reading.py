"""Reading an archive, from start to end, with every hash checked on the way. Blocking."""

from __future__ import annotations

import hashlib
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, cast

from mailframe.dialogue.spill import Spill
from mailframe.message.content import CHUNK, Content
from mailframe.store.values import TakenMessage
from mailframe.transfer.values import NOTHING_HERE, Folder, Known, TransferError

from . import records
from .wire import BLOCK, BadContainer, Entry, padding, parse

_FOLDER = re.compile(r"mailboxes/([0-9]{5,9})\.json")
_MESSAGE = re.compile(r"mailboxes/([0-9]{5,9})/[0-9]{10}\.json")
CUT_OFF = "The archive was cut off: its end is missing."


class ArchiveSource:
    """An archive that is being read; see `Source`. It can be read once.

    Args:
        path: where; None for standard input.

    Attributes:
        account: whose mail it is.

    Raises:
        TransferError: it is none.
    """

    def __init__(self, path: Path | None) -> None:
        self._file: BinaryIO = sys.stdin.buffer if path is None else cast(BinaryIO, path.open("rb"))
        self._own = path is not None
        self._hash = hashlib.sha256()
        self._messages = self._octets = 0
        self._subscriptions: frozenset[str] = frozenset()
        self._waiting: Entry | None = None
        try:
            first = self._next()
            if first is None or first.name != "archive.json":
                raise TransferError("This is no archive of Mailframe.")
            self.account = records.parse_beginning(self._record(first)).account
        except BaseException:
            self.close()
            raise

    def folders(self) -> Iterator[Folder]:
        """See `Source.folders`. At the end the whole archive is known to be what was written.

        Raises:
            TransferError: it is not.
        """
        while (entry := self._next()) is not None:
            number = _FOLDER.fullmatch(entry.name)
            if number is not None:
                folder = records.parse_folder(self._record(entry), number[1])
                yield folder
                for message in self.messages(folder, NOTHING_HERE):
                    _discard(message)
            elif entry.name == "subscriptions.json":
                self._subscriptions = records.parse_subscriptions(
                    self._record(entry, records.SUBSCRIPTIONS_LIMIT)
                )
            elif entry.name == "end.json":
                self._finish(entry)
                return
            else:
                raise TransferError(f"The archive is damaged: {entry.name} is not where it may be.")
        raise TransferError(CUT_OFF)

    def messages(self, folder: Folder, known: Known) -> Iterator[TakenMessage]:
        """See `Source.messages`; all come with their content."""
        while (entry := self._next()) is not None:
            match = _MESSAGE.fullmatch(entry.name)
            if match is None or match[1] != folder.key:
                self._waiting = entry
                return
            message, sha256 = records.parse_message(self._record(entry))
            octets = self._next()
            if octets is None or octets.name != entry.name[:-5] + ".eml":
                raise TransferError(f"The archive is damaged: {entry.name} has no message.")
            content = self._content(octets, sha256)
            self._messages += 1
            self._octets += octets.size
            yield replace(message, content=content)

    def subscriptions(self) -> frozenset[str] | None:
        """See `Source.subscriptions`."""
        return self._subscriptions

    def close(self) -> None:
        """See `Source.close`."""
        if self._own:
            self._file.close()

    def _next(self) -> Entry | None:
        """The next file's header; None at the end."""
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            return waiting
        self._before = self._hash.copy()
        try:
            return parse(self._read(BLOCK))
        except BadContainer as error:
            raise TransferError(f"The archive cannot be read: {error}.") from None

    def _record(self, entry: Entry, limit: int = records.RECORD_LIMIT) -> bytes:
        if entry.size > limit:
            raise TransferError(f"The archive is damaged: {entry.name} is too large.")
        octets = self._read(entry.size)
        self._read(padding(entry.size))
        return octets

    def _content(self, entry: Entry, sha256: str) -> Content:
        hashed, spill = hashlib.sha256(), Spill(tempfile.gettempdir())
        try:
            while spill.size < entry.size:
                piece = self._read(min(CHUNK, entry.size - spill.size))
                hashed.update(piece)
                spill.write(piece)
            self._read(padding(entry.size))
            if hashed.hexdigest() != sha256:
                raise TransferError(
                    f"The archive is damaged: {entry.name} is not the message that was written."
                )
            return spill.finish()
        finally:
            spill.discard()

    def _finish(self, entry: Entry) -> None:
        before = self._before.hexdigest()
        found = records.parse_end(self._record(entry))
        if found != records.End(self._messages, self._octets, before):
            raise TransferError("The archive is damaged: it is not, as a whole, what was written.")

    def _read(self, size: int) -> bytes:
        octets = self._file.read(size)
        if len(octets) != size:
            raise TransferError(CUT_OFF)
        self._hash.update(octets)
        return octets


def _discard(message: TakenMessage) -> None:
    if message.content is not None:
        message.content.body.discard()
