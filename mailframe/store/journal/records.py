"""What a delivery journal's file looks like, as octets: a header, then groups of entries. No files, no clock.

A segment of the file begins with a block that names its *generation*, a random number that is another one each time
the segment is used anew, and the machine's boot. Groups follow, each at the beginning of a block: the generation
again, length and CRC-32 of what follows, the entries as JSON, and the octets of their files. Reading ends at the
first group that is not whole or has another generation: a tail that was torn by a lost power supply was never
answered for, and what lies behind it is of an older generation.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

BLOCK: Final = 4096
"""Groups begin at multiples of this, so that writing one never touches a block in which another is safe."""
_HEADER: Final = struct.Struct("<8sQB64s")
_GROUP: Final = struct.Struct("<8sQIII")
_CRC: Final = struct.Struct("<I")
_FILE_MAGIC: Final = b"MFjrnl\x00\x01"
_GROUP_MAGIC: Final = b"MFgroup\x01"
_ENCODE: Final = json.JSONEncoder(separators=(",", ":")).encode

ReadAt = Callable[[int, int], bytes]
"""Reads so many octets at an offset of the segment; fewer at the end of the file."""


class Header(NamedTuple):
    """The beginning of a segment.

    Attributes:
        generation: names this use of the segment.
        boot: names the run of the machine that wrote it.
        distrusted: flushing the files failed once: what the system shows of them may not be on the disk.
    """

    generation: int
    boot: str
    distrusted: bool = False


class Entry(NamedTuple):
    """One file that a delivery has put into a mailbox.

    Attributes:
        account: its name.
        mailbox_id: the mailbox's MAILBOXID.
        place: ``new`` or ``cur``.
        file: the file's name, up to its flags.
        info: the rest of it; '' in ``new``.
        uid, modseq: of its row.
        date: the file's time, seconds since the epoch.
        octets: the file's.
    """

    account: str
    mailbox_id: str
    place: str
    file: str
    info: str
    uid: int
    modseq: int
    date: int
    octets: bytes


def packed_header(header: Header) -> bytes:
    """One block."""
    boot = header.boot.encode("utf-8", "replace")[:64]
    octets = _HEADER.pack(_FILE_MAGIC, header.generation, header.distrusted, boot)
    return (octets + _CRC.pack(zlib.crc32(octets))).ljust(BLOCK, b"\0")


def unpacked_header(octets: bytes) -> Header | None:
    """The header; None where there is none (a new file), or half of one."""
    size = _HEADER.size
    if len(octets) < size + _CRC.size or _CRC.unpack_from(octets, size)[0] != zlib.crc32(octets[:size]):
        return None
    magic, generation, distrusted, boot = _HEADER.unpack_from(octets)
    if magic != _FILE_MAGIC:
        return None
    return Header(generation, boot.rstrip(b"\0").decode("utf-8", "replace"), bool(distrusted))


def packed_group(generation: int, entries: Sequence[Entry]) -> tuple[list[bytes], int]:
    """A group in pieces that are written one behind the other, and their length in all, a multiple of `BLOCK`.

    Octets that several entries share (hard links) are there once.
    """
    pieces: list[bytes] = []
    places: dict[int, tuple[int, int]] = {}
    rows, end = [], 0
    for entry in entries:
        place = places.get(id(entry.octets))
        if place is None:
            place = places[id(entry.octets)] = end, len(entry.octets)
            end += len(entry.octets)
            pieces.append(entry.octets)
        rows.append((*entry[:-1], *place))
    table = _ENCODE(rows).encode("ascii")
    crc = zlib.crc32(table)
    for piece in pieces:
        crc = zlib.crc32(piece, crc)
    head = _GROUP.pack(_GROUP_MAGIC, generation, len(table), end, crc)
    length = len(head) + len(table) + end
    padding = -length % BLOCK
    return [head, table, *pieces, bytes(padding)], length + padding


def groups(read: ReadAt, generation: int, size: int) -> Iterator[tuple[list[Entry], int]]:
    """The groups of a segment in order, each with the offset at which it ends.

    Args:
        read: reads the segment.
        generation: of its header.
        size: octets of the segment.
    """
    offset = BLOCK
    while (found := _group_at(read, offset, generation, size)) is not None:
        yield found
        offset = found[1]


def _group_at(read: ReadAt, offset: int, generation: int, size: int) -> tuple[list[Entry], int] | None:
    head = read(_GROUP.size, offset)
    if len(head) < _GROUP.size:
        return None
    magic, named, table_length, octets_length, crc = _GROUP.unpack(head)
    length = _GROUP.size + table_length + octets_length
    if magic != _GROUP_MAGIC or named != generation or offset + length > size:
        return None
    payload = read(table_length + octets_length, offset + _GROUP.size)
    if len(payload) != table_length + octets_length or zlib.crc32(payload) != crc:
        return None
    octets = payload[table_length:]
    entries = []
    for *fields, begin, count in json.loads(payload[:table_length]):
        entries.append(Entry._make([*fields, octets[begin : begin + count]]))
    return entries, offset + length + -length % BLOCK
