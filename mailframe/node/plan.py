"""What the parent must know to run a generation of workers, and where it learns that.

The parent knows addresses, numbers and the text of the configuration; it never builds a role. The text is given to
the workers as it was checked, so that a generation is of one mind even when the file changes while it starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zope.interface import Interface


class PlanError(Exception):
    """The configuration cannot be used.

    Attributes:
        errors: one line each, with file and line where that is known.
    """

    def __init__(self, errors: Sequence[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = tuple(errors)


@dataclass(frozen=True)
class LogPlan:
    """How the log is written.

    Attributes:
        format: ``readable`` or ``json``.
        level: the least important level that is written.
        file: where to, None for where twistd writes.
    """

    format: str = "readable"
    level: str = "info"
    file: str | None = None


@dataclass(frozen=True)
class Plan:
    """One validated configuration, as the parent sees it.

    Attributes:
        build: dotted name of what a worker calls with a `mailframe.node.interfaces.Assembly`.
        path: the configuration file; the text's relative paths count from its directory.
        text: the whole configuration.
        roles: names of the roles to run.
        workers: how many processes.
        data: directory of all that is kept; made when it is missing.
        control: path of the control socket.
        listen: addresses of all roles, as `mailframe.config.listen` understands them.
        status: address of the status page, None for none.
        connections: how many a worker may have at a time.
        drain_time: seconds that sessions of an old generation may go on.
        start_time: seconds a worker may take until it is ready.
        stop_time: seconds that running transactions have at a stop.
        log: how the log is written.
    """

    build: str
    path: str
    text: str
    roles: Sequence[str]
    workers: int
    data: str
    control: str
    listen: Sequence[str]
    status: str | None = None
    connections: int = 10_000
    drain_time: float = 600.0
    start_time: float = 60.0
    stop_time: float = 5.0
    log: LogPlan = LogPlan()


class IPlanSource(Interface):
    """Where plans come from; asked at start and at each reload."""

    def load() -> Plan:
        """Read and check everything.

        Raises:
            PlanError: with all that is wrong.
        """
