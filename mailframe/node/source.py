"""Plans from a configuration file."""

from __future__ import annotations

from collections.abc import Sequence

from zope.interface import implementer

from mailframe.config.errors import ConfigurationErrors, ConfigurationProblem
from mailframe.config.listen import format_listener
from mailframe.config.listeners import listeners_of
from mailframe.config.loading import loads
from mailframe.config.schema import Configuration

from .plan import IPlanSource, LogPlan, Plan, PlanError

BUILD = "mailframe.roles.assembly.build"
"""What workers call; by name, because only roles choose what a node is made of."""


@implementer(IPlanSource)
class FileSource:
    """Reads a configuration file.

    Args:
        path: the file.
        roles: instead of those in the file, where given.
        workers: instead of the number in the file, where given.
    """

    def __init__(self, path: str, roles: Sequence[str] = (), workers: int | None = None) -> None:
        self._path = path
        self._roles = tuple(roles)
        self._workers = workers

    def load(self) -> Plan:
        """Read and check it (see `IPlanSource.load`)."""
        try:
            with open(self._path, "rb") as file:
                content = file.read()
            configuration = loads(content, self._path, self._roles)
        except ConfigurationErrors as errors:
            raise PlanError([str(problem) for problem in errors.problems]) from None
        except OSError as error:
            problem = ConfigurationProblem(self._path, 0, "", "", f"cannot be read: {error.strerror}")
            raise PlanError([f"{problem}; `mailframe init` writes a first one"]) from None
        return self._plan(configuration, content.decode("utf-8-sig"))

    def _plan(self, configuration: Configuration, text: str) -> Plan:
        node, log = configuration.node, configuration.log
        listen = [
            format_listener(listener)
            for role in configuration.roles.values()
            for _, listener in listeners_of(role.options)
        ]
        if configuration.api is not None:
            listen += [format_listener(listener) for _, listener in listeners_of(configuration.api)]
        return Plan(
            build=BUILD,
            path=configuration.path,
            text=text,
            roles=list(configuration.roles),
            workers=self._workers or node.workers,
            data=node.data,
            control=node.control,
            listen=listen,
            status=node.status or None,
            connections=node.connections,
            drain_time=node.drain_time,
            log=LogPlan(log.format, log.level, log.file),
        )
