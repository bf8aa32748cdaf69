"""How a message's octets lie in an mbox file, and how they become the message again. No I/O of its own.

In the file a message is a separator, a *block* of hidden fields (`mailframe.store.mbox.wire.fields`), its header
section, its body and a blank line. What the file format adds is in the row's ``form``, so that each octet comes back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from mailframe.message.content import CHUNK
from mailframe.store.line_ends import Form, with_crlf
from mailframe.store.line_ends import stored as with_line_ends

from .wire.fields import header_length, shown
from .wire.quoting import Format, has_bare, open_end, quote, unquote
from .wire.scanning import Read

LINE_ENDS: Final = 3
"""The bits of ``form`` that are a `mailframe.store.line_ends.Form`."""
QUOTED: Final = 4
"""Lines are quoted as in mboxrd."""
NO_BODY: Final = 8
"""The message has no blank line; the one in the file is not its own."""
NO_LINE_END: Final = 16
"""Its last line has no end; the one in the file is not its own."""
_OPEN_LIMIT: Final = 64 * 1024


class Spot(NamedTuple):
    """Where a message lies and what its file tells of it; the row's ``info``.

    Attributes:
        offset: where its separator begins.
        separator: octets of that line.
        block: octets of the block behind it, when all hidden fields are there; 0: they are in the header section.
        header: octets of the header section, with the block.
        body: octets of the body.
        uid: the UID in the file, 0 for none.
        state: flags and keywords in the file, as `Marks.state`.
    """

    offset: int
    separator: int
    block: int
    header: int
    body: int
    uid: int
    state: str

    @classmethod
    def of(cls, info: str | None) -> Spot:
        """From a row."""
        *numbers, state = (info or "").split(":", 6)
        offset, separator, block, header, body, uid = map(int, numbers)
        return cls(offset, separator, block, header, body, uid, state)

    @property
    def info(self) -> str:
        """For a row."""
        return ":".join(map(str, self))

    @property
    def text(self) -> int:
        """Where the block or the header section begins."""
        return self.offset + self.separator

    @property
    def body_offset(self) -> int:
        """Where the body begins."""
        return self.text + self.header

    @property
    def end(self) -> int:
        """Where the body ends; a blank line follows."""
        return self.body_offset + self.body


@dataclass(frozen=True, slots=True)
class Stored:
    """A message as it is written, but for separator and block.

    Attributes:
        header: with the blank line.
        body: ends with a line end, or is empty.
        form: see the bits above.
        octets: the message as it will be read.
    """

    header: bytes
    body: bytes
    form: int
    octets: bytes


def stored(octets: bytes, format: Format) -> Stored:
    """How a message is written.

    Args:
        octets: with CRLF line ends.
        format: how lines are quoted.
    """
    octets = without_hidden(octets)
    if format == "mboxo":
        octets = quote(octets, "mboxo")[0]
    on_disk, line_ends = with_line_ends(octets, "lf")
    on_disk, quoted = quote(on_disk, "mboxrd" if format == "mboxrd" else "mboxcl2")
    length = header_length(on_disk)
    header, body, form = on_disk[:length], on_disk[length:], int(line_ends) | (QUOTED if quoted else 0)
    last = body or header
    if last and not last.endswith(b"\n"):
        form |= NO_LINE_END
        header, body = (header, body + b"\n") if body else (header + b"\n", body)
    if not body and not ends_with_blank_line(header):
        form |= NO_BODY
        header += b"\n"
    return Stored(header, body, form, octets)


def without_hidden(octets: bytes) -> bytes:
    """A message without fields that hold flags; a sender may not set them."""
    length = header_length(octets)
    header = octets[:length]
    kept = shown(header)
    return octets if len(kept) == length else kept + octets[length:]


def ends_with_blank_line(header: bytes) -> bool:
    """Does a header section end with the blank line?"""
    return header in (b"\n", b"\r\n") or header.endswith((b"\n\n", b"\n\r\n"))


def shown_header(header: bytes, block: int) -> bytes:
    """A header section in the file without its hidden fields."""
    return header[block:] if block else shown(header)


def fingerprint(header: bytes, body: int) -> str:
    """What a message is known by when its place in the file has changed; flags and UIDs do not matter.

    Args:
        header: without hidden fields.
        body: octets of the body.
    """
    header = header.rstrip(b"\r\n")
    return f"{hashlib.blake2b(header[:4096], digest_size=12).hexdigest()}-{len(header) + body}"


def message(header: bytes, body: bytes, form: int) -> bytes:
    """The message with CRLF line ends.

    Args:
        header: in the file, without hidden fields.
        body: in the file.
        form: of the row.
    """
    octets = _own(header, body, form)
    return with_crlf(unquote(octets) if form & QUOTED else octets, form & LINE_ENDS)


def own_header(header: bytes, form: int, has_body: bool) -> bytes:
    """A header section in the file without what is not the message's own."""
    return header if has_body else _own(header, b"", form)


def _own(header: bytes, body: bytes, form: int) -> bytes:
    if form & NO_BODY:
        header = header[:-1]
    octets = header + body
    return octets[:-1] if form & NO_LINE_END else octets


def pieces(read: Read, start: int, end: int, at_line_start: bool = True) -> Iterator[tuple[bytes, bool]]:
    """A part of a file in pieces that cut no quoted line in two; with each, whether it begins a line.

    Raises:
        OSError: the file is shorter.
    """
    held, at = b"", start
    while at < end:
        window = read(min(CHUNK, end - at), at)
        if not window:
            raise OSError("the mailbox is shorter than it was")
        at += len(window)
        piece = held + window
        waiting = open_end(piece, at_line_start) if at < end else 0
        if waiting > _OPEN_LIMIT:
            waiting = 0
        held, piece = piece[len(piece) - waiting :], piece[: len(piece) - waiting]
        if piece:
            yield piece, at_line_start
            at_line_start = piece.endswith(b"\n")


def measured(header: bytes, body: Iterable[tuple[bytes, bool]]) -> tuple[int, int]:
    """The form and the size of another program's message.

    Args:
        header: without hidden fields.
        body: as `pieces` gives it.
    """
    octets = lines = pairs = quoted = 0
    after_cr = bare = False
    for piece, at_line_start in _with_header(header, body):
        octets += len(piece)
        lines += piece.count(b"\n")
        pairs += piece.count(b"\r\n") + (after_cr and piece.startswith(b"\n"))
        after_cr = piece.endswith(b"\r")
        quoted += len(piece) - len(unquote(piece, at_line_start))
        bare = bare or has_bare(piece if at_line_start else b"x" + piece)
    line_ends = Form.LF if pairs == 0 else Form.VERBATIM if pairs == lines else Form.MIXED
    size = octets + (lines - pairs if line_ends is not Form.VERBATIM else 0)
    # Who left one separator as it was quotes none, and leads over them by Content-Length.
    return (line_ends | QUOTED, size - quoted) if quoted and not bare else (int(line_ends), size)


def _with_header(header: bytes, body: Iterable[tuple[bytes, bool]]) -> Iterator[tuple[bytes, bool]]:
    if header:
        yield header, True
    yield from body
