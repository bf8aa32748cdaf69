"""Reads a configuration file into a `Configuration`, or says everything that is wrong with it."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from mailframe import registry

from . import schema
from .errors import ConfigurationErrors, ConfigurationProblem
from .listen import Listener
from .positions import find_positions
from .references import circles
from .scalars import did_you_mean, shown
from .schema import Choice, Configuration
from .schemas import options_of
from .types import RoleName
from .walker import BAD, Place, Report, Walker

_PLACE_IN_TEXT = re.compile(r"\s*\(at (?:line ([0-9]+), column [0-9]+|end of document)\)$")


def load(path: str, roles: Sequence[str] = (), store: str = "") -> Configuration:
    """Read a file.

    Args:
        path: the file; relative paths in it count from its directory.
        roles: roles to take instead of ``node.roles``, in order.
        store: a backend to take instead of ``store.backend``, with the options it has in its section.

    Raises:
        ConfigurationErrors: with everything that is wrong; nothing else is raised, whatever is in the file.
    """
    return loads(_content(path), path, roles, store)


def loads(content: bytes, path: str, roles: Sequence[str] = (), store: str = "") -> Configuration:
    """The same for the content of a file that was read already.

    Raises:
        ConfigurationErrors: as `load`.
    """
    report = Report(path)
    tables = _parse(content, report)
    if tables is not None:
        if store and isinstance(tables.setdefault("store", {}), dict):
            tables["store"]["backend"] = store
        reader = _Reader(report, os.path.abspath(path), tables)
        configuration = reader.configuration(roles)
        if configuration is not None and not report.problems:
            return configuration
    raise ConfigurationErrors(report.problems)


def load_node(path: str) -> schema.NodeOptions:
    """Read only the ``[node]`` section of a file, for commands that talk to a running node.

    They must work while the rest of the file is being changed.

    Raises:
        ConfigurationErrors: the file cannot be read, is not TOML, or ``[node]`` is wrong.
    """
    report = Report(path)
    tables = _parse(_content(path), report)
    if tables is not None:
        node = _Reader(report, os.path.abspath(path), tables).node()
        if isinstance(node, schema.NodeOptions):
            return node
    raise ConfigurationErrors(report.problems)


def _content(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        text = f"cannot be read: {reason}; `mailframe init` writes a first one"
        raise ConfigurationErrors([ConfigurationProblem(path, 0, "", "", text)]) from None


def _parse(content: bytes, report: Report) -> dict[str, Any] | None:
    """The tables of a file, with the lines noted; None when it is not TOML."""
    try:
        # Windows' editors put a byte order mark in front; TOML has no word for it.
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        report.problems.append(ConfigurationProblem(report.file, line, "", "", "is not UTF-8"))
        return None
    try:
        tables = tomllib.loads(text)
    except RecursionError:
        report.problems.append(ConfigurationProblem(report.file, 1, "", "", "is nested too deeply"))
        return None
    except ValueError as error:
        report.problems.append(_syntax_problem(report.file, text, str(error)))
        return None
    report.positions = find_positions(text)
    return tables


def _syntax_problem(file: str, text: str, message: str) -> ConfigurationProblem:
    place = _PLACE_IN_TEXT.search(message)
    line = 1
    if place is not None:
        line = int(place[1]) if place[1] else text.count("\n") + 1
        message = message[: place.start()]
    return ConfigurationProblem(file, line, "", "", f"is not TOML: {message}")


class _Reader:
    """Reads the sections of one file."""

    def __init__(self, report: Report, path: str, tables: Mapping[str, Any]) -> None:
        self._report = report
        self._path = path
        self._tables = tables
        self._data = os.path.dirname(self._path)
        self._walker = self._new_walker()
        self._choices: dict[tuple[str, str], Any] = {}

    def _new_walker(self) -> Walker:
        return Walker(self._report, os.path.dirname(self._path), self._data, self._plugin_of)

    def node(self) -> Any:
        """The ``[node]`` section alone, or `BAD`."""
        return self._section("node", schema.NodeOptions)

    def configuration(self, roles: Sequence[str]) -> Configuration | None:
        """The whole configuration; None, or something incomplete, when a problem was noted."""
        self._unknown_sections()
        fixed = {name: self._section(name, options) for name, options in schema.SECTIONS.items()}
        fixed.update(
            {
                name: self._section(name, options) if name in self._tables else None
                for name, options in schema.OPTIONAL.items()
            }
        )
        lists = {name: self._rules(name, options) for name, options in schema.LISTS.items()}
        chosen = {name: self._backend(name, options) for name, options in schema.BACKENDS.items()}
        active = self._active_roles(fixed["node"], roles)
        named = {name: self._plugin("role", name, self._walker, anchor) for name, anchor in active.items()}
        self._named_plugins()
        families = {kind: self._family(kind) for kind in schema.FAMILIES}
        self._check_listeners(fixed["tls"])
        self._check_fronts(fixed["haproxy"])
        sections = {**fixed, **lists, **chosen}
        if self._report.problems or any(value is BAD for value in sections.values()):
            return None
        if roles:
            sections["node"] = _with_roles(fixed["node"], roles)
        return Configuration(
            path=self._path,
            **sections,
            roles=named,
            policies=families["policy"],
            filters=families["filter"],
            deliveries=families["delivery"],
            directories=self._chosen("directory"),
        )

    def _section(self, name: str, options: type[Any]) -> Any:
        """A section that is always the same, or `BAD`. What comes after ``[node]`` knows the data directory."""
        made = self._walker.build(options, self._tables.get(name, {}), Place((name,), (name,)))
        if isinstance(made, schema.NodeOptions):
            self._data = self._walker.data = made.data
        return made

    def _rules(self, name: str, options: type[Any]) -> Any:
        """A section that may be there any number of times: a list of rules, or `BAD`."""
        value = self._tables.get(name, [])
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            self._report.add(Place((name,), (name,)), f"expected [[{name}]] in double brackets")
            return BAD
        rules = [
            self._walker.build(options, table, Place((name,), (name, index)))
            for index, table in enumerate(value)
        ]
        return BAD if any(rule is BAD for rule in rules) else rules

    def _unknown_sections(self) -> None:
        known = [*schema.SECTIONS, *schema.OPTIONAL, *schema.LISTS, *schema.BACKENDS, *schema.FAMILIES]
        for name, value in self._tables.items():
            if name not in known:
                what = "section" if isinstance(value, dict) else "key outside all sections"
                hint = did_you_mean(name, known) or f"; allowed sections: {', '.join(known)}"
                self._report.add(Place((), (name,)), f"unknown {what}{hint}")

    def _backend(self, kind: str, options: type[Any]) -> Any:
        """A section that chooses one plugin: the choice, or `BAD`."""
        table = self._tables.get(kind, {})
        place = Place((kind,), (kind,))
        if not isinstance(table, dict):
            self._report.add(place, f"expected a table, got {shown(table)}")
            return BAD
        own = [field.name for field in options_of(options)]
        sections = {
            key: value
            for key, value in table.items()
            if key not in own and (self._is_plugin(kind, key) or self._plugin_of(kind, key) != key)
        }
        rest = {key: value for key, value in table.items() if key not in sections}
        for key, value in list(rest.items()):
            if key not in own and isinstance(value, dict):
                del rest[key]
                self._unknown_plugin(kind, key)
        made = self._walker.build(options, rest, place)
        choice: Any = BAD
        if made is not BAD:
            anchor = () if made.backend in sections else (kind, "backend")
            choice = self._plugin(kind, made.backend, self._walker, anchor)
        self._follow(kind, self._walker)
        # Options of a plugin that nothing uses are checked too, but do nothing.
        idle = self._new_walker()
        for name in sections:
            self._plugin(kind, name, idle, ())
        self._follow(kind, idle)
        return choice

    def _follow(self, kind: str, walker: Walker) -> None:
        """Read the options of all that was named, and of what that names, and look for circles."""
        if kind not in schema.SEVERAL:
            return
        # The list grows while it is gone through.
        for word, name, place in walker.seen.names:
            if word == kind:
                self._plugin(kind, name, walker, place.path)
        for text, place in circles(kind, walker.seen.names):
            self._report.add(place, text)

    def _active_roles(self, node: Any, roles: Sequence[str]) -> dict[str, tuple[str | int, ...]]:
        """Names of the roles to build, each with the path that named it."""
        if node is BAD and not roles:
            # Which are meant is not known; what has a section is looked at as if it were in use.
            table = self._tables.get("role", {})
            return (
                {name: () for name in table if self._is_plugin("role", name)}
                if isinstance(table, dict)
                else {}
            )
        active: dict[str, tuple[str | int, ...]] = {}
        for index, name in enumerate(roles or node.roles):
            if roles and not self._is_plugin("role", name):
                text = registry.unknown("role", name, self._names("role"))
                self._report.problems.append(ConfigurationProblem("--role", 0, "", "", text))
            elif name in active:
                self._report.add(Place(("node",), ("node", "roles", index)), f'"{name}" is there twice')
            else:
                active[name] = ("node", "roles", index)
        if not (roles or active):
            self._report.add(Place(("node",), ("node", "roles")), "expected at least one role")
        return active

    def _named_plugins(self) -> None:
        """Read the options of every policy, filter, delivery and directory that something in use names."""
        for kind, name, place in self._walker.seen.names:
            if kind in schema.SEVERAL:
                self._plugin(kind, name, self._walker, place.path)

    def _family(self, kind: str) -> dict[str, Choice]:
        """All plugins of a kind that were named or have a section."""
        table = self._tables.get(kind, {})
        if not isinstance(table, dict):
            self._report.add(Place((kind,), (kind,)), f"expected tables, [{kind}.NAME], got {shown(table)}")
            return {}
        for name in table:
            if self._is_plugin(kind, self._plugin_of(kind, name)) or name != self._plugin_of(kind, name):
                self._plugin(kind, name, self._new_walker(), ())
            else:
                self._unknown_plugin(kind, name)
        return self._chosen(kind)

    def _chosen(self, kind: str) -> dict[str, Choice]:
        return {name: choice for (word, name), choice in self._choices.items() if word == kind}

    def _plugin(self, kind: str, name: str, walker: Walker, anchor: tuple[str | int, ...]) -> Any:
        """One plugin with its options, read once; `BAD` when something is wrong with them."""
        if (kind, name) in self._choices:
            return self._choices[kind, name]
        place = Place((kind, name), (kind, name), anchor)
        section = self._tables.get(kind, {})
        table = section.get(name, {}) if isinstance(section, dict) else {}
        plugin = self._plugin_of(kind, name)
        if kind in schema.SEVERAL and isinstance(table, dict) and "plugin" in table:
            table = {key: value for key, value in table.items() if key != "plugin"}
            if plugin != name and self._is_plugin(kind, name):
                text = f'"{name}" is the name of another plugin; call this {kind} something else'
                self._report.add(place.child("plugin"), text)
            place = attrs.evolve(place, anchor=(kind, name, "plugin"))
        try:
            factory = registry.find(registry.KINDS[kind], plugin)
            options = walker.build(factory.schema(), table, place)
        except registry.PluginError as error:
            self._report.add(place if plugin == name else place.child("plugin"), str(error))
            options = BAD
        made = BAD if options is BAD else Choice(factory, options, name if plugin != name else "")
        self._choices[kind, name] = made
        return made

    def _plugin_of(self, kind: str, name: str) -> str:
        """The plugin behind a name: what its section says in ``plugin``, else the one that is called so."""
        section = self._tables.get(kind, {})
        table = section.get(name, {}) if isinstance(section, dict) and kind in schema.SEVERAL else {}
        plugin = table.get("plugin", name) if isinstance(table, dict) else name
        # What is no word is the name of no plugin, and is told so.
        return plugin if isinstance(plugin, str) else shown(plugin)

    def _names(self, kind: str) -> list[str]:
        return [one.factory.name for one in registry.discover()[0] if one.kind == kind]

    def _is_plugin(self, kind: str, name: str) -> bool:
        return name in self._names(kind)

    def _unknown_plugin(self, kind: str, name: str) -> None:
        self._report.add(Place((kind, name), (kind, name)), registry.unknown(kind, name, self._names(kind)))

    def _check_listeners(self, tls: Any) -> None:
        """Listeners that cannot be together, and TLS without a certificate."""
        taken: dict[tuple[str, object], Place] = {}
        for listener, place in self._walker.seen.listeners:
            if listener.implicit_tls and tls is not BAD and not tls.configured:
                text = "listens with TLS from the start, but [tls] has no certificates"
                self._report.add(place, text)
            key = _socket_of(listener)
            if key is None:
                continue
            if key in taken:
                line = self._report.line(taken[key])
                self._report.add(place, f'"{listener.endpoint}" is listened on already, line {line}')
            taken.setdefault(key, place)

    def _check_fronts(self, haproxy: Any) -> None:
        """Listeners behind balancers that nobody may speak for, and where there can be none."""
        for listener, place in self._walker.seen.listeners:
            if not listener.fronted:
                continue
            if place.section == ("node",):
                self._report.add(place, "only roles listen behind balancers")
            elif haproxy is not BAD and not haproxy.networks and not listener.on_path:
                text = "waits for PROXY headers, but [haproxy] lists no networks that may send them"
                self._report.add(place, text)


def _socket_of(listener: Listener) -> tuple[str, object] | None:
    """What two listeners cannot both have; None where there is no such thing (port 0 is always another)."""
    if listener.kind == "unix":
        return "unix", listener.address
    if listener.kind == "systemd":
        return "systemd", (listener.arguments.get("name"), listener.arguments.get("index"))
    return ("tcp", (listener.port, listener.interface)) if listener.port else None


def _with_roles(node: schema.NodeOptions, roles: Sequence[str]) -> schema.NodeOptions:
    return attrs.evolve(node, roles=[RoleName(name) for name in roles])
