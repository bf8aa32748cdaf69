"""A worker on a spool, to be killed: ``python -m tests.queue.spool.worker PATH SEED``.

It adds messages, attempts them at once or claims them, and writes a line for each thing that the spool has answered.
"""

from __future__ import annotations

import random
import sys
import time
from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from mailframe.message.content import Content
from mailframe.queue.spool.sqlite.spool import SQLiteSpool
from mailframe.queue.values import Claim, ClaimRequest, Conclusion, State
from mailframe.testing.spool.fixture import FINE, LATER, message

LARGE = 300_000
LEASE = 3600.0


def say(word: str, queue_id: str) -> None:
    """A line for whoever watches, in one piece."""
    sys.stdout.write(f"{word} {queue_id}\n")
    sys.stdout.flush()


async def conclude(spool: SQLiteSpool, runner: str, claim: Claim, state: State) -> None:
    """Say first what is about to be delivered, as its host would know."""
    queue_id = claim.message.queue_id
    if state is State.DELIVERED:
        say("delivering", queue_id)
    recipients = [replace(one, state=state, status=FINE, due=time.time()) for one in claim.recipients]
    await spool.conclude(runner, Conclusion(queue_id, recipients))


async def work(reactor, path: str, seed: str) -> None:
    """Until the end."""
    chance = random.Random(seed)
    spool = SQLiteSpool(path, reactor)
    await spool.start()
    runner = await spool.enlist(LEASE)
    while True:
        size = LARGE if chance.random() < 0.2 else 200
        octets = bytes([chance.randrange(256)]) * size
        state = chance.choice([State.DUE, State.LEASED])
        new = message("a.test", due=time.time(), state=state, content=Content.of(octets))
        await spool.add(new, runner)
        say("accepted", new.message.queue_id)
        if state is State.LEASED and chance.random() < 0.7:
            claim = Claim(new.message, new.recipients)
            await conclude(spool, runner, claim, chance.choice([State.DELIVERED, State.DUE]))
        await spool.take_over()
        for claim in await spool.claim(runner, ClaimRequest("normal", 2)):
            if chance.random() < 0.8:
                await conclude(spool, runner, claim, State.DELIVERED)
            else:
                recipients = [replace(one, state=State.HELD, status=LATER) for one in claim.recipients]
                await spool.conclude(runner, Conclusion(claim.message.queue_id, recipients))


if __name__ == "__main__":
    react(lambda reactor: Deferred.fromCoroutine(work(reactor, *sys.argv[1:])))
