"""Finds plugins by kind and name.

A plugin is one small object in a module of `mailframe.plugins`: a name, a sentence, and two dotted names (of its
options' schema and of what builds it), which are imported when they are used. So a missing optional library costs
the plugin that needs it and nothing else. Our own backends are declared the same way, in `mailframe.plugins.builtin`.

The modules are the ones ``twisted.plugin`` would find, but they are imported here: declarations are cheap, so nothing
is won by a ``dropin.cache`` that must be written into the place of installation, and a module that cannot be
imported is told to people (`discover`) instead of going to the log as a traceback.
"""

from __future__ import annotations

import difflib
import importlib
import itertools
import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from twisted.plugin import IPlugin
from zope.interface import Attribute, Interface, directlyProvides

import mailframe.plugins


class IPluginFactory(Interface):
    """What all kinds have in common. A plugin's name is its key in the configuration."""

    name = Attribute("What the configuration calls it, ``str``: letters, digits and ``_``.")
    summary = Attribute("One sentence for ``mailframe plugins``, ``str``.")

    def schema() -> type[Any]:
        """The frozen attrs class of its options, imported now.

        Raises:
            PluginUnavailable: it or a library it needs cannot be imported.
        """

    def check() -> None:
        """Import all that `build` will need, and build nothing.

        Raises:
            PluginUnavailable: it or a library it needs cannot be imported.
        """

    def build(options: Any, context: Any) -> Any:
        """Make the thing itself.

        Args:
            options: an instance of `schema`.
            context: the `mailframe.roles.context.Context` it is made in.

        Raises:
            PluginUnavailable: it or a library it needs cannot be imported.
        """


class IRoleFactory(IPluginFactory):
    """Builds an ``IService``: a role of a node. Options in ``[role.NAME]``."""


class IMailStoreFactory(IPluginFactory):
    """Builds an `mailframe.store.interfaces.IMailStore`. Options in ``[store.NAME]``."""


class IDirectoryFactory(IPluginFactory):
    """Builds an `mailframe.directory.interfaces.IDirectory`. Options in ``[directory.NAME]``."""


class IAuthenticatorFactory(IPluginFactory):
    """Builds an `mailframe.directory.interfaces.IAuthenticator`. Options in ``[authenticator.NAME]``."""


class IPolicyFactory(IPluginFactory):
    """Builds an object with interfaces of `mailframe.policy.interfaces`. Options in ``[policy.NAME]``."""


class IFilterFactory(IPluginFactory):
    """Builds an `mailframe.filters.interfaces.IFilter`. Options in ``[filter.NAME]``."""


class IDeliveryFactory(IPluginFactory):
    """Builds an `mailframe.delivery.interfaces.IDelivery`. Options in ``[delivery.NAME]``."""


class ISpoolFactory(IPluginFactory):
    """Builds an `mailframe.queue.interfaces.ISpool`. Options in ``[spool.NAME]``."""


KINDS: dict[str, type[IPluginFactory]] = {
    "role": IRoleFactory,
    "store": IMailStoreFactory,
    "directory": IDirectoryFactory,
    "authenticator": IAuthenticatorFactory,
    "policy": IPolicyFactory,
    "filter": IFilterFactory,
    "delivery": IDeliveryFactory,
    "spool": ISpoolFactory,
}
"""Each kind by the word that the configuration has for it."""


class PluginError(Exception):
    """Something about a plugin that its user can put right; the text says how."""


class UnknownPlugin(PluginError):
    """No plugin of this kind has this name."""


class DuplicatePlugin(PluginError):
    """Two plugins of one kind have the same name."""


class PluginUnavailable(PluginError):
    """A plugin's schema or implementation cannot be imported."""


def kind_word(kind: type[IPluginFactory]) -> str:
    """The configuration's word for a kind: ``"store"`` for `IMailStoreFactory`."""
    return next(word for word, known in KINDS.items() if known is kind)


