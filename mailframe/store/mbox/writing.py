"""Keeping a message that is about to come into a mailbox: in memory, or in a file without a name. Blocking."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from twisted.logger import Logger

from mailframe.message.content import Content
from mailframe.store.line_ends import Form
from mailframe.store.line_ends import stored as with_line_ends
from mailframe.store.maildrop.layout import Arrival, Written
from mailframe.store.values import Describe, Description

from .appending import NOTHING, Coming
from .octets import NO_LINE_END, QUOTED, stored, without_hidden
from .reading import LARGE
from .tree import Tree
from .wire.fields import header_length, return_path
from .wire.quoting import Format, open_end, quote

log = Logger()


@dataclass(slots=True, eq=False)
class MboxWritten(Written):
    """A message that is kept.

    Attributes:
        coming: what is to be appended.
        mailbox_id: where it was appended, once it was.
    """

    coming: Coming = NOTHING
    mailbox_id: str = ""


def keep(tree: Tree, arrival: Arrival) -> MboxWritten:
    """Keep a message.

    Raises:
        OSError: it could not be written, or its content not be read.
    """
    content = arrival.content
    if content.size > LARGE:
        return _in_file(tree, content)
    made = stored(content.octets(), tree.place.format)
    coming = Coming(return_path(made.octets[:1000]), made.header, made.body, len(made.body))
    size = len(made.header) + len(made.body)
    return MboxWritten(
        len(made.octets), size, made.form, _described(arrival.describe, made.octets), coming=coming
    )


def abandon(tree: Tree, written: MboxWritten) -> None:
    """Give back what keeps it."""
    coming = written.coming
    if coming.source >= 0:
        with suppress(OSError):
            tree.files.close(coming.source)
        written.coming = Coming(coming.sender, coming.header, b"", 0)


def _in_file(tree: Tree, content: Content) -> MboxWritten:
    files = tree.files
    path = f"{tree.index}/{tree.place.names.next()}"
    descriptor = files.make(path)
    try:
        files.unlink(path)
        written = _write(tree, descriptor, content, as_lf=True)
        if written is None:
            # A bare CR or LF after all: begin again and keep it as it is.
            files.truncate(descriptor)
            written = _write(tree, descriptor, content, as_lf=False)
            assert written is not None
        return written
    except BaseException:
        files.close(descriptor)
        raise


def _write(tree: Tree, descriptor: int, content: Content, as_lf: bool) -> MboxWritten | None:
    """None where line ends cannot be LF."""
    size = at = 0
    ended = True
    head, form = b"", int(Form.LF if as_lf else Form.VERBATIM)
    for octets in _lines(_without_hidden(content.chunks())):
        if tree.place.format == "mboxo":
            octets = _quoted(octets, "mboxo", ended)[0]
        size += len(octets)
        if as_lf:
            octets, found = with_line_ends(octets, "lf")
            if found is not Form.LF:
                return None
        if tree.place.format == "mboxrd":
            octets, quoted = _quoted(octets, "mboxrd", ended)
            form |= QUOTED if quoted else 0
        tree.files.write_at(descriptor, [octets], at)
        at += len(octets)
        if len(head) < 2 * LARGE:
            head += octets
        ended = octets.endswith(b"\n")
    if not ended:
        form |= NO_LINE_END
        tree.files.write_at(descriptor, [b"\n"], at)
        at += 1
    length = header_length(head)
    coming = Coming(return_path(head[:1000]), head[:length], None, at - length, descriptor, length)
    return MboxWritten(size, at, form, None, coming=coming)


def _quoted(octets: bytes, format: Format, at_line_start: bool) -> tuple[bytes, bool]:
    """See `quote`; also for a piece that begins within a line."""
    if at_line_start:
        return quote(octets, format)
    octets, quoted = quote(b"x" + octets, format)
    return octets[1:], quoted


def _without_hidden(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same without hidden fields in the header section, which is in the first pieces."""
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= LARGE // 2:
            break
    yield without_hidden(head)
    yield from chunks


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same in pieces that end with a line; a very long line is in several, none of which looks like a line."""
    held = b""
    for chunk in chunks:
        chunk = held + chunk
        end = chunk.rfind(b"\n") + 1
        if not end and len(chunk) > LARGE and not open_end(chunk, True):
            # No line end for so long: it goes on, but for what may be half a line end.
            end = len(chunk) - (1 if chunk.endswith(b"\r") else 0)
        held = chunk[end:]
        if end:
            yield chunk[:end]
    if held:
        yield held


def _described(describe: Describe | None, octets: bytes) -> Description | None:
    """A description; None where nobody describes, or where it fails, which must not stop a delivery."""
    if describe is None:
        return None
    try:
        return describe([octets])
    except Exception:
        log.failure("a message of {size} octets could not be described", size=len(octets))
        return None
