"""Giving recipients that are due to runners. Transactions for pool threads.

First destinations are chosen, by rows that no other claim has locked (``FOR UPDATE SKIP LOCKED``), then what is due
the longest at each. Both are steps along an index, however much waits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from mailframe.database.postgres import Connection
from mailframe.queue.values import Claim, ClaimRequest, QueuedRecipient

from .destinations import PROBE_SECONDS
from .rows import MESSAGE, RECIPIENT, RECIPIENT_WIDTH, Row, message_of, recipient_of

MOST_RECIPIENTS: Final = 1000
"""Of one claim."""
_ROUNDS: Final = 20
_INFINITY: Final = float("inf")

Spot = tuple[str, int]
"""Destination and lane."""

_WAKE = """
UPDATE spool_place SET ready = true WHERE (queue, destination, lane) IN (
    SELECT queue, destination, lane FROM spool_place WHERE queue = %s AND NOT ready AND wake <= %s
    ORDER BY wake LIMIT 1000 FOR UPDATE SKIP LOCKED)
"""
_CHOOSE = """
SELECT destination, lane FROM spool_place
WHERE queue = %s AND ready AND destination <> ALL(%s) AND (%s OR destination = ANY(%s))
ORDER BY {order} LIMIT %s FOR UPDATE SKIP LOCKED
"""
_TAKE = """
WITH wanted AS MATERIALIZED (
    SELECT DISTINCT first.queue_id, spot.destination, spot.lane
    FROM unnest(%(destinations)s::text[], %(lanes)s::smallint[], %(counts)s::integer[])
        AS spot (destination, lane, count)
    CROSS JOIN LATERAL (
        SELECT queue_id FROM spool_recipient
        WHERE queue = %(queue)s AND destination = spot.destination AND lane = spot.lane AND state = 'due'
            AND due <= %(now)s
        ORDER BY due, queue_id LIMIT spot.count) first
), chosen AS MATERIALIZED (
    SELECT due.queue_id, due.number FROM wanted CROSS JOIN LATERAL (
        SELECT queue_id, number FROM spool_recipient
        WHERE queue_id = wanted.queue_id AND queue = %(queue)s AND destination = wanted.destination
            AND state = 'due' AND due <= %(now)s
        ORDER BY number LIMIT %(most)s FOR UPDATE SKIP LOCKED) due
)
UPDATE spool_recipient r SET state = 'leased', runner = %(runner)s FROM chosen, spool_message m
WHERE r.queue_id = chosen.queue_id AND r.number = chosen.number AND m.queue_id = r.queue_id
"""
_REVIEW = """
WITH chosen AS MATERIALIZED (
    SELECT queue_id, number FROM spool_recipient WHERE state = 'due' AND review <= %(now)s
    ORDER BY review LIMIT %(most)s FOR UPDATE SKIP LOCKED
)
UPDATE spool_recipient r SET state = 'leased', runner = %(runner)s FROM chosen, spool_message m
WHERE r.queue_id = chosen.queue_id AND r.number = chosen.number AND m.queue_id = r.queue_id
"""
_RETURNING = f"RETURNING {RECIPIENT}, {MESSAGE}"
_SETTLE = """
UPDATE spool_place p SET turn = nextval('spool_turn'), next_due = f.due, wake = f.due, ready = f.due <= %(now)s
FROM (SELECT spot.destination, spot.lane, coalesce((
        SELECT min(due) FROM spool_recipient
        WHERE queue = %(queue)s AND destination = spot.destination AND lane = spot.lane AND state = 'due'
    ), 'infinity') AS due
    FROM unnest(%(destinations)s::text[], %(lanes)s::smallint[]) AS spot (destination, lane)) f
