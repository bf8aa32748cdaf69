"""mbox files, as a source and as a target: one file, or a directory with a file for each mailbox."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO, cast

from mailframe.dialogue.spill import Spill
from mailframe.message.content import Content
from mailframe.store.mbox.wire import fields, quoting, separator
from mailframe.store.mbox.wire.scanning import NotMbox, Place, places
from mailframe.store.values import INBOX, SEPARATOR, SYSTEM_FLAGS, TakenMailbox, TakenMessage
from mailframe.transfer.values import Folder, Known, TransferError

from .files import NewDirectory, pieces
from .line_ends import to_crlf, to_lf

SUFFIX = ".mbox"


class MboxSource:
    """Files that nobody writes to while they are read; they are not changed. See `Source`.

    Args:
        path: one file, or a directory of files, in which each file is a mailbox by its name without ``.mbox``.
        name: what one file is called here.

    Raises:
        TransferError: there is none.
    """

    def __init__(self, path: Path, name: str = INBOX) -> None:
        if not path.exists():
            raise TransferError(f"There is no {path}.")
        self._path = path
        self._name = name

    def folders(self) -> Iterator[Folder]:
        """See `Source.folders`."""
        if self._path.is_dir():
            for path in sorted(self._path.rglob("*")):
                if path.is_file() and not path.name.startswith("."):
                    yield self._folder(path, path.relative_to(self._path).as_posix())
        else:
            yield self._folder(self._path, self._name)

    def messages(self, folder: Folder, known: Known) -> Iterator[TakenMessage]:
        """See `Source.messages`: with the UIDs of UW-IMAP and Dovecot, where all have one."""
        with open(folder.key, "rb") as file:
            for place in _places(file, folder.key):
                marks = place.marks
                uid = marks.uid if folder.taken.uidvalidity else 0
                content = None if 0 < uid < known.below else _content(file, place)
                yield TakenMessage(content, uid, marks.flags | frozenset(marks.keywords), max(place.date, 0))

    def subscriptions(self) -> frozenset[str] | None:
        """See `Source.subscriptions`: mbox has none."""
        return None

    def close(self) -> None:
        """See `Source.close`."""

    def _folder(self, path: Path, name: str) -> Folder:
        last, count, base, kept = 0, 0, None, True
        with path.open("rb") as file:
            for place in _places(file, str(path), pseudo=True):
                base = base or place.marks.base
                if not place.marks.pseudo:
                    count += 1
                    kept = kept and place.marks.uid > last
                    last = place.marks.uid
        taken = TakenMailbox()
        if base is not None and kept:
            taken = TakenMailbox(base.uidvalidity, max(base.last_uid, last) + 1)
        return Folder(name.removesuffix(SUFFIX), taken, count, str(path))


class MboxTarget:
    """A new directory with an mboxrd file for each mailbox; UIDs and flags are in fields. See `Target`.

    Args:
        path: where; nothing may be there.

    Raises:
        TransferError: something is.
    """

    def __init__(self, path: Path) -> None:
        self._directory = NewDirectory(path)
        self._file: BinaryIO | None = None
        self._base: fields.Base | None = None

    def begin(self, folder: Folder) -> None:
        """See `Target.begin`."""
        self._end()
        levels = [level if level.strip(".") else f"_{level}" for level in folder.name.split(SEPARATOR)]
        path = self._directory.partial.joinpath(*levels[:-1], levels[-1] + SUFFIX)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = cast(BinaryIO, path.open("xb"))
        self._base = fields.Base(folder.taken.uidvalidity, max(folder.taken.uidnext - 1, 0))

    def add(self, message: TakenMessage) -> None:
        """See `Target.add`."""
        assert message.content is not None
        assert self._file is not None
        base, self._base = self._base, None
        flags = message.flags & SYSTEM_FLAGS
        marks = fields.Marks(message.uid, flags, True, tuple(sorted(message.flags - flags)), base)
        self._file.write(separator.compose(b"", message.internal_date) + fields.compose(marks))
        last = b"\n"
        for piece in _quoted(to_lf(message.content.chunks())):
            self._file.write(piece)
            last = piece[-1:]
        self._file.write(b"\n" if last == b"\n" else b"\n\n")

    def finish(self, subscriptions: frozenset[str]) -> None:
        """See `Target.finish`; subscriptions have no place in mbox."""
        self._end()
        self._directory.finish()

    def abandon(self) -> None:
        """See `Target.abandon`."""
        self._end()
        self._directory.abandon()

    def _end(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _places(file: BinaryIO, path: str, pseudo: bool = False) -> Iterator[Place]:
    """Messages of a file, without UW-IMAP's that is no mail.

    Raises:
        TransferError: it is no mbox.
    """

    def read(count: int, offset: int) -> bytes:
        file.seek(offset)
        return file.read(count)

    try:
        for place in places(read, 0, file.seek(0, 2)):
            if pseudo or not place.marks.pseudo:
                yield place
    except NotMbox as error:
        raise TransferError(f"{path} is no mbox: {error}.") from None


def _content(file: BinaryIO, place: Place) -> Content:
    spill = Spill(tempfile.gettempdir())
    try:
        file.seek(place.text)
        header = fields.shown(file.read(place.header))
        body = pieces(file, place.body_offset, place.body_offset + place.body)
        plain = body if place.marks.content_length == place.body else _unquoted(body)
        for piece in to_crlf(chain((header,), plain)):
            spill.write(piece)
        return spill.finish()
    finally:
        spill.discard()


def _quoted(octets: Iterable[bytes]) -> Iterator[bytes]:
    for piece, at_line_start in _in_lines(octets):
        front = b"" if at_line_start else b"x"
        yield quoting.quote(front + piece, "mboxrd")[0][len(front) :]


def _unquoted(octets: Iterable[bytes]) -> Iterator[bytes]:
    for piece, at_line_start in _in_lines(octets):
        yield quoting.unquote(piece, at_line_start)


def _in_lines(octets: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """The same octets in pieces that never end within what may make a line a separator; does each begin a line?"""
    held, at_line_start = b"", True
    for octets_now in octets:
        piece = held + octets_now
        waiting = quoting.open_end(piece, at_line_start)
        held = piece[len(piece) - waiting :]
        piece = piece[: len(piece) - waiting]
        if piece:
            yield piece, at_line_start
            at_line_start = piece.endswith(b"\n")
    if held:
        yield held, at_line_start
