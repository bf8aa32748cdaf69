"""Writing a message into ``tmp/``: in its stored form, described on the way, flushed together with others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from twisted.logger import Logger

from mailframe.message.content import Content, OctetsBody
from mailframe.store.values import Describe, Description

from .files import Files
from .line_ends import Form, LineEnds, stored

DESCRIBED = 256 * 1024
"""Octets of the largest message that is described when it comes; of larger ones, whoever first asks waits."""

log = Logger()


@dataclass(slots=True)
class Written:
    """A message in ``tmp/``.

    Attributes:
        path: of the file.
        descriptor: still open, to be flushed; -1 afterwards, and for a link.
        size: with CRLF line ends.
        disk_size: of the file.
        description: None for a large message, or under load: described when it is first asked for.
        linked_to: the file that this is a second name of.
        flushed: its octets are on stable storage.
        octets: the file's, where they go into the delivery journal instead.
    """

    path: str
    descriptor: int
    size: int
    disk_size: int
    form: Form
    description: Description | None
    linked_to: Written | None = None
    flushed: bool = False
    octets: bytes | None = None


def write(
    files: Files,
    path: str,
    content: Content,
    line_ends: LineEnds,
    describe: Describe | None,
    journalled: int = -1,
) -> Written:
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
            return Written(path, descriptor, size, disk_size, form, None)
        octets = content.octets()
        on_disk, form = stored(octets, line_ends)
        files.write(descriptor, on_disk)
        description = described(describe, octets) if len(octets) <= DESCRIBED else None
        written = Written(path, descriptor, len(octets), len(on_disk), form, description)
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
