"""Claims: recipients that are due, or have to be looked at, become one runner's. Inside transactions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import apsw

from mailframe.message.content import Content
from mailframe.queue.values import Claim, ClaimRequest, Place

from .leases import alive_txn
from .places import served_txn
from .rows import MESSAGE, RECIPIENT, every, first, message_of, recipient_of

RECIPIENTS_LIMIT: Final = 1000
"""Of one claim."""
AT_HAND: Final = 4 * 1024 * 1024
"""Octets of content that one answer brings along; of what is over that, each is asked for when it is needed."""
PROBE_AGAIN: Final = 60.0
"""Seconds until a place is looked at again whose one probe is still under way."""
WOKEN: Final = 1000
"""Places that one claim looks at for the first time: after a night without power a million may have become due."""
OUT_OF_ORDER: Final = 4
"""One claim in so many is for whoever waited the longest, however little urgent, so that no lane starves."""


def claim_txn(connection: apsw.Connection, runner: int, request: ClaimRequest, now: float) -> list[Claim]:
    """Have what is due (see `ISpool.claim`)."""
    if not alive_txn(connection, runner):
        return []
    connection.execute(
        "UPDATE place SET ready = 1 WHERE (queue, destination, lane) IN (SELECT queue, destination, lane FROM place"
        " WHERE queue = ? AND ready = 0 AND wake <= ? ORDER BY wake LIMIT ?)",
        (request.queue, now, WOKEN),
    )
    work = _Work(connection, runner, request, now)
    fair = request.messages // OUT_OF_ORDER
    work.serve("lane, turn", request.messages - fair)
    work.serve("turn", request.messages - len(work.claims))
    return work.claims


# The second bound says nothing new: by it SQLite knows that the (partial) index has all of these. Without, it went
# through every recipient: two workers with 1,000,000 waiting spent a third of a core each.
TO_REVIEW = (
    "SELECT DISTINCT message, queue, destination FROM (SELECT message, queue, destination FROM recipient"
    " WHERE state = 0 AND review <= ? AND review < 9e999 ORDER BY review LIMIT ?)"
)


def review_txn(connection: apsw.Connection, runner: int, messages: int, now: float) -> list[Claim]:
    """Have what must be looked at (see `ISpool.claim_for_review`)."""
    if not alive_txn(connection, runner):
        return []
    rows = every(
        connection,
        TO_REVIEW,
        (now, messages),
    )
    room = AT_HAND
    claims = []
    for message, queue, destination in rows:
        claim = _lease(connection, runner, message, Place(destination, queue), "review", now, room)
        room -= claim.message.size
        claims.append(claim)
    return claims


class _Work:
    """One answer in the making."""

    def __init__(self, connection: apsw.Connection, runner: int, request: ClaimRequest, now: float) -> None:
        self._connection = connection
        self._runner = runner
        self._request = request
        self._now = now
        self._room: dict[str, int] = dict(request.room)
        self._octets = AT_HAND
        self.claims: list[Claim] = []

    def serve(self, order: str, messages: int) -> None:
        """So many claims more, from the places in this order."""
        wanted = len(self.claims) + messages
        if messages <= 0:
            return
        for destination, lane in self._places(order):
            room = self._room.get(destination, self._request.each)
            count = min(room, wanted - len(self.claims))
            if count <= 0:
                continue
            taken = self._take(Place(destination, self._request.queue), lane, count)
            self._room[destination] = room - taken
            if len(self.claims) >= wanted:
                return

    def _places(self, order: str) -> Iterator[tuple[str, int]]:
        """Places that are ready; what is full already is passed over where it lies."""
        full = [name for name, room in self._room.items() if room <= 0]
        marks = ", ".join("?" * len(full))
        rows = every(
            self._connection,
            f"SELECT destination, lane FROM place WHERE queue = ? AND ready = 1 AND destination NOT IN ({marks})"
            f" ORDER BY {order} LIMIT ?",
            (self._request.queue, *full, 2 * self._request.messages),
        )
        yield from rows

    def _take(self, place: Place, lane: int, count: int) -> int:
        probe, most, again = self._allowed(place, count)
        messages = self._due(place, lane, most) if most else []
        if probe and messages:
            self._connection.execute(
                "UPDATE closed SET prober = ? WHERE queue = ? AND destination = ?",
                (self._runner, place.queue, place.destination),
            )
            again = self._now + PROBE_AGAIN
        for message in messages:
            claim = _lease(self._connection, self._runner, message, place, "due", self._now, self._octets)
            self._octets -= claim.message.size
            self.claims.append(claim)
        served_txn(self._connection, place, lane, self._now, again)
        return len(messages)

    def _allowed(self, place: Place, count: int) -> tuple[bool, int, float]:
        """What may be claimed of a place that perhaps was closed.

        Returns:
            Is it to be probed? How many may be claimed? And before when is it not looked at again?
        """
        row = first(
            self._connection,
            "SELECT until, prober FROM closed WHERE queue = ? AND destination = ?",
            (place.queue, place.destination),
        )
        if row is None:
            return False, count, 0.0
        until, prober = row
        if until > self._now:
            return False, 0, until
        if prober is not None:
            return False, 0, self._now + PROBE_AGAIN
        return True, 1, 0.0

    def _due(self, place: Place, lane: int, count: int) -> list[int]:
        """Messages with recipients that are due there, what is due the longest first, each once."""
        rows = self._connection.execute(
            "SELECT message FROM recipient WHERE queue = ? AND destination = ? AND lane = ? AND state = 0"
            " AND due <= ? ORDER BY due, message",
            (place.queue, place.destination, lane, self._now),
        )
        found: dict[int, None] = {}
        for (message,) in rows:
            found[message] = None
            if len(found) >= count:
                break
        return list(found)


_WHICH: Mapping[str, str] = {"due": "due <= ?", "review": "review <= ?"}


def _lease(
    connection: apsw.Connection,
    runner: int,
    message: int,
    place: Place,
    which: str,
    now: float,
    room: int,
) -> Claim:
    """Give what is due, or has to be looked at, of one message at one place to a runner."""
    found = (message, place.queue, place.destination, now)
    rows = every(
        connection,
        # By message, not by the index of what is due: that is the plus.
        f"SELECT number FROM recipient WHERE message = ? AND +queue = ? AND +destination = ? AND state = 0"
        f" AND {_WHICH[which]} ORDER BY number LIMIT {RECIPIENTS_LIMIT}",
        found,
    )
    recipients = []
    for (number,) in rows:
        row = first(
            connection,
            f"UPDATE recipient SET state = 1, runner = ? WHERE message = ? AND number = ? RETURNING {RECIPIENT}",
            (runner, message, number),
        )
        recipients.append(recipient_of(row))
    facts = first(connection, f"SELECT {MESSAGE}, filed FROM message WHERE id = ?", (message,))
    content = None
    if not facts[-1] and facts[6] <= room:
        octets = first(connection, "SELECT octets FROM content WHERE message = ?", (message,))
        content = Content.of(octets[0]) if octets is not None else None
    return Claim(message_of(facts[:-1]), recipients, content)
