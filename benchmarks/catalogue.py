"""The catalogue of an account in SQLite by itself: no octets, no protocol, one thread.

    python benchmarks/catalogue.py [--messages 10000 --messages 100000] [--rounds 3]

What is timed, in milliseconds, the best of the rounds:

``select``    open the file with nothing of it in memory, and read what SELECT answers with: UIDs, the first unseen
              message, keywords, numbers
``again``     the same in a file that is open
``scattered`` the same as ``select``, after every tenth message was expunged
``come``      one message comes, in a transaction of its own
``fetch``     rows of a window of 500 messages
``flags``     all messages get a flag that they do not have, and the change is committed
``news``      what changed, when one message did
``back``      what changed and vanished since the beginning: a client that comes back (QRESYNC)
``copy``      10,000 messages (or all there are) are copied, with their descriptions
``expunge``   the copies are expunged
``disk``      octets of the file a message

Machines are noisy: only figures of one run compare.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from mailframe.store.catalogue.rows import MailboxRow, MessageRow, new_object_id, row_id
from mailframe.store.catalogue.sqlite.catalogue import Catalogue
from mailframe.store.values import Description

DESCRIPTION = Description(b"e" * 300, b"s" * 200, b"b" * 120, b"p" * 80)
GROUP = 10_000


def rows_of(mailbox: MailboxRow, first: int, count: int, modseq: int) -> list[MessageRow]:
    """Rows as deliveries make them; nine of ten were read, and have a keyword, which some programs give to each."""
    return [
        MessageRow(
            row_id(mailbox, uid), mailbox.id, modseq, 0 if uid % 10 == 0 else 1, None if uid % 10 == 0 else b"\1",
            1_700_000_000 + uid, 4096, 1_700_000_000 + uid, new_object_id("M"), new_object_id("T"),
            f"1700000000.M{uid:06}P1.host,S=4096,W=4200", ":2,S", 4096, 0,
        )
        for uid in range(first, first + count)
    ]  # fmt: skip


def fill(catalogue: Catalogue, name: str, count: int) -> None:
    """A mailbox with so many messages, which came in groups of ten."""
    with catalogue.writing():
        mailbox = catalogue.mailboxes.add(name, name, new_object_id("F"))
        catalogue.mailboxes.keywords(mailbox).spell({"$Label1"})
    for start in range(0, count, GROUP):
        with catalogue.writing(GROUP):
            for _ in range(start, min(count, start + GROUP), 10):
                come(catalogue, name, 10)


def come(catalogue: Catalogue, name: str, count: int) -> None:
    """Messages come into a mailbox. Needs a writing transaction."""
    mailbox = found(catalogue, name)
    uid, modseq = catalogue.mailboxes.take_uids(mailbox, count)
    rows = rows_of(mailbox, uid, count, modseq)
    catalogue.messages.add(rows)
    catalogue.descriptions.add([(row.id, DESCRIPTION) for row in rows])


def found(catalogue: Catalogue, name: str) -> MailboxRow:
    """The mailbox, which is there."""
    mailbox = catalogue.mailboxes.named(name)
    assert mailbox is not None
    return mailbox


def select(catalogue: Catalogue, name: str) -> int:
    """What SELECT reads."""
    with catalogue.reading():
        mailbox = found(catalogue, name)
        uids = catalogue.messages.uids(mailbox)
        catalogue.messages.first_unseen(mailbox)
        catalogue.messages.recent(mailbox)
        catalogue.mailboxes.keywords(mailbox).in_use()
        return len(uids)


def transfer(catalogue: Catalogue, source: str, target: str, count: int) -> None:
    """COPY."""
    with catalogue.writing(count):
        one, other = found(catalogue, source), found(catalogue, target)
        rows = list(catalogue.messages.rows(one, list(catalogue.messages.uids(one))[:count]))
        uid, modseq = catalogue.mailboxes.take_uids(other, len(rows))
        new = [
            row._replace(id=row_id(other, uid + number), mailbox=other.id, modseq=modseq)
            for number, row in enumerate(rows)
        ]
        catalogue.messages.add(new)
        catalogue.descriptions.copy([(old.id, row.id) for old, row in zip(rows, new, strict=True)])


def expunge(catalogue: Catalogue, name: str, every: int = 1) -> None:
    """EXPUNGE of each message, or of one in so many."""
    with catalogue.writing():
        mailbox = found(catalogue, name)
        modseq = catalogue.mailboxes.next_modseq(mailbox)
        catalogue.messages.expunge(mailbox, list(catalogue.messages.uids(mailbox))[::every], modseq)


def flag(catalogue: Catalogue, name: str, uids: list[int] | None, bit: int) -> None:
    """STORE."""
    with catalogue.writing():
        mailbox = found(catalogue, name)
        rows = list(catalogue.messages.rows(mailbox, uids))
        modseq = catalogue.mailboxes.next_modseq(mailbox)
        changes = [(row.id, (row.flags ^ bit, row.keywords), row.info) for row in rows]
        catalogue.messages.set_flags(modseq, changes)


def news(catalogue: Catalogue, name: str, since: int) -> None:
    """What changed and vanished."""
    with catalogue.reading():
        mailbox = found(catalogue, name)
        catalogue.messages.changed_since(mailbox, since)
        catalogue.messages.vanished_since(mailbox, since)


def forget(path: str) -> None:
    """Nothing of the file stays in memory."""
    for name in (path, path + "-wal"):
        if os.path.exists(name):
            descriptor = os.open(name, os.O_RDONLY)
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def milliseconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1000


def cold(path: str, name: str) -> float:
    """SELECT by the first client after a start."""
    forget(path)
    begun = time.perf_counter()
    catalogue = Catalogue(path)
    select(catalogue, name)
    taken = (time.perf_counter() - begun) * 1000
    catalogue.close()
    return taken


def measure(path: str, count: int) -> dict[str, float]:
    """One round."""
    catalogue = Catalogue(path)
    fill(catalogue, "large", count)
    fill(catalogue, "copies", 0)
    catalogue.close(clean=True)
    figures = {"select": cold(path, "large"), "disk": os.path.getsize(path) / count}
    catalogue = Catalogue(path)
    select(catalogue, "large")
    figures["again"] = milliseconds(lambda: select(catalogue, "large"))
    window = list(range(count // 2, count // 2 + 500))
    mailbox = found(catalogue, "large")
    figures["fetch"] = milliseconds(lambda: list(catalogue.messages.rows(mailbox, window)))

    def one() -> None:
        with catalogue.writing():
            come(catalogue, "large", 1)

    figures["come"] = min(milliseconds(one) for _ in range(50))
    figures["flags"] = milliseconds(lambda: flag(catalogue, "large", None, 4))
    since = found(catalogue, "large").modseq
    flag(catalogue, "large", [count // 2], 16)
    figures["news"] = milliseconds(lambda: news(catalogue, "large", since))
    some = min(count, GROUP)
    figures["copy"] = milliseconds(lambda: transfer(catalogue, "large", "copies", some))
    figures["expunge"] = milliseconds(lambda: expunge(catalogue, "copies"))
    expunge(catalogue, "large", 10)
    figures["back"] = milliseconds(lambda: news(catalogue, "large", 1))
    catalogue.close(clean=True)
    return figures | {"scattered": cold(path, "large")}


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--messages", type=int, action="append")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--directory", default=None, help="on the disk to measure")
    arguments = parser.parse_args()
    columns = [
        "select",
        "again",
        "scattered",
        "come",
        "fetch",
        "flags",
        "news",
        "back",
        "copy",
        "expunge",
        "disk",
    ]
    print(f"{'messages':>9}" + "".join(f"{column:>10}" for column in columns))
    for count in arguments.messages or (10_000, 100_000):
        rounds = []
        for _ in range(arguments.rounds):
            with tempfile.TemporaryDirectory(dir=arguments.directory) as directory:
                rounds.append(measure(str(Path(directory, "catalogue.sqlite")), count))
        best = {column: min(each[column] for each in rounds) for column in columns}
        print(f"{count:>9}" + "".join(f"{best[column]:>10.2f}" for column in columns))


if __name__ == "__main__":
    main()
