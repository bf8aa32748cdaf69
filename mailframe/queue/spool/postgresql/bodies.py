"""The octets of messages: rows of pieces, so that no statement and no answer holds a large message at once."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import BinaryIO, Final, cast

from mailframe.database.postgres import Connection
from mailframe.message.content import CHUNK, Content, FileBody, OctetsBody
from mailframe.message.status import UNAVAILABLE, MailframeError

PIECE: Final = 256 * 1024
"""Octets of a row."""


def write_txn(connection: Connection, queue_id: str, content: Content) -> None:
    """Keep the octets of a message; reads its content, which may lie in a file.

    Raises:
        OSError: the content cannot be read.
        ValueError: it has not as many octets as it says.
    """
    size = 0
    for number, piece in enumerate(_pieces(content)):
        size += len(piece)
        connection.execute(
            "INSERT INTO spool_content (queue_id, piece, octets) VALUES (%b, %b, %b)",
            (queue_id, number, piece),
        )
    if size != content.size:
        raise ValueError(f"content has {size} octets, not {content.size}")


def read_txn(connection: Connection, queue_id: str) -> Content:
    """The octets of a message: in memory where there are few, else in a temporary file.

    Raises:
        MailframeError: temporary: there is no such message, or not all of it.
        OSError: the temporary file cannot be written.
    """
    row = connection.execute("SELECT size FROM spool_message WHERE queue_id = %s", (queue_id,)).fetchone()
    if row is None:
        raise MailframeError(UNAVAILABLE, f"{queue_id} is not in the queue")
    size = int(row[0])
    if size <= PIECE:
        octets = b"".join(_stored(connection, queue_id))
        _check(queue_id, len(octets), size)
        return Content(OctetsBody(octets))
    file = cast(BinaryIO, tempfile.TemporaryFile(prefix="mailframe-", buffering=0))  # noqa: SIM115
    try:
        found, head = 0, b""
        for piece in _stored(connection, queue_id):
            head = head or piece[:CHUNK]
            found += len(piece)
            _write(file, piece)
        _check(queue_id, found, size)
    except BaseException:
        file.close()
        raise
    return Content(FileBody(file, size, head))


def _pieces(content: Content) -> Iterator[bytes]:
    gathered: list[bytes] = []
    room = PIECE
    for chunk in content.chunks():
        view = memoryview(chunk)
        while view:
            part = view[:room]
            gathered.append(bytes(part))
            room -= len(part)
            view = view[len(part) :]
            if not room:
                yield b"".join(gathered)
                gathered, room = [], PIECE
    if gathered:
        yield b"".join(gathered)


def _stored(connection: Connection, queue_id: str) -> Iterator[bytes]:
    number = 0
    while True:
        with connection.cursor(binary=True) as cursor:
            row = cursor.execute(
                "SELECT octets FROM spool_content WHERE queue_id = %s AND piece = %s", (queue_id, number)
            ).fetchone()
        if row is None:
            return
        yield bytes(row[0])
        number += 1


def _write(file: BinaryIO, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        view = view[file.write(view) :]


def _check(queue_id: str, found: int, size: int) -> None:
    if found != size:
        raise MailframeError(UNAVAILABLE, f"{queue_id} has {found} octets in the database, not {size}")
