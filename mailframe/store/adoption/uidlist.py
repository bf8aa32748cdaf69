"""``dovecot-uidlist``, versions 1 to 3, and Courier's ``courierimapuiddb``, which is version 1.

Version 3 begins with ``3 V<uidvalidity> N<uidnext> G<guid>``; a line of it is ``<uid> [<key><value> ...] :<file>``.
Lines are appended without the first being rewritten, so that the next UID is the higher of what it says and the last
line's UID and one. (Dovecot describes it at the top of ``maildir-uidlist.c``.)
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .broken import LAST_UID, BrokenFile, base_of, lines_of, number


@dataclass(frozen=True, slots=True)
class Record:
    """One message.

    Attributes:
        uid: its UID.
        file: its file, without flags.
        extensions: what version 3 says besides, in its order: a letter and a value each. ``P`` a POP3 UIDL, ``O``
            its place in POP3's order, ``G`` its GUID, ``S`` its size on disk, ``W`` that with CRLF line ends.
    """

    uid: int
    file: str
    extensions: tuple[tuple[str, str], ...] = ()

    def extension(self, key: str) -> str:
        """The value of one; '' where there is none."""
        return next((value for known, value in self.extensions if known == key), "")


@dataclass(frozen=True, slots=True)
class UidList:
    """A folder's UIDs.

    Attributes:
        uidvalidity, uidnext: as IMAP has them.
        guid: Dovecot's name for the mailbox: 32 hexadecimal digits; '' where there is none.
        records: UIDs ascending; a file is in one of them.
        extensions: other values of the first line, in its order.
    """

    uidvalidity: int
    uidnext: int
    guid: str = ""
    records: Sequence[Record] = ()
    extensions: tuple[tuple[str, str], ...] = ()


def read(octets: bytes) -> UidList:
    """Read a whole file.

    Lines that are no record, or whose UID is not above that of the line before, are left out, as is all but the last
    record of a file.

    Raises:
        BrokenFile: its first line is not one of these formats', or has no UIDVALIDITY.
    """
    lines = lines_of(octets)
    version, _, rest = next(lines, "").partition(" ")
    if version == "3":
        uidvalidity, uidnext, guid, extensions = _header(rest)
    elif version in ("1", "2"):
        uidvalidity, uidnext, guid, extensions = *_old_header(rest), "", ()
    else:
        raise BrokenFile(f"a UID list of version {version[:20]!r}")
    records = _records(lines, version)
    last = next(reversed(records.values())).uid if records else 0
    return UidList(uidvalidity, max(uidnext, last + 1), guid, list(records.values()), extensions)


def write(uids: UidList) -> bytes:
    """The file, in version 3."""
    header = [f"3 V{uids.uidvalidity} N{uids.uidnext}"]
    header += [f"G{uids.guid}"] if uids.guid else []
    header += [key + value for key, value in uids.extensions]
    return os.fsencode(" ".join(header) + "\n") + lines(uids.records)


def lines(records: Iterable[Record]) -> bytes:
    """Records as version 3 has them, to be appended to a file of that version."""
    return os.fsencode("".join(map(_line, records)))


def write_courier(uids: UidList) -> bytes:
    """The file as Courier has it: version 1."""
    text = "".join(f"{record.uid} {record.file}\n" for record in uids.records)
    return os.fsencode(f"1 {uids.uidvalidity} {uids.uidnext}\n{text}")


def _line(record: Record) -> str:
    extensions = "".join(f"{key}{value} " for key, value in record.extensions)
    return f"{record.uid} {extensions}:{record.file}\n"


def _header(text: str) -> tuple[int, int, str, tuple[tuple[str, str], ...]]:
    fields = [(field[0], field[1:]) for field in text.split(" ") if field]
    known = dict(fields)
    uidvalidity = number(known.get("V", ""))
    if not uidvalidity:
        raise BrokenFile("a UID list without UIDVALIDITY")
    others = tuple(field for field in fields if field[0] not in "VNG")
    return uidvalidity, number(known.get("N", "")) or 1, _guid(known.get("G", "")), others


def _old_header(text: str) -> tuple[int, int]:
    fields = text.split(" ")
    if len(fields) != 2:
        raise BrokenFile("a UID list of version 1 whose first line is not two numbers")
    uidvalidity, uidnext = map(number, fields)
    if not uidvalidity or not uidnext:
        raise BrokenFile("a UID list of version 1 whose first line is not two numbers")
    return uidvalidity, uidnext


def _guid(text: str) -> str:
    return text if len(text) == 32 and all(char in "0123456789abcdefABCDEF" for char in text) else ""


def _records(lines: Iterable[str], version: str) -> dict[str, Record]:
    records: dict[str, Record] = {}
    last = 0
    for line in lines:
        record = _record(line, version)
        if record is None or record.uid <= last:
            continue
        last = record.uid
        # A file that was expunged and came back has the new UID, in its place in the order.
        records.pop(record.file, None)
        records[record.file] = record
    return records


def _record(line: str, version: str) -> Record | None:
    digits, _, rest = line.partition(" ")
    uid = number(digits, LAST_UID)
    if not uid:
        return None
    extensions: tuple[tuple[str, str], ...] = ()
    if version == "2":
        # Flags, which are in the file's name too.
        rest = rest.partition(" ")[2]
    elif version == "3":
        extensions, rest = _extensions(rest)
    file = base_of(rest.lstrip(" "))
    return Record(uid, file, extensions) if file and "/" not in file else None


def _extensions(rest: str) -> tuple[tuple[tuple[str, str], ...], str]:
    found = []
    while rest and not rest.startswith(":"):
        field, _, rest = rest.partition(" ")
        if field:
            found.append((field[0], field[1:]))
    return tuple(found), rest[1:]
