"""What the test against the model needs: ways to wait for a store, and one side of a session."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.threads import blockingCallFromThread

from mailframe.message.status import MailframeError
from mailframe.store.interfaces import IMailbox
from mailframe.store.values import Flags
from mailframe.store.view import MailboxView

Run = Callable[[Awaitable[Any]], Any]
"""Waits for an awaitable and gives its result; how, depends on the store's threads."""


def run_at_once(awaitable: Awaitable[Any]) -> Any:
    """For a store that answers in the caller's thread."""
    results: list[Any] = []
    Deferred.fromCoroutine(_awaited(awaitable)).addBoth(results.append)
    (result,) = results
    return result.value if hasattr(result, "getTracebackObject") else result


def run_in_reactor(awaitable: Awaitable[Any]) -> Any:
    """For a store that needs the reactor: called in another thread, which waits."""
    from twisted.internet import reactor

    return blockingCallFromThread(cast(Any, reactor), lambda: Deferred.fromCoroutine(_awaited(awaitable)))


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    try:
        return await awaitable
    except MailframeError as error:
        return error


@dataclass
class Side:
    """One of the two stores in one session.

    Attributes:
        flags: the session's copy, by UID, kept by `changes` only.
    """

    mailbox: IMailbox
    view: MailboxView
    flags: dict[int, Flags] = field(default_factory=dict)

    def uids(self, places: set[int]) -> list[int]:
        """The UIDs at these places, those that there are."""
        return [self.view.uids[place] for place in sorted(places) if place < len(self.view)]

    def places(self, uids: Iterable[int]) -> list[int | None]:
        """Where UIDs are."""
        return [self.view.number(uid) for uid in uids]


def listing_facts(entries: Any) -> object:
    """What two stores must agree about of a list of mailboxes."""
    return [(entry.name, entry.selectable, entry.subscribed, entry.special_use) for entry in entries]


def status_facts(status: Any) -> object:
    """The same of a mailbox's figures."""
    return status.messages, status.recent, status.unseen, status.deleted, status.size


def figures(side: Side) -> object:
    """The same of the messages that a session sees."""
    return [
        (number + 1, side.flags.get(uid), side.view.is_recent(uid))
        for number, uid in enumerate(side.view.uids)
    ]
