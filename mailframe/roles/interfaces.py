"""What a node, or whoever embeds a role, asks of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from twisted.application.service import IService

from mailframe.monitor.health import Problem

Question = Callable[..., Awaitable[Any]]
"""Takes details by name; answers in what JSON can say."""


class IRole(IService):
    """A role is an `IService` with a little more.

    ``startService`` starts its collaborators (their ``start`` may be called more than once) and listens;
    ``stopService`` cuts what is left. It never stops its collaborators: other roles use them, so whoever made
    them stops them.
    """

    def ready() -> Awaitable[None]:
        """Wait until it listens everywhere.

        Raises:
            Exception: why it cannot. Then it listens nowhere.
        """

    def questions() -> Mapping[str, Question]:
        """What the running role can be asked, by name (see `mailframe.node.interfaces.IWork.ask`)."""

    def end(account: str, abort: bool = False) -> int:
        """End the sessions of an account, each when its transaction does; to be asked again until none is left.

        Args:
            account: its canonical name.
            abort: cut those that are still in one.

        Returns:
            How many there were.
        """

    def drain() -> Awaitable[None]:
        """Listen no more; sessions go on. Safe to call twice."""

    def sessions() -> int:
        """How many connections it has."""

    def finish() -> None:
        """End idle sessions now, with a goodbye, and leave those in a transaction alone. May be called often."""

    def health() -> Awaitable[Sequence[Problem]]:
        """What is wrong with what it depends on; empty when all is well."""
