"""Three ways of keeping text for SEARCH: blocks in SQLite, one file searched in place, an index of trigrams.

    python benchmarks/full_text.py [--messages 100000] [--trigrams 10000] [--path DIRECTORY]

A message has some three kilobytes of header and text, in a mixture of lengths and words that are as frequent as those
of a language. Measured are: reading text from messages; putting it in (CPU a message, octets a message); searching
for a word that one message has, for one that a tenth has, for two letters, for a word in the subject, with the files'
pages in memory and without; taking half of the messages out; and how long another thread of the process is kept
waiting while somebody searches.

``--trigrams`` is the number of messages for the index of trigrams, which takes a minute to build for a hundred
thousand.
``--path`` names a directory on the disk that is to be measured.
"""

from __future__ import annotations

import argparse
import mmap
import os
import random
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path

import apsw

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mailframe.store.matching_text import OctetsSource
from mailframe.store.text.interfaces import InBody, InField, MessageText, Wanted
from mailframe.store.text.reading import text_of
from mailframe.store.text.sqlite.index import SQLiteTexts, path_of
from mailframe.testing.text_index import mailbox_row

SEED = 20261122
RARE, TENTH = "xylophonist", "quartermaster"
_LETTERS = "eeeeeeaaaaooooiiiiuunnnnttttssssrrrrllddccmmppgghhbbvvffwwkyjqzx"
_CHANCE = random.Random(SEED)
WORDS = ["".join(_CHANCE.choices(_LETTERS, k=2 + number % 9)) for number in range(20_000)]
WEIGHTS = list(accumulate(1 / (number + 3) for number in range(len(WORDS))))
LENGTHS = (60, 150, 250, 400, 800)
"""Words in a message."""
QUESTIONS: dict[str, Wanted] = {
    "one in all": InBody(RARE),
    "one in ten": InBody(TENTH),
    "two letters": InBody("zx"),
    "subject": InField("subject", RARE),
}


def octets_of(number: int) -> bytes:
    """A message."""
    chance = random.Random(SEED + number)
    words = chance.choices(WORDS, cum_weights=WEIGHTS, k=LENGTHS[number % len(LENGTHS)])
    rare = f" {RARE}" if number == 77 else ""
    if number % 10 == 3:
        words.append(TENTH)
    if number == 77:
        words.append(RARE)
    lines = [" ".join(words[at : at + 12]) for at in range(0, len(words), 12)]
    head = (
        f"Return-Path: <bounce-{number}@example.org>\r\n"
        f"Received: from mail{number % 50}.example.org (mail.example.org [192.0.2.{number % 250}])\r\n"
        f"\tby mx.example.test with ESMTPS id {number:012x}; Sun, 22 Nov 2026 12:00:00 +0000\r\n"
        f"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=s1; h=from:to; b={chance.randbytes(64).hex()}\r\n"
        f"From: {words[0]} {words[1]} <{words[1]}@example.org>\r\nTo: alice@example.test\r\n"
        f"Subject: {' '.join(words[:6])}{rare}\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000\r\n"
        f"Message-ID: <{number}.{chance.getrandbits(60)}@example.org>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n\r\n"
    )
    return (head + "\r\n".join(lines) + "\r\n").encode()


def texts(count: int) -> Iterator[MessageText]:
    """Texts of messages, UIDs from 1."""
    for number in range(count):
        yield text_of(number + 1, OctetsSource(octets_of(number)))


def plain(text: MessageText) -> str:
    """A text in one string."""
    return "\n".join(f"{name}: {body}" for name, body in text.fields) + "\n\n" + text.body


