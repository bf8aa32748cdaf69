"""What a file of the ingest log looks like: a line of JSON, the message's octets, an empty line, and so on.

A file begins with `MAGIC`. Octets have CRLF line ends, as many as the line before says, with their SHA-256. A file
whose writer was killed ends anywhere: what is not whole is left out. Files are read without this program, too: what
is between a line of JSON and the next is a message.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

MAGIC = b"mailframe ingest log 1\n"
LINE_LIMIT = 16 * 1024 * 1024
"""Octets of a record's line; one for 100,000 mailboxes has six million."""
_CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Record:
    """One message.

    Attributes:
        date: when it was accepted, seconds since the epoch.
        queue_id: names it in the log.
        mailboxes: accounts, and the names of their mailboxes that it was put into.
        size: its octets.
        sha256: of these, in hexadecimal.
        how: ``"delivered"`` or ``"appended"``.
    """

    date: int
    queue_id: str
    mailboxes: Sequence[tuple[str, str]]
    size: int
    sha256: str
    how: str = "delivered"


@dataclass(frozen=True, slots=True)
class Found:
    """A record that was read.

    Attributes:
        record: what it says.
        offset: where its octets begin in the file.
    """

    record: Record
    offset: int


def line_of(record: Record) -> bytes:
    """The line in front of a message's octets."""
    fields = {
        "date": record.date,
        "queue_id": record.queue_id,
        "how": record.how,
        "mailboxes": [list(pair) for pair in record.mailboxes],
        "size": record.size,
        "sha256": record.sha256,
    }
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def records_in(file: BinaryIO) -> Iterator[Found]:
    """The whole records of a file, in order; octets are passed over, not read.

    Args:
        file: open at its beginning, with ``seek``.

    Raises:
        ValueError: it is no ingest log.
    """
    if file.read(len(MAGIC)) != MAGIC:
        raise ValueError("not a file of an ingest log")
    end = file.seek(0, 2)
    place = len(MAGIC)
    while place < end:
        file.seek(place)
        line = file.readline(LINE_LIMIT)
        record = _record_of(line)
        offset = place + len(line)
        if record is None or offset + record.size > end:
            # Torn by a kill; whoever wrote it never wrote to this file again.
            return
        yield Found(record, offset)
        place = offset + record.size + 1


def octets_of(file: BinaryIO, found: Found) -> Iterator[bytes]:
    """The octets of a record, in pieces.

    Raises:
        ValueError: they are not what was written.
    """
    file.seek(found.offset)
    left, digest = found.record.size, hashlib.sha256()
    while left:
        piece = file.read(min(left, _CHUNK))
        if not piece:
            break
        digest.update(piece)
        left -= len(piece)
        yield piece
    if left or digest.hexdigest() != found.record.sha256:
        raise ValueError(f"the octets of {found.record.queue_id} at {found.offset} are damaged")


def _record_of(line: bytes) -> Record | None:
    if not line.endswith(b"\n"):
        return None
    try:
        fields = json.loads(line)
        mailboxes = tuple((str(account), str(mailbox)) for account, mailbox in fields["mailboxes"])
        record = Record(
            int(fields["date"]), str(fields["queue_id"]), mailboxes, int(fields["size"]), str(fields["sha256"]),
            str(fields["how"]),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError):
        return None
    return record if record.size >= 0 else None