class Declaration:
    """Declares one plugin; the usual way to provide one of the interfaces above.

    Args:
        kind: what it is, for example `IMailStoreFactory`.
        name: its name in the configuration.
        summary: one sentence for people.
        schema: dotted name of the frozen attrs class of its options.
        implementation: dotted name of a callable ``(options, context)`` that makes it.
        install: what to give to ``pip install`` when a library is missing, ``"mailframe[postgres]"``.
    """

    def __init__(
        self,
        kind: type[IPluginFactory],
        *,
        name: str,
        summary: str,
        schema: str,
        implementation: str,
        install: str | None = None,
    ) -> None:
        self.kind = kind
        self.name = name
        self.summary = summary
        self.schema_name = schema
        self.implementation = implementation
        self.install = install
        directlyProvides(self, IPlugin, kind)

    def __repr__(self) -> str:
        return f"Declaration({self.kind.__name__}, name={self.name!r})"

    def schema(self) -> type[Any]:
        """The class of its options (see `IPluginFactory.schema`)."""
        return self._import(self.schema_name)  # type: ignore[no-any-return]

    def check(self) -> None:
        """Import schema and implementation (see `IPluginFactory.check`)."""
        self._import(self.schema_name)
        self._import(self.implementation)

    def build(self, options: Any, context: Any) -> Any:
        """Make it (see `IPluginFactory.build`)."""
        return self._import(self.implementation)(options, context)

    def _import(self, dotted: str) -> Any:
        module_name, _, attribute = dotted.rpartition(".")
        who = f'{kind_word(self.kind)} plugin "{self.name}"'
        try:
            return getattr(importlib.import_module(module_name), attribute)
        except ModuleNotFoundError as error:
            missing = error.name or str(error)
            if missing.partition(".")[0] == module_name.partition(".")[0]:
                raise PluginUnavailable(f"{who} names {dotted}, and there is no module {missing}") from error
            install = self.install or missing.partition(".")[0]
            raise PluginUnavailable(
                f'{who} needs the library "{missing}", which is not installed; try: pip install {install}'
            ) from error
        except ImportError as error:
            raise PluginUnavailable(f"{who} cannot be imported: {error}") from error
        except AttributeError as error:
            raise PluginUnavailable(f"{who} names {dotted}, but {module_name} has no {attribute}") from error


@dataclass(frozen=True, slots=True)
class Found:
    """One plugin and where it was declared.

    Attributes:
        kind: the word for its kind, a key of `KINDS`.
        factory: the plugin itself.
        module: dotted name of the declaring module.
    """

    kind: str
    factory: Any
    module: str


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one declaring module, in words for people."""

    module: str
    text: str


def discover() -> tuple[Sequence[Found], Sequence[Problem]]:
    """All plugins by kind and name, and what is wrong with them.

    Of plugins with the same kind and name all are returned, and each is a problem too.
    """
    found: list[Found] = []
    problems: list[Problem] = []
    package = mailframe.plugins
    for module_name in sorted({info.name for info in pkgutil.iter_modules(package.__path__)}):
        dotted = f"{package.__name__}.{module_name}"
        try:
            module = importlib.import_module(dotted)
        except Exception as error:
            # Whatever a third party's module does when it is imported must not stop the others.
            problems.append(Problem(dotted, f"cannot be imported: {type(error).__name__}: {error}"))
        else:
            found.extend(_declared(dotted, vars(module).values()))
    order = list(KINDS)
    found.sort(key=lambda one: (order.index(one.kind), one.factory.name, one.module))
    for one, other in itertools.pairwise(found):
        if (one.kind, one.factory.name) == (other.kind, other.factory.name):
            problems.append(Problem(other.module, _duplicate(one, other)))
    return found, problems


def _declared(module: str, values: Any) -> Sequence[Found]:
    """The plugins among a module's values, each once even when it has two names there."""
    unique = {id(value): value for value in values if IPlugin.providedBy(value)}
    return [
        Found(word, value, module)
        for value in unique.values()
        for word, kind in KINDS.items()
        if kind.providedBy(value)
    ]


def _duplicate(one: Found, other: Found) -> str:
    return (
        f'{one.kind} plugin "{one.factory.name}" is declared twice, in {one.module} and in {other.module}; '
        "remove one of the packages"
    )


Kind = TypeVar("Kind", bound=IPluginFactory)


def plugins(kind: type[Kind]) -> Sequence[Kind]:
    """All plugins of a kind, sorted by name.

    Raises:
        DuplicatePlugin: two have the same name.
    """
    word = kind_word(kind)
    found = [one for one in discover()[0] if one.kind == word]
    for one, other in itertools.pairwise(found):
        if one.factory.name == other.factory.name:
            raise DuplicatePlugin(_duplicate(one, other))
    return [one.factory for one in found]


def find(kind: type[Kind], name: str) -> Kind:
    """The plugin of this kind and name.

    Raises:
        UnknownPlugin: there is none; says what there is and what may have been meant.
        DuplicatePlugin: there are two.
    """
    known = {plugin.name: plugin for plugin in plugins(kind)}
    if name in known:
        return known[name]
    raise UnknownPlugin(unknown(kind_word(kind), name, list(known)))


def unknown(word: str, name: str, known: Sequence[str]) -> str:
    """What to say of a name that is not among the known ones."""
    text = f'no {word} plugin is called "{name}"'
    close = difflib.get_close_matches(name, known, 1)
    if close:
        return f'{text}; did you mean "{close[0]}"?'
    return f"{text}; there is: {', '.join(sorted(known)) or 'none'}"
