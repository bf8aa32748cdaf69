"""Finding messages in the ingest log again. Blocking."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mailframe.message.content import Content, FileBody

from .log import files_of
from .records import Found, Record, octets_of, records_in

_HEAD = 64 * 1024


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which messages.

    Attributes:
        account: only what came for this one; "" for all.
        since, until: only what was accepted then: seconds since the epoch, ``until`` excluded; 0 for no bound.
        queue_id: only this one; "" for all.
    """

    account: str = ""
    since: int = 0
    until: int = 0
    queue_id: str = ""

    def fits(self, record: Record) -> bool:
        """Is it one of them?"""
        if self.account and all(account != self.account for account, _ in record.mailboxes):
            return False
        if self.queue_id and record.queue_id != self.queue_id:
            return False
        return record.date >= self.since and (not self.until or record.date < self.until)


@dataclass(frozen=True, slots=True)
class Copy:
    """A message in the log.

    Attributes:
        path: the file.
        found: where it lies there.
    """

    path: str
    found: Found

    @property
    def record(self) -> Record:
        """What is known of it."""
        return self.found.record

    @contextmanager
    def content(self) -> Iterator[Content]:
        """Its octets, while the block lasts.

        Raises:
            ValueError: they are damaged.
            OSError: the file cannot be read.
        """
        with open(self.path, "rb") as file:
            for _ in octets_of(file, self.found):
                pass
            head = os.pread(file.fileno(), min(_HEAD, self.record.size), self.found.offset)
            yield Content(FileBody(file, self.record.size, head, self.found.offset))


def copies(directory: str, wanted: Wanted) -> Iterator[Copy]:
    """Messages of a log, in each file in the order in which they came; files that are none are passed over.

    Raises:
        OSError: a file cannot be read.
    """
    for path in files_of(directory):
        try:
            file = open(path, "rb")  # noqa: SIM115
        except (FileNotFoundError, IsADirectoryError):
            # It was expired just now, or is none of ours.
            continue
        with file:
            try:
                for found in records_in(file):
                    if wanted.fits(found.record):
                        yield Copy(path, found)
            except ValueError:
                continue
