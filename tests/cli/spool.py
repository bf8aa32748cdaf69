"""A queue in memory for tests of the `queue` commands, which remembers what it was asked."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from mailframe.message.content import Content, OctetsBody
from mailframe.message.status import STORAGE_FULL, UNAVAILABLE, MailframeError, Status
from mailframe.queue.values import Change, Closed, Listed, Place, QueuedRecipient, Selection, State, Usage

_AFTER = {
    Change.HOLD: State.HELD,
    Change.RELEASE: State.DUE,
    Change.RETRY: State.DUE,
    Change.BOUNCE: State.FAILED,
    Change.DELETE: None,
}
_FOR = {
    Change.HOLD: (State.DUE,),
    Change.RELEASE: (State.HELD,),
    Change.RETRY: (State.DUE,),
    Change.BOUNCE: (State.DUE, State.HELD),
    Change.DELETE: (State.DUE, State.HELD, State.FAILED, State.DELIVERED),
}


class ListSpool:
    """As much of a spool as commands use; selections look at ids, states and domains only.

    Args:
        messages: what is in it, by age.
        octets: the content of each.
    """

    def __init__(self, messages: Sequence[Listed], octets: bytes) -> None:
        self.messages = {listed.message.queue_id: listed for listed in messages}
        self.octets = octets
        self.selections: list[Selection] = []
        self.changes: list[tuple[Any, ...]] = []
        self.running = 0
        self.full = False
        self.gone: set[str] = set()
        self.broken = False
        self.found: dict[str, Listed] | None = None

    async def start(self) -> None:
        self.running += 1

    async def stop(self) -> None:
        self.running -= 1

    async def listing(self, selection: Selection, after: str = "", limit: int = 500) -> Sequence[Listed]:
        assert self.running == 1
        self.selections.append(selection)
        found = [
            replace(listed, recipients=[one for one in listed.recipients if _fits(selection, one)])
            for queue_id, listed in sorted(self.messages.items())
            if queue_id > after and (not selection.queue_ids or queue_id in selection.queue_ids)
        ]
        return [listed for listed in found if listed.recipients][:limit]

    async def find(self, queue_id: str) -> Listed | None:
        return (self.messages if self.found is None else self.found).get(queue_id)

    async def change_all(
        self, change: Change, messages: Sequence[tuple[str, Sequence[int]]], status: Status | None = None
    ) -> Sequence[int]:
        if self.full:
            raise MailframeError(STORAGE_FULL, "the disk is full")
        return [self._change(change, queue_id, numbers, status) for queue_id, numbers in messages]

    def _change(self, change: Change, queue_id: str, numbers: Sequence[int], status: Status | None) -> int:
        self.changes.append((change, queue_id, list(numbers), status))
        listed, kept, count = self.messages[queue_id], [], 0
        for one in listed.recipients:
            if one.number not in numbers or one.state not in _FOR[change]:
                kept.append(one)
                continue
            count += 1
            if (state := _AFTER[change]) is not None:
                kept.append(replace(one, state=state))
        self.messages[queue_id] = replace(listed, recipients=kept)
        return count

    async def flush(self, destination: str | None = None, queue: str | None = None) -> int:
        self.changes.append((destination, queue))
        return 3

    async def content(self, queue_id: str) -> Content:
        if queue_id in self.gone:
            raise MailframeError(UNAVAILABLE, "its octets are damaged")
        return Content(_BrokenBody(self.octets)) if self.broken else Content.of(self.octets)

    async def usage(self) -> Usage:
        return Usage(2, 700, {("normal", State.DUE): 3, ("slow", State.HELD): 1}, 1_700_000_000.0)

    async def closed(self) -> Sequence[Closed]:
        return [Closed(Place("remote:example.org"), 1_700_000_300.0, 4, Status((4, 4, 1), "No answer"))]


class _BrokenBody(OctetsBody):
    """Octets of which the disk gives the first only."""

    def chunks(self) -> Iterator[bytes]:
        yield self.head[:3]
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def _fits(selection: Selection, one: QueuedRecipient) -> bool:
    return (not selection.states or one.state in selection.states) and (
        selection.domain is None or one.recipient.forward_path.domain == selection.domain
    )
