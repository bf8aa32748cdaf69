"""The contract between a worker process and what it runs."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet.interfaces import IStreamServerEndpoint
from zope.interface import Attribute, Interface

from mailframe.limits.interfaces import ITallies
from mailframe.monitor.health import Problem
from mailframe.store.interfaces import IHints


@dataclass(frozen=True)
class Assembly:
    """What a worker gives to the builder of its work.

    Attributes:
        path: the configuration file.
        text: the configuration, already checked by the parent.
        roles: names of the roles to build.
        endpoints: for each listening address, the endpoint that adopts the parent's socket.
        hints: carries hints to and from the other workers.
        reactor: the worker's.
        number: 0 for the first worker of a generation; chores that one worker is enough for go by it.
        tallies: shared by all workers of the node; None where this one has to count for itself.
    """

    path: str
    text: str
    roles: Sequence[str]
    endpoints: Mapping[str, IStreamServerEndpoint]
    hints: IHints
    reactor: Any
    number: int = 0
    tallies: ITallies | None = None


class IWork(Interface):
    """What a worker runs: all roles of the node."""

    summary = Attribute("`str`: a few words for the log.")

    def start() -> Awaitable[None]:
        """Open stores and directories, then listen. Raises what is wrong; then nothing stays open."""

    def drain() -> Awaitable[None]:
        """Accept no more connections; sessions go on. Safe to call twice."""

    def sessions() -> Mapping[str, int]:
        """Open connections by role."""

    def ask(question: str, details: Mapping[str, Any]) -> Awaitable[Any]:
        """Answer a question that somebody puts to the running node, in what JSON can say; None for unknown ones."""

    def finish() -> None:
        """Ask sessions to end when their transaction does; idle ones end now. Safe to call often."""

    def stop() -> Awaitable[None]:
        """Cut what is left, then close directories and stores. Also good when `start` failed or never ran."""

    def health() -> Awaitable[Sequence[Problem]]:
        """What is wrong with things we depend on; empty when all is well."""
