"""The queue in SQLite: messages a second, and what a claim costs with much in the queue.

For each number of waiting messages: messages taken in and concluded at once (one insert, one delete, forty at a
time), claims of ten with their conclusions, and processor time. ``--processes 2`` has two processes do the same on
one file::

    python benchmarks/spool.py --waiting 1000 100000 1000000
    python benchmarks/spool.py --waiting 1000 --processes 1 2

``--path`` names a directory on the disk that is to be measured.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import apsw
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mailframe.message.content import Content
from mailframe.queue.spool.sqlite.spool import SQLiteSpool
from mailframe.queue.values import Claim, ClaimRequest, Conclusion, State
from mailframe.testing.spool.fixture import FINE, NOW, message

AT_ONCE = 40
OCTETS = Content.of(b"Subject: measured\r\n\r\n" + b"x" * 5000)


async def each(count: int, work: Callable[[int], Awaitable[object]]) -> float:
    """Do something many times, some at once; seconds."""
    numbers = iter(range(count))

    async def one() -> None:
        for number in numbers:
            await work(number)

    begun = time.monotonic()
    await gatherResults([Deferred.fromCoroutine(one()) for _ in range(AT_ONCE)])
    return time.monotonic() - begun


async def hot(spool: SQLiteSpool, runner: str, count: int) -> tuple[float, float]:
    """Messages that are delivered as they come; seconds in all, and of the slowest of a hundred additions."""
    waits: list[float] = []

    async def one(number: int) -> None:
        begun = time.monotonic()
        new = message(f"d{number % 100}.test", state=State.LEASED, content=OCTETS)
        await spool.add(new, runner)
        waits.append(time.monotonic() - begun)
        done = [replace(recipient, state=State.DELIVERED, status=FINE) for recipient in new.recipients]
        await spool.conclude(runner, Conclusion(new.message.queue_id, done))

    seconds = await each(count, one)
    return seconds, sorted(waits)[len(waits) * 99 // 100]


async def claims(spool: SQLiteSpool, runner: str, rounds: int) -> tuple[float, float]:
    """Seconds of a claim of ten, and of a conclusion that puts a recipient off."""
    spent, back, found = 0.0, 0.0, 0
    for _ in range(rounds):
        begun = time.monotonic()
        answer = await spool.claim(runner, ClaimRequest("normal", 10))
        claimed = time.monotonic()
        await gatherResults([Deferred.fromCoroutine(_put_off(spool, runner, claim)) for claim in answer])
        spent, back = spent + claimed - begun, back + time.monotonic() - claimed
        found += len(answer)
    return spent / rounds, back / max(1, found)


async def _put_off(spool: SQLiteSpool, runner: str, claim: Claim) -> None:
    recipients = [replace(one, state=State.DUE, due=NOW + 600) for one in claim.recipients]
    await spool.conclude(runner, Conclusion(claim.message.queue_id, recipients))


async def fill(spool: SQLiteSpool, count: int, destinations: int) -> None:
    """Copies of a message, at so many destinations; with little content, so that it does not take long."""
    await spool.add(message("d0.test", content=Content.of(b"Subject: waits\r\n\r\n")))

    def fill_txn(connection: apsw.Connection) -> None:
        (first,) = connection.execute("SELECT min(id) FROM message").fetchone()
        numbers = f"WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {count})"
        connection.execute(
            f"{numbers} INSERT INTO message SELECT 1000 + n, queue_id || n, reverse_path, envelope, origin, arrived,"
            " expires, lane, size, account, reason, filed, waiting FROM message, n WHERE id = ?",
            (first,),
        )
        connection.execute(
            f"{numbers} INSERT INTO content SELECT 1000 + n, octets FROM content, n WHERE message = ?",
            (first,),
        )
        connection.execute(
            f"{numbers} INSERT INTO recipient SELECT 1000 + n, number, local_part, domain, parameters,"
            f" 'remote:d' || (n % {destinations}) || '.test', queue, lane, state, due, review, attempts, delay_told,"
            " status, host, attempted, runner FROM recipient, n WHERE message = ?",
            (first,),
        )
        connection.execute(
            "INSERT OR IGNORE INTO place (queue, destination, lane, next_due, wake)"
            " SELECT DISTINCT queue, destination, lane, due, due FROM recipient"
        )
        connection.execute("UPDATE total SET messages = messages + ?", (count,))
        connection.execute("UPDATE share SET messages = messages + ?", (count,))

    await spool._database.run(fill_txn)


async def measure(reactor, path: str, messages: int) -> None:
    """What one process reaches on a spool that is filled already; one line on standard output."""
    spool = SQLiteSpool(path, reactor, seconds=lambda: NOW)
    await spool.start()
    runner = await spool.enlist(3600)
    await hot(spool, runner, 100)
    used = time.process_time()
    seconds, slow = await hot(spool, runner, messages)
    used = time.process_time() - used
    claim, back = await claims(spool, runner, 50)
    print(
        f"{messages / seconds:6.0f} messages a second in and out, {used / messages * 1e6:4.0f} us of processor"
        f" each, 99 of 100 safe within {slow * 1000:.0f} ms;"
        f" a claim of ten {claim * 1000:6.2f} ms, a conclusion {back * 1000:5.2f} ms",
        flush=True,
    )
    await spool.discharge(runner)
    await spool.stop()


async def prepare(reactor, path: str, count: int, destinations: int) -> None:
    """Fill a spool."""
    spool = SQLiteSpool(path, reactor, seconds=lambda: NOW)
    await spool.start()
    await fill(spool, count, destinations)
    await spool.stop()


def main() -> None:
    """Fill, then measure in processes of their own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--waiting", type=int, nargs="+", default=[1000, 100_000])
    parser.add_argument("--processes", type=int, nargs="+", default=[1])
    parser.add_argument("--messages", type=int, default=5000, help="of each process")
    parser.add_argument("--destinations", type=int, default=1000, help="of the waiting messages")
    parser.add_argument("--path", help="where the files are made")
    parser.add_argument("--role", choices=["fill", "measure"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.role == "fill":
        react(
            lambda reactor: Deferred.fromCoroutine(
                prepare(reactor, options.path, options.waiting[0], options.destinations)
            )
        )
    if options.role == "measure":
        react(lambda reactor: Deferred.fromCoroutine(measure(reactor, options.path, options.messages)))
    for waiting in options.waiting:
        for processes in options.processes:
            rounds(options, waiting, processes)


def rounds(options: argparse.Namespace, waiting: int, processes: int) -> None:
    """One number of waiting messages, so many processes at a time."""
    path = tempfile.mkdtemp(prefix="mailframe-bench-", dir=options.path)
    itself = [sys.executable, __file__, "--path", path, "--messages", str(options.messages)]
    try:
        subprocess.run(
            [
                *itself,
                "--role",
                "fill",
                "--waiting",
                str(waiting),
                "--destinations",
                str(options.destinations),
            ],
            check=True,
        )
        size = os.stat(os.path.join(path, "spool.sqlite")).st_size
        print(f"{waiting} waiting ({size // 2**20} MiB), {processes} at a time:", flush=True)
        workers = [subprocess.Popen([*itself, "--role", "measure"]) for _ in range(processes)]
        for worker in workers:
            worker.wait()
    finally:
        shutil.rmtree(path, ignore_errors=True)


if __name__ == "__main__":
    main()
