"""The queue in PostgreSQL: messages a second, and what a claim costs with much in the queue.

Starts a server of its own with ``fsync`` off, so what is measured is our work and the server's, not the disk's::

    python benchmarks/postgresql_spool.py --waiting 1000 100000
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mailframe.message.status import Status
from mailframe.queue.spool.postgresql.spool import PostgreSQLSpool
from mailframe.queue.values import Claim, ClaimRequest, Conclusion, State
from tests.postgres import Server
from tests.queue.spool.test_postgresql import NOW, message

DONE = Status((2, 0, 0), "OK")
AT_ONCE = 40
ROUNDS = 500


async def each(count: int, work: Callable[[int], Awaitable[object]]) -> float:
    """Do something many times, some at once; times a second."""
    numbers = iter(range(count))

    async def one() -> None:
        for number in numbers:
            await work(number)

    begun = time.monotonic()
    await gatherResults([Deferred.fromCoroutine(one()) for _ in range(AT_ONCE)])
    return count / (time.monotonic() - begun)


async def hot(spool: PostgreSQLSpool, runner: str) -> float:
    """Messages that are delivered as they come: one insert, one delete."""

    async def one(number: int) -> None:
        new = message(f"d{number % 100}.test", state=State.LEASED)
        await spool.add(new, runner)
        done = [replace(recipient, state=State.DELIVERED, status=DONE) for recipient in new.recipients]
        await spool.conclude(runner, Conclusion(new.message.queue_id, done))

    return await each(ROUNDS, one)


async def claims(spool: PostgreSQLSpool, runner: str) -> tuple[float, float]:
    """Seconds of a claim of ten, and of putting one recipient back."""
    spent, found = 0.0, list[Claim]()
    for _ in range(50):
        begun = time.monotonic()
        found += await spool.claim(runner, ClaimRequest("normal", 10))
        spent += time.monotonic() - begun
    begun = time.monotonic()
    for claim in found:
        back = [replace(one, state=State.DUE, due=NOW) for one in claim.recipients]
        await spool.conclude(runner, Conclusion(claim.message.queue_id, back))
    return spent / 50, (time.monotonic() - begun) / max(1, len(found))


async def fill(spool: PostgreSQLSpool, runner: str, count: int) -> None:
    """Copies of a message, at a thousand destinations."""
    await spool.add(message("d0.test"))
    await spool.database.run(
        lambda connection: [
            connection.execute("SET LOCAL statement_timeout = 0"),
            connection.execute(
                "INSERT INTO spool_message SELECT queue_id || n, reverse_path, envelope, origin, arrived, expires,"
                " lane, size, account, reason FROM spool_message, generate_series(1, %s) n"
                " WHERE queue_id = (SELECT min(queue_id) FROM spool_message)",
                (count,),
            ),
            connection.execute(
                "INSERT INTO spool_recipient SELECT queue_id || n, number, forward_path, domain, local_part,"
                " parameters, 'remote:d' || n %% 1000, queue, lane, state, due, review, attempts, delay_told, status,"
                " host, attempted, runner FROM spool_recipient, generate_series(1, %s) n"
                " WHERE queue_id = (SELECT min(queue_id) FROM spool_message)",
                (count,),
            ),
            connection.execute(
                "INSERT INTO spool_place (queue, destination, lane, next_due, wake) SELECT DISTINCT queue,"
                " destination, lane, due, due FROM spool_recipient ON CONFLICT DO NOTHING"
            ),
            connection.execute("ANALYZE"),
        ]
    )


async def measure(reactor, waiting: list[int]) -> None:
    """All figures, a line for each number of messages that wait."""
    server = Server()
    server.start()
    try:
        for count in waiting:
            spool = PostgreSQLSpool(server.database(), reactor, lambda: NOW)
            await spool.start()
            runner = await spool.enlist(3600)
            await fill(spool, runner, count)
            rate = await hot(spool, runner)
            claim, back = await claims(spool, runner)
            print(
                f"{count:>9} waiting: {rate:6.0f} messages a second added and concluded;"
                f" a claim of ten {claim * 1000:5.2f} ms, a conclusion {back * 1000:5.2f} ms"
            )
            await spool.stop()
    finally:
        server.remove()


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--waiting", type=int, nargs="+", default=[1000, 100_000])
    options = parser.parse_args()
    react(lambda reactor: Deferred.fromCoroutine(measure(reactor, options.waiting)))


if __name__ == "__main__":
    main()
