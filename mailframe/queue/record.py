"""The file format of a held message: what must survive is in one file, and is only ever added to.

A file begins with one line of JSON (the envelope, where the message came from, why it is held, how many octets the
content has), then comes the content as it is, then one line of JSON for each thing that happened to the message. The
last whole line says how it stands; a line that a crash cut short never counted.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, BinaryIO

from mailframe.message.address import Address
from mailframe.message.content import CHUNK, Content, FileBody
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject
from mailframe.message.origin import Origin, TLSFacts

VERSION = 1
LINE_LIMIT = 64 * 1024 * 1024
"""Octets of the first line: thousands of recipients with parameters fit."""

_ORIGIN = ("session_id", "peer", "peer_port", "local_port", "protocol", "helo", "extended", "login")
_TLS = ("version", "cipher", "bits", "server_name", "client_name")


class BadRecord(Exception):
    """A file is not what `write` writes."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How a released message stands.

    Attributes:
        at: when this was written, in seconds since the epoch.
        pending: numbers of the recipients that it has not reached yet, counted from 0.
        failed: why others will not get it, by number.
        attempts: deliveries that were tried since it was released.
        due: when the next one is.
        released: when it was released, 0 for not yet.
        last: the last temporary failure, "" for none.
    """

    at: float
    pending: tuple[int, ...]
    failed: Mapping[int, str] = field(default_factory=dict)
    attempts: int = 0
    due: float = 0.0
    released: float = 0.0
    last: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """What the first line of a file says, and where the content is.

    Attributes:
        queue_id: the message's id.
        held_at: since when it is held, in seconds since the epoch.
        reason: why.
        envelope: to whom.
        origin: from where.
        start: where in the file the content begins.
        size: octets of content.
    """

    queue_id: str
    held_at: float
    reason: str
    envelope: Envelope
    origin: Origin
    start: int
    size: int

    def mail(self, file: BinaryIO) -> MailObject:
        """The message; its content is read from this file, which it owns from now on."""
        head = os.pread(file.fileno(), min(self.size, CHUNK), self.start)
        return MailObject(
            self.queue_id, self.envelope, Content(FileBody(file, self.size, head, self.start)), self.origin
        )


def outcome(progress: Progress, now: float, done: Iterable[int], failed: Mapping[int, str]) -> Progress:
    """What is known after an attempt: some have got it, some never will, the others wait.

    Args:
        progress: what was known before.
        now: the time.
        done: numbers of recipients who have got it.
        failed: why others never will.
    """
    gone = {*done, *failed}
    return replace(
        progress,
        at=now,
        pending=tuple(number for number in progress.pending if number not in gone),
        failed={**progress.failed, **failed},
        attempts=progress.attempts + 1,
    )


def write(file: BinaryIO, mail: MailObject, reason: str, now: float) -> None:
    """Write a message and its first progress; flushes nothing.

    Raises:
        OSError: it could not be written.
    """
    first = {
        "version": VERSION,
        "queue_id": mail.queue_id,
        "held_at": now,
        "reason": reason,
        "size": mail.content.size,
        "envelope": _envelope_out(mail.envelope),
        "origin": _origin_out(mail.origin),
    }
    file.write(_line(first))
    for piece in mail.content.chunks():
        file.write(piece)
    file.write(_line(_progress_out(Progress(now, tuple(range(len(mail.envelope.recipients)))))))


def read(file: BinaryIO) -> tuple[Record, Progress]:
    """What a file says.

    Raises:
        BadRecord: it is not one of ours, or damaged.
        OSError: it could not be read.
    """
    line = _first_line(file)
    try:
        first = json.loads(line)
        if first["version"] != VERSION:
            raise BadRecord(f"version {first['version']!r} is not known")
        record = Record(
            str(first["queue_id"]),
            float(first["held_at"]),
            str(first["reason"]),
            _envelope_in(first["envelope"]),
            _origin_in(first["origin"]),
            len(line),
            int(first["size"]),
        )
        if record.size < 0 or os.fstat(file.fileno()).st_size < record.start + record.size:
            raise BadRecord(f"it has not {record.size} octets of content")
        file.seek(record.start + record.size)
        progress = _progress_in(_whole_lines(file)[-1])
        if not set(range(len(record.envelope.recipients))).issuperset({*progress.pending, *progress.failed}):
            raise BadRecord("it speaks of recipients that it does not name")
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise BadRecord(f"{type(error).__name__}: {error}") from error
    return record, progress


def append(file: BinaryIO, record: Record, progress: Progress) -> None:
    """Add how the message stands now, and flush; in place of a line that a crash cut short.

    Args:
        file: open for reading and writing, unbuffered; nobody else may write to it.
        record: as read from it.
        progress: the new state.

    Raises:
        OSError: it could not be written; the state is the one before.
    """
    file.seek(record.start + record.size)
    end = record.start + record.size + sum(len(line) for line in _whole_lines(file))
    file.truncate(end)
    file.seek(end)
    line = memoryview(_line(_progress_out(progress)))
    while line:
        line = line[file.write(line) :]
    os.fsync(file.fileno())


def _first_line(file: BinaryIO) -> bytes:
    """The first line, however the file is buffered; empty where there is no whole one."""
    line = b""
    while len(line) < LINE_LIMIT:
        piece = os.pread(file.fileno(), CHUNK, len(line))
        end = piece.find(b"\n")
        if end >= 0:
            return line + piece[: end + 1]
        if not piece:
            break
        line += piece
    return b""


def _whole_lines(file: BinaryIO) -> list[bytes]:
    lines = file.read().splitlines(keepends=True)
    return lines if not lines or lines[-1].endswith(b"\n") else lines[:-1]


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def _address_out(address: Address | None) -> list[str] | None:
    return None if address is None else [address.local_part, address.domain]


def _address_in(value: list[str] | None) -> Address | None:
    return None if value is None else Address(*value)


def _envelope_out(envelope: Envelope) -> dict[str, Any]:
    return {
        "reverse_path": _address_out(envelope.reverse_path),
        "parameters": envelope.parameters,
        "recipients": [[_address_out(one.forward_path), one.parameters] for one in envelope.recipients],
    }


def _envelope_in(value: Mapping[str, Any]) -> Envelope:
    recipients = [Recipient(Address(*address), parameters) for address, parameters in value["recipients"]]
    return Envelope(_address_in(value["reverse_path"]), recipients, value["parameters"])


def _origin_out(origin: Origin) -> dict[str, Any]:
    # Named one by one: what else an origin may have some day need not be something that JSON knows.
    tls = origin.tls
    return {
        **{name: getattr(origin, name) for name in _ORIGIN},
        "tls": {name: getattr(tls, name) for name in _TLS} if tls is not None else None,
    }


def _origin_in(value: Mapping[str, Any]) -> Origin:
    tls = value["tls"]
    return Origin(**{name: value[name] for name in _ORIGIN}, tls=TLSFacts(**tls) if tls is not None else None)


def _progress_out(progress: Progress) -> dict[str, Any]:
    return {**asdict(progress), "failed": sorted(progress.failed.items())}


def _progress_in(line: bytes) -> Progress:
    value = json.loads(line)
    failed = {int(number): str(text) for number, text in value.pop("failed")}
    progress = Progress(**{**value, "pending": tuple(map(int, value["pending"]))}, failed=failed)
    if not all(isinstance(time, int | float) for time in (progress.at, progress.due, progress.released)):
        raise BadRecord("a time in it is none")
    return progress