WHERE p.queue = %(queue)s AND p.destination = f.destination AND p.lane = f.lane
"""


@dataclass
class _Claiming:
    """One answer in the making."""

    runner: str
    request: ClaimRequest
    now: float
    claims: list[Claim] = field(default_factory=list)
    served: dict[str, int] = field(default_factory=dict)
    """Claims given by destination."""
    full: set[str] = field(default_factory=set)
    """Destinations that get no more."""

    @property
    def left(self) -> int:
        return self.request.messages - len(self.claims)

    def room(self, destination: str) -> int:
        if destination in self.full:
            return 0
        most = self.request.room.get(destination, self.request.each)
        return most - self.served.get(destination, 0)


def claim_txn(connection: Connection, runner: str, request: ClaimRequest, now: float) -> list[Claim]:
    """Have recipients that are due, for places that are not closed."""
    claiming = _Claiming(runner, request, now)
    claiming.full.update(destination for destination, room in request.room.items() if room <= 0)
    if request.messages <= 0 or not _alive(connection, runner):
        return []
    # A quarter goes by turns alone, so that mail in no hurry moves even where urgent mail never ends.
    fair = request.messages // 4
    _rounds_txn(connection, claiming, "lane, turn", request.messages - fair)
    _rounds_txn(connection, claiming, "turn", request.messages)
    return claiming.claims


def review_txn(connection: Connection, runner: str, messages: int, now: float) -> list[Claim]:
    """Have DUE recipients whose review has come."""
    if messages <= 0 or not _alive(connection, runner):
        return []
    rows = connection.execute(
        _REVIEW + _RETURNING, {"now": now, "most": messages, "runner": runner}
    ).fetchall()
    return _claims(rows)


def _rounds_txn(connection: Connection, claiming: _Claiming, order: str, goal: int) -> None:
    request = claiming.request
    for _ in range(_ROUNDS):
        room = goal - len(claiming.claims)
        if room <= 0:
            return
        connection.execute(_WAKE, (request.queue, claiming.now))
        spots: list[Spot] = connection.execute(
            _CHOOSE.format(order=order).encode(),
            (request.queue, sorted(claiming.full), request.each > 0, sorted(request.room), room),
        ).fetchall()
        if not spots:
            return
        _serve_txn(connection, claiming, spots, room)


def _serve_txn(connection: Connection, claiming: _Claiming, spots: list[Spot], room: int) -> None:
    """Take what is due at some places, urgent ones first."""
    queue, now = claiming.request.queue, claiming.now
    probing, closed = _closings_txn(connection, claiming, spots)
    counts: dict[Spot, int] = {}
    asked: dict[str, int] = {}
    for spot in spots:
        destination = spot[0]
        if destination in closed:
            continue
        most = 1 if destination in probing else claiming.room(destination)
        count = min(room, most - asked.get(destination, 0))
        if count > 0:
            counts[spot] = count
            asked[destination] = asked.get(destination, 0) + count
            room -= count
    if counts:
        parameters = {
            "queue": queue,
            "now": now,
            "runner": claiming.runner,
            "most": MOST_RECIPIENTS,
            "destinations": [destination for destination, _ in counts],
            "lanes": [lane for _, lane in counts],
            "counts": list(counts.values()),
        }
        claims = _claims(connection.execute((_TAKE + _RETURNING).encode(), parameters).fetchall())
        connection.execute(_SETTLE, parameters)
        _note(claiming, claims)
    probed = sorted(probing & set(claiming.served))
    if probed:
        connection.execute(
            "UPDATE spool_closed SET prober = %s, probed_until = %s WHERE queue = %s AND destination = ANY(%s)",
            (claiming.runner, now + PROBE_SECONDS, queue, probed),
        )
        claiming.full.update(probed)
    claiming.full.update(destination for destination in asked if claiming.room(destination) <= 0)


def _closings_txn(
    connection: Connection, claiming: _Claiming, spots: Iterable[Spot]
) -> tuple[set[str], set[str]]:
    """Which of some destinations get one claim, and which get none now; those sleep until their time."""
    queue, now = claiming.request.queue, claiming.now
    rows = connection.execute(
        "SELECT destination, until, probed_until FROM spool_closed WHERE queue = %s AND destination = ANY(%s)"
        " ORDER BY destination FOR UPDATE",
        (queue, sorted({destination for destination, _ in spots})),
    ).fetchall()
    probing, closed = set(), set()
    for destination, until, probed_until in rows:
        wake = max(until, probed_until)
        if wake <= now:
            probing.add(destination)
            continue
        closed.add(destination)
        connection.execute(
            "UPDATE spool_place SET ready = false, wake = greatest(next_due, %s)"
            " WHERE queue = %s AND destination = %s AND (queue, destination, lane) IN ("
            "SELECT queue, destination, lane FROM spool_place"
            " WHERE queue = %s AND destination = %s FOR UPDATE SKIP LOCKED)",
            (wake, queue, destination, queue, destination),
        )
    return probing, closed


def _note(claiming: _Claiming, claims: list[Claim]) -> None:
    claiming.claims.extend(claims)
    for claim in claims:
        destination = claim.place.destination
        claiming.served[destination] = claiming.served.get(destination, 0) + 1


def _claims(rows: list[Row]) -> list[Claim]:
    """Claims from rows of recipients, each with its message: by lane, then by what was due first."""
    found: dict[tuple[str, str, str], tuple[Row, list[QueuedRecipient]]] = {}
    for row in rows:
        recipient = recipient_of(row[:RECIPIENT_WIDTH])
        message = row[RECIPIENT_WIDTH:]
        key = (message[0], recipient.place.queue, recipient.place.destination)
        found.setdefault(key, (message, []))[1].append(recipient)
    claims = [
        Claim(message_of(message), sorted(recipients, key=lambda one: one.number))
        for message, recipients in found.values()
    ]
    claims.sort(key=_urgency)
    return claims


def _urgency(claim: Claim) -> tuple[int, float, str, int]:
    first = claim.recipients[0]
    return claim.message.lane, first.due, claim.message.queue_id, first.number


def _alive(connection: Connection, runner: str) -> bool:
    """Nobody gets work who could not be relieved of it."""
    row = connection.execute("SELECT 1 FROM spool_runner WHERE name = %s FOR KEY SHARE", (runner,)).fetchone()
    return row is not None
