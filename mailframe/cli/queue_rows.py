"""How the `queue` commands tell of mail: for programs everything, for people a line or a page."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from mailframe.config.describe import size_text
from mailframe.message.address import Address
from mailframe.queue.values import Closed, Listed, QueuedRecipient, State, Usage

COLUMNS = ("id", "age", "size", "from", "recipients", "state", "next", "reason")
"""Of a list, for people."""
_SHOWN = 3


def message_facts(listed: Listed) -> dict[str, Any]:
    """A message and its recipients, for programs; times are in ISO 8601."""
    message = listed.message
    return {
        "id": message.queue_id,
        "arrived": moment(message.arrived),
        "expires": moment(message.expires),
        "reverse_path": path(message.envelope.reverse_path),
        "parameters": message.envelope.parameters,
        "account": message.account,
        "login": message.origin.login,
        "peer": message.origin.peer,
        "session_id": message.origin.session_id,
        "lane": message.lane,
        "size": message.size,
        "reason": message.reason or None,
        "recipients": [recipient_facts(one) for one in listed.recipients],
    }


def recipient_facts(one: QueuedRecipient) -> dict[str, Any]:
    """A recipient, for programs."""
    return {
        "number": one.number,
        "forward_path": path(one.recipient.forward_path),
        "parameters": one.recipient.parameters,
        "state": one.state.value,
        "queue": one.place.queue,
        "destination": one.place.destination,
        "attempts": one.attempts,
        "attempted": moment(one.attempted),
        "next_attempt": moment(one.due) if one.state is State.DUE else None,
        "delay_told": one.delay_told,
        "status": str(one.status) if one.status is not None else None,
        "host": one.host or None,
    }


def row(listed: Listed) -> dict[str, object]:
    """A message in a line."""
    message, recipients = listed.message, listed.recipients
    names = [path(one.recipient.forward_path) for one in recipients[:_SHOWN]]
    more = f" and {len(recipients) - _SHOWN} more" if len(recipients) > _SHOWN else ""
    due = [one.due for one in recipients if one.state is State.DUE]
    return {
        "id": message.queue_id,
        "age": ago(message.arrived),
        "size": size_text(message.size).strip('"'),
        "from": f"<{path(message.envelope.reverse_path)}>",
        "recipients": ", ".join(names) + more,
        "state": states(listed),
        "next": until(min(due)) if due else "-",
        "reason": next(iter(reasons(listed)), "-"),
    }


def page(listed: Listed, subject: str) -> Iterator[str]:
    """A message on a page."""
    message = listed.message
    for name, value in (
        ("id", message.queue_id),
        ("from", f"<{path(message.envelope.reverse_path)}>"),
        ("subject", subject),
        ("arrived", f"{moment(message.arrived)}, {ago(message.arrived)} ago"),
        ("expires", moment(message.expires)),
        ("came from", f"{message.origin.login or 'nobody logged in'}, {message.origin.peer}"),
        ("account", message.account),
        ("size", message.size),
        ("lane", message.lane),
        ("held", message.reason),
    ):
        yield f"{name + ':':<12}{value if value not in (None, '') else '-'}"
    for one in listed.recipients:
        yield f"\n<{path(one.recipient.forward_path)}>"
        yield f"  {one.state.value} in queue {one.place.queue}, for {one.place.destination}"
        times = "once" if one.attempts == 1 else f"{one.attempts} times"
        last = f", last {ago(one.attempted)} ago" if one.attempted else ""
        following = f"; next {until(one.due)}" if one.state is State.DUE else ""
        yield f"  tried {times}{last}{following}"
        if one.status is not None:
            yield f"  {f'{one.host} said: ' if one.host else ''}{one.status}"


def usage_facts(usage: Usage) -> dict[str, Any]:
    """Figures of a queue, for programs."""
    queues: dict[str, dict[str, int]] = {}
    for (queue, state), count in sorted(
        usage.recipients.items(), key=lambda item: (item[0][0], item[0][1].value)
    ):
        queues.setdefault(queue, {})[state.value] = count
    return {
        "messages": usage.messages,
        "octets": usage.octets,
        "oldest": moment(usage.oldest),
        "recipients": queues,
    }


def closed_facts(closed: Closed) -> dict[str, Any]:
    """A closed destination, for programs."""
    return {
        "destination": closed.place.destination,
        "queue": closed.place.queue,
        "until": moment(closed.until),
        "failures": closed.failures,
        "status": str(closed.status),
    }


def reasons(listed: Listed) -> list[str]:
    """Why a message is still there, most frequent first."""
    said = Counter(str(one.status) for one in listed.recipients if one.status is not None)
    return [text for text, _ in said.most_common()] or (
        [listed.message.reason] if listed.message.reason else []
    )


def states(listed: Listed) -> str:
    """How its recipients stand: ``held``, or ``2 due, 1 held``."""
    counts = Counter(one.state.value for one in listed.recipients)
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{count} {state}" for state, count in counts.most_common())


def path(address: Address | None) -> str:
    """An address, "" for none."""
    return str(address) if address is not None else ""


def moment(seconds: float | None) -> str | None:
    """A time in ISO 8601; None for none, and for one that never comes."""
    if not seconds or seconds in (float("inf"), float("-inf")):
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def ago(seconds: float) -> str:
    """How long something is over: ``3d 4h``."""
    return span(time.time() - seconds)


def until(seconds: float) -> str:
    """How long something will take: ``in 5m``, ``now``."""
    left = seconds - time.time()
    return f"in {span(left)}" if left >= 1 else "now"


def span(seconds: float) -> str:
    """A time in its two largest units, for people."""
    left = max(0, int(seconds))
    words: list[str] = []
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, length)
        if count or (unit == "s" and not words):
            words.append(f"{count}{unit}")
        elif words:
            break
    return " ".join(words[:2])
