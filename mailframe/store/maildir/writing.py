"""Writing a message into ``tmp/``: in its stored form, described on the way, flushed together with others."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from twisted.logger import Logger

from mailframe.message.content import Content, OctetsBody
from mailframe.store.files import Files
from mailframe.store.line_ends import Form, LineEnds, stored
from mailframe.store.maildrop.layout import Arrival, Written
from mailframe.store.values import Describe, Description

from .folders import TMP
from .tree import Tree

DESCRIBED = 256 * 1024
"""Octets of the largest message that is described when it comes; of larger ones, whoever first asks waits."""

log = Logger()


@dataclass(slots=True, eq=False)
class MaildirWritten(Written):
    """A message in ``tmp/``.

    Attributes:
        path: of the file.
        descriptor: still open, to be flushed; -1 afterwards, and for a link.
        linked_to: the file that this is a second name of.
        flushed: its octets are on stable storage.
        placed: its file in the mailbox, once it is there.
    """

    path: str = ""
    descriptor: int = -1
    linked_to: MaildirWritten | None = None
    flushed: bool = False
    placed: str = ""


def keep(tree: Tree, arrival: Arrival) -> MaildirWritten:
    """Write a message into its mailbox's ``tmp/``, or link it to the file that it has already.

    Raises:
        OSError: it could not be written.
    """
    folder = tree.folder(arrival.mailbox)
    path = f"{folder}/{TMP}/{tree.place.names.next()}"
    linked = _linked(tree.files, arrival.first, path)
    if linked is not None:
        return linked
    # A checkpoint of the journal flushes the store's own device only.
    journalled = arrival.journalled
    if journalled >= 0 and tree.device(folder) != arrival.device:
        journalled = -1
    arguments = (arrival.content, tree.place.line_ends, arrival.describe, journalled)
    try:
        return write(tree.files, path, *arguments)
    except FileNotFoundError:
        # Somebody removed directories of the mailbox: an empty tmp/ looks like something to tidy away.
        tree.make_folder("" if arrival.mailbox is None else arrival.mailbox.folder)
        return write(tree.files, path, *arguments)


def flush(files: Files, written: MaildirWritten) -> None:
    """Put a file's octets on stable storage, and close it.

    Raises:
        OSError: it could not be done.
    """
    if written.linked_to is not None:
        if not written.linked_to.flushed:
            raise OSError(errno.EIO, "the file this is a link to could not be flushed", written.path)
        return
    descriptor, written.descriptor = written.descriptor, -1
    try:
        files.flush(descriptor)
        written.flushed = True
    finally:
        files.close(descriptor)


def _linked(files: Files, first: Written | None, path: str) -> MaildirWritten | None:
    """A second name for a file that was written already: one copy for many recipients."""
    if not isinstance(first, MaildirWritten):
        return None
    try:
        files.link(first.path, path)
    except OSError:
        # Another file system, or one without links, or too many: write it again.
        return None
    return MaildirWritten(
        first.size, first.disk_size, first.form, first.description, first.octets, shared=True,
        path=path, linked_to=first,
    )  # fmt: skip


def write(
    files: Files,
    path: str,
    content: Content,
    line_ends: LineEnds,
    describe: Describe | None,
    journalled: int = -1,
) -> MaildirWritten:
    """Write content to a new file; not flushed yet.

    Args:
        journalled: files of at most so many octets are closed at once: they go into the delivery journal.

    Raises:
        OSError: it could not be written, or the content not be read; nothing is left of it.
    """
    descriptor = files.create(path)
    try:
        if not isinstance(content.body, OctetsBody):
            size, disk_size, form = _write_pieces(files, descriptor, content, line_ends)
            return MaildirWritten(size, disk_size, form, None, path=path, descriptor=descriptor)
        octets = content.octets()
        on_disk, form = stored(octets, line_ends)
        files.write(descriptor, on_disk)
        description = described(describe, octets) if len(octets) <= DESCRIBED else None
        written = MaildirWritten(
            len(octets), len(on_disk), form, description, path=path, descriptor=descriptor
        )
        if len(on_disk) <= journalled:
            written.octets, written.descriptor = on_disk, -1
            done, descriptor = descriptor, -1
            files.close(done)
        return written
    except BaseException:
        abandon(files, path, descriptor)
        raise


def abandon(files: Files, path: str, descriptor: int = -1) -> None:
    """Close and remove a file that is not wanted any more, as far as the disk lets us."""
    if descriptor >= 0:
        with suppress(OSError):
            files.close(descriptor)
    with suppress(OSError):
        files.unlink(path)


def described(describe: Describe | None, octets: bytes) -> Description | None:
    """A description; None where nobody describes, or where it fails, which must not stop a delivery."""
    if describe is None:
        return None
    try:
        return describe([octets])
    except Exception:
        log.failure("a message of {size} octets could not be described", size=len(octets))
        return None


def _write_pieces(
    files: Files, descriptor: int, content: Content, line_ends: LineEnds
) -> tuple[int, int, Form]:
    if line_ends == "lf":
        disk_size = 0
        for piece in _whole_pairs(content.chunks()):
            on_disk, form = stored(piece, "lf")
            if form is not Form.LF:
                # A bare CR or LF after all: begin again and keep it as it is.
                files.truncate(descriptor)
                break
            files.write(descriptor, on_disk)
            disk_size += len(on_disk)
        else:
            return content.size, disk_size, Form.LF
    for piece in content.chunks():
        files.write(descriptor, piece)
    return content.size, content.size, Form.VERBATIM


def _whole_pairs(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same octets in pieces that never end between CR and LF."""
    held = b""
    for piece in pieces:
        if held:
            piece = held + piece
        held = b"\r" if piece.endswith(b"\r") else b""
        if held:
            piece = piece[:-1]
        if piece:
            yield piece
    if held:
        yield held