class Blocks:
    """What Mailframe does."""

    name = "blocks"

    def __init__(self, directory: str) -> None:
        self.catalogue = os.path.join(directory, "catalogue")
        self.index = SQLiteTexts(self.catalogue)
        self.count = 0

    def add(self, group: list[MessageText]) -> None:
        """Keep texts."""
        row = mailbox_row()
        self.index.add(row, group, self.index.covered(row), group[-1].uid + 1)
        self.count = group[-1].uid

    def find(self, wanted: Wanted) -> int:
        """How many messages have it."""
        found, first = 0, 1
        while first:
            part = self.index.find(mailbox_row(), wanted, first)
            found += len(part.uids)
            first = part.next or 0
        return found

    def remove_half(self) -> None:
        """Every other message goes."""
        row = mailbox_row(messages=self.count // 2)
        while self.index.tidy([row], lambda mailbox: range(1, self.count + 1, 2)):
            pass

    def paths(self) -> list[str]:
        """Its files."""
        return [path_of(self.catalogue), path_of(self.catalogue) + "-wal"]


class Whole:
    """One growing file, in which ``mmap.find`` looks for the text."""

    name = "file"

    def __init__(self, directory: str) -> None:
        self.path = os.path.join(directory, "texts")
        self.file = open(self.path, "w+b")  # noqa: SIM115
        self.ends: list[int] = []

    def add(self, group: list[MessageText]) -> None:
        """Append, and flush."""
        for text in group:
            self.file.write(plain(text).encode() + b"\xff")
            self.ends.append(self.file.tell())
        self.file.flush()
        os.fdatasync(self.file.fileno())

    def find(self, wanted: Wanted) -> int:
        """How many places there are; which messages they are in costs more."""
        assert isinstance(wanted, InBody | InField)
        needle, found = wanted.needle.encode(), 0
        with mmap.mmap(self.file.fileno(), 0, prot=mmap.PROT_READ) as octets:
            at = octets.find(needle)
            while at >= 0:
                found += 1
                at = octets.find(needle, octets.find(b"\xff", at))
        return found

    def remove_half(self) -> None:
        """Write another file."""
        with open(self.path + ".new", "wb") as new:
            start = 0
            for number, end in enumerate(self.ends):
                if number % 2 == 0:
                    new.write(os.pread(self.file.fileno(), end - start, start))
                start = end
            new.flush()
            os.fdatasync(new.fileno())
        os.replace(self.path + ".new", self.path)

    def paths(self) -> list[str]:
        """Its file."""
        return [self.path]


class Trigrams:
    """FTS5 with ``detail=none`` and without content: it names candidates, which must be read."""

    name = "trigrams"

    def __init__(self, directory: str) -> None:
        self.path = os.path.join(directory, "trigrams")
        self.connection = apsw.Connection(self.path)
        self.connection.pragma("journal_mode", "wal")
        self.connection.pragma("synchronous", "NORMAL")
        self.connection.execute(
            "CREATE VIRTUAL TABLE texts USING fts5(text, tokenize='trigram case_sensitive 1', detail=none,"
            " content='', contentless_delete=1)"
        )
        self.count = 0

    def add(self, group: list[MessageText]) -> None:
        """Insert."""
        with self.connection:
            self.connection.executemany(
                "INSERT INTO texts (rowid, text) VALUES (?, ?)", [(text.uid, plain(text)) for text in group]
            )
        self.count = group[-1].uid

    def find(self, wanted: Wanted) -> int:
        """How many candidates there are; 0 for less than three letters."""
        assert isinstance(wanted, InBody | InField)
        needle = wanted.needle
        pieces = [needle[at : at + 3] for at in range(len(needle) - 2)]
        if not pieces:
            return 0
        query = " AND ".join(f'"{piece}"' for piece in pieces)
        return len(
            self.connection.execute("SELECT rowid FROM texts WHERE texts MATCH ?", (query,)).fetchall()
        )

    def remove_half(self) -> None:
        """Delete."""
        with self.connection:
            self.connection.execute("DELETE FROM texts WHERE rowid % 2 = 0")

    def paths(self) -> list[str]:
        """Its files."""
        return [self.path, self.path + "-wal"]


def cold(paths: list[str]) -> None:
    """Let the system forget the pages of files."""
    for path in paths:
        if os.path.exists(path):
            descriptor = os.open(path, os.O_RDONLY)
            os.fdatasync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def longest_wait(work: Callable[[], object]) -> float:
    """Seconds for which another thread, which wants to run every millisecond, could not."""
    waits, over = [0.0], threading.Event()

    def tick() -> None:
        last = time.perf_counter()
        while not over.is_set():
            time.sleep(0.001)
            now = time.perf_counter()
            waits.append(now - last - 0.001)
            last = now

    thread = threading.Thread(target=tick)
    thread.start()
    work()
    over.set()
    thread.join()
    return max(waits)


def measure(kept: Blocks | Whole | Trigrams, count: int) -> None:
    """All figures of one of the ways."""
    cpu = group_octets = 0.0
    group: list[MessageText] = []
    for text in texts(count):
        group.append(text)
        group_octets += len(text.body)
        if len(group) == 256:
            cpu, group = cpu + added(kept, group), []
    cpu += added(kept, group) if group else 0.0
    size = sum(os.path.getsize(path) for path in kept.paths() if os.path.exists(path))
    print(
        f"\n{kept.name}, {count} messages: in {cpu * 1e6 / count:.0f} us CPU, {size / count:.0f} octets a message"
    )
    for name, wanted in QUESTIONS.items():
        cold(kept.paths())
        first = timed(lambda wanted=wanted: kept.find(wanted))  # type: ignore[misc]
        warm = min(timed(lambda wanted=wanted: kept.find(wanted)) for _ in range(3))  # type: ignore[misc]
        print(f"  {name:12} {kept.find(wanted):7} found, cold {first:7.3f} s, warm {warm:7.3f} s")
    cold(kept.paths())
    print(
        f"  others wait  {longest_wait(lambda: kept.find(QUESTIONS['one in all'])) * 1000:.0f} ms at most, cold"
    )
    begun = time.process_time()
    seconds = timed(kept.remove_half)
    left = sum(os.path.getsize(path) for path in kept.paths() if os.path.exists(path))
    print(
        f"  half goes in {seconds:.2f} s, {time.process_time() - begun:.2f} s CPU;"
        f" {left / count * 2:.0f} octets a message left"
    )


def added(kept: Blocks | Whole | Trigrams, group: list[MessageText]) -> float:
    """Seconds of processor time that it took."""
    begun = time.process_time()
    kept.add(group)
    return time.process_time() - begun


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--trigrams", type=int, default=10_000)
    parser.add_argument("--path")
    arguments = parser.parse_args()
    sample = [octets_of(number) for number in range(500)]
    begun = time.process_time()
    read = [plain(text_of(1, OctetsSource(octets))) for octets in sample]
    used = time.process_time() - begun
    size, kept = sum(map(len, sample)) // len(sample), sum(len(each.encode()) for each in read) // len(sample)
    print(f"reading text: {used * 1e6 / len(sample):.0f} us CPU a message of {size} octets, {kept} of text")
    for kind, count in (
        (Blocks, arguments.messages),
        (Whole, arguments.messages),
        (Trigrams, arguments.trigrams),
    ):
        directory = tempfile.mkdtemp(dir=arguments.path)
        try:
            measure(kind(directory), count)
        finally:
            shutil.rmtree(directory)


if __name__ == "__main__":
    main()
