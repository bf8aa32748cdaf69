"""All roles of a worker as one piece of work: what `mailframe.node.worker` runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from twisted.internet.defer import maybeDeferred
from zope.interface import implementer

from mailframe.config.errors import ConfigurationErrors
from mailframe.config.loading import loads
from mailframe.database.sqlite import UnusableDatabase
from mailframe.message.status import MailframeError
from mailframe.monitor.health import Problem
from mailframe.node.interfaces import Assembly, IWork
from mailframe.node.plan import PlanError
from mailframe.registry import PluginError
from mailframe.tls.errors import CertificateError

from .collaborators import Collaborators
from .context import Context
from .interfaces import IRole


@contextmanager
def in_sentences() -> Iterator[None]:
    """What people can put right is told to them as a sentence; the rest is our fault and keeps its traceback."""
    try:
        yield
    except MailframeError as error:
        raise PlanError([error.reason]) from error
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        raise PlanError([f"{place}{error.strerror or error}"]) from error
    except (PluginError, CertificateError, UnusableDatabase) as error:
        raise PlanError([str(error)]) from error


@implementer(IWork)
class Roles:
    """Several roles that share stores and directories.

    Args:
        context: what they share; stopped after them.
        roles: by name.
    """

    def __init__(self, context: Context, roles: Mapping[str, IRole]) -> None:
        self._context = context
        self._roles = roles
        self._warden = context.warden(roles.values())
        self.summary = ", ".join(roles)

    async def start(self) -> None:
        """Open what the roles share, then listen."""
        with in_sentences():
            await Collaborators(*self._context.resources).start()
        for role in self._roles.values():
            role.startService()  # type: ignore[no-untyped-call]
        for role in self._roles.values():
            await role.ready()
        if self._warden is not None:
            await self._warden.start()

    async def drain(self) -> None:
        """Listen no more."""
        for role in self._roles.values():
            await role.drain()
        self._context.drain()

    def sessions(self) -> Mapping[str, int]:
        """Open connections by role."""
        return {name: role.sessions() for name, role in self._roles.items()}

    async def ask(self, question: str, details: Mapping[str, Any]) -> Any:
        """Answer what a role, or what roles share, has an answer to."""
        answers = {name: answer for role in self._roles.values() for name, answer in role.questions().items()}
        answer = (self._context.questions | answers).get(question)
        return None if answer is None else await answer(**details)

    def finish(self) -> None:
        """End what is idle."""
        for role in self._roles.values():
            role.finish()

    async def stop(self) -> None:
        """Cut what is left, then close what they shared, last opened first closed."""
        if self._warden is not None:
            await self._warden.stop()
        for role in self._roles.values():
            if role.running:
                await maybeDeferred(role.stopService)
        await Collaborators(*self._context.resources).stop()

    async def health(self) -> Sequence[Problem]:
        """What is wrong, each once: roles depend on the same things."""
        problems: dict[Problem, None] = {}
        for role in self._roles.values():
            problems.update(dict.fromkeys(await role.health()))
        return list(problems)


def build(assembly: Assembly) -> Roles:
    """Read the configuration and build its roles.

    Raises:
        PlanError: it is wrong, or something it names cannot be used.
    """
    try:
        configuration = loads(assembly.text.encode(), assembly.path, assembly.roles)
    except ConfigurationErrors as errors:
        raise PlanError([str(problem) for problem in errors.problems]) from None
    context = Context(
        configuration,
        assembly.reactor,
        assembly.hints,
        assembly.endpoints.__getitem__,
        assembly.number,
        assembly.tallies,
    )
    with in_sentences():
        roles: dict[str, IRole] = {
            name: choice.build(context) for name, choice in configuration.roles.items()
        }
        roles.update(_api(context))
    return Roles(context, roles)


def _api(context: Context) -> Mapping[str, IRole]:
    """The API, where there is one; built last, because its health is that of all that was built."""
    if context.configuration.api is None:
        return {}
    # Not before it is wanted: twisted.web is large.
    from .api import NAME, build_api

    role = build_api(context)
    return {} if role is None else {NAME: role}
