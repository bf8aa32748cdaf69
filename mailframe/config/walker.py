"""Walks a TOML table along a schema, strictly, and keeps going: every fault is noted, none is raised."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs

from mailframe import registry

from .describe import default_text
from .errors import ConfigurationProblem
from .listen import Listener, format_listener, parse_listener
from .positions import Path, Positions
from .scalars import SCALARS, did_you_mean, expected, one_of, shown, to_str
from .schemas import (
    PLUGIN_NAMES,
    SchemaFault,
    annotations_of,
    choices_of,
    default_of,
    is_required,
    mapping_of,
    options_of,
    sequence_of,
    without_none,
)
from .types import DataPath, FilePath, ListenAddress, Secret

_FILE = "_file"
_NUMBERS: Final = (int, float)
_COMPLETED: Final = (FilePath, DataPath, ListenAddress)


class _Bad:
    """The type of `BAD`."""


BAD: Final = _Bad()
"""Stands for a value that was wrong and has been noted."""


@attrs.frozen
class Place:
    """Where in the file something is, or would be.

    Attributes:
        section: the section's keys: ``("role", "mx")``.
        path: all keys, from the section's on.
        anchor: what made us look here, for a section that is not in the file.
    """

    section: tuple[str, ...]
    path: Path
    anchor: Path = ()

    def child(self, key: str | int) -> Place:
        """The place of something inside."""
        return attrs.evolve(self, path=(*self.path, key))

    @property
    def key(self) -> str:
        """The path inside the section as people write it: ``certificates[0].key``."""
        text = ""
        for part in self.path[len(self.section) :]:
            text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
        return text


@attrs.define
class Seen:
    """What a walk came by that has to be looked at as a whole.

    Attributes:
        names: plugins that are named: kind, name, place.
        listeners: listeners and their places.
    """

    names: list[tuple[str, str, Place]] = attrs.field(factory=list)
    listeners: list[tuple[Listener, Place]] = attrs.field(factory=list)


@attrs.define
class Report:
    """The faults of one file.

    Attributes:
        file: the file as it was named.
        positions: the lines of its keys.
        problems: what was found so far.
    """

    file: str
    positions: Positions = attrs.field(factory=Positions)
    problems: list[ConfigurationProblem] = attrs.field(factory=list)

    def line(self, place: Place) -> int:
        """The line of a place, or of what made us look for it; at least 1."""
        return self.positions.line(place.path, len(place.section)) or self.positions.line(place.anchor) or 1

    def add(self, place: Place, text: str) -> None:
        """Note a fault."""
        section = ".".join(place.section)
        self.problems.append(ConfigurationProblem(self.file, self.line(place), section, place.key, text))


class Walker:
    """Makes instances of schemas.

    Args:
        report: where faults are noted.
        directory: what relative paths count from.
        data: what paths in the data directory count from.
        plugin_of: tells the plugin behind a name of a kind, where the file has names of its own.
    """

    def __init__(
        self,
        report: Report,
        directory: str,
        data: str,
        plugin_of: Callable[[str, str], str] = lambda kind, name: name,
    ) -> None:
        self._report = report
        self._directory = directory
        self.data = data
        self._plugin_of = plugin_of
        self.seen = Seen()

    def build(self, schema: type[Any], table: object, place: Place, base: Any = None) -> Any:
        """An instance of a schema from a table.

        Args:
            schema: an attrs class.
            table: what TOML has at this place.
            place: for faults.
            base: an instance whose values are the defaults, instead of the schema's own.

        Returns:
            The instance, or `BAD` when anything in it was wrong.
        """
        if not isinstance(table, dict):
            return self._bad(place, f"expected a table, got {shown(table)}")
        try:
            return self._instance(schema, table, place, base)
        except SchemaFault as fault:
            return self._bad(place, f"its plugin is broken: {fault}")

    def _instance(self, schema: type[Any], table: Mapping[str, Any], place: Place, base: Any) -> Any:
        fields = {field.name: field for field in options_of(schema)}
        annotations = annotations_of(schema)
        values: dict[str, Any] = {}
        left = dict(table)
        for name, field in fields.items():
            annotation = annotations[name]
            value = self._from_secret_file(annotation, name, left, place)
            if value is None and name in left:
                value = self._value(annotation, left.pop(name), place.child(name), field, base)
            elif value is None:
                value = self._missing(annotation, field, place, base)
            if value is not attrs.NOTHING:
                values[name] = value
        for key in left:
            self._bad(place.child(key), _unknown_key(key, fields, annotations))
        if left or any(value is BAD for value in values.values()):
            self._ask_validators(fields, values, place)
            return BAD
        return self._construct(schema, fields, values, place, base)

    def _construct(
        self, schema: type[Any], fields: Mapping[str, Any], values: Mapping[str, Any], place: Place, base: Any
    ) -> Any:
        arguments = {fields[name].alias: value for name, value in values.items()}
        try:
            return attrs.evolve(base, **arguments) if base is not None else schema(**arguments)
        except Exception as error:
            # A validator or converter of the schema; which field it was about is found by asking each again.
            for name, value in values.items():
                if (fault := _validator_fault(fields[name], value)) is not None:
                    return self._bad(place.child(name), fault)
            return self._bad(place, str(error) or type(error).__name__)

    def _ask_validators(self, fields: Mapping[str, Any], values: Mapping[str, Any], place: Place) -> None:
        """Note what validators say of good values beside bad ones, so that all is told at once."""
        for name, value in values.items():
            if value is not BAD and (fault := _validator_fault(fields[name], value, ValueError)) is not None:
                self._bad(place.child(name), fault)

    def _missing(self, annotation: Any, field: attrs.Attribute[Any], place: Place, base: Any) -> Any:
        """The value of an option that is not in the file."""
        if base is not None:
            return self._complete(annotation, getattr(base, field.name), place.child(field.name))
        if is_required(field):
            return self._bad(
                place.child(field.name), f"is required: {field.metadata.get('doc', 'no default')}"
            )
        default = default_of(field)
        if default is attrs.NOTHING:
            return default
        return self._complete(annotation, default, place.child(field.name))

    def _complete(self, annotation: Any, value: Any, place: Place) -> Any:
        """A default made complete: paths absolute, listeners and plugins noted, in nested schemas too."""
        annotation, _ = without_none(annotation)
        if value is None or isinstance(value, str):
            if value and (annotation in _COMPLETED or annotation in PLUGIN_NAMES):
                return self._value(annotation, value, place, None, None)
        elif isinstance(annotation, type) and attrs.has(annotation):
            return self.build(annotation, {}, place, value)
        elif (sequence := sequence_of(annotation)) is not None:
            made, inner = sequence
            items = [self._complete(inner, item, place.child(index)) for index, item in enumerate(value)]
            return BAD if any(item is BAD for item in items) else made(items)
        return value

    def _value(
        self, annotation: Any, value: object, place: Place, field: attrs.Attribute[Any] | None, base: Any
    ) -> Any:
        """A value of the file as its annotation means it, or `BAD`."""
        annotation, optional = without_none(annotation)
        if optional and value == "" and annotation is not str:
            return None
        if (sequence := sequence_of(annotation)) is not None:
            return self._list(sequence, value, place, field)
        if (inner := mapping_of(annotation)) is not None:
            return self._dict(inner, value, place)
        if isinstance(annotation, type) and attrs.has(annotation) and annotation not in SCALARS:
            return self.build(annotation, value, place, self._nested_base(field, base))
        try:
            return self._scalar(annotation, value, place, field)
        except ValueError as error:
            return self._bad(place, str(error))

    def _nested_base(self, field: attrs.Attribute[Any] | None, base: Any) -> Any:
        """The instance whose values are the defaults of a nested table, or None."""
        if field is None:
            return None
        default = getattr(base, field.name) if base is not None else default_of(field)
        return default if attrs.has(type(default)) and default is not attrs.NOTHING else None

    def _list(
        self, sequence: tuple[type[Any], Any], value: object, place: Place, field: attrs.Attribute[Any] | None
    ) -> Any:
        made, inner = sequence
        if not isinstance(value, list):
            return self._bad(place, str(expected("a list in square brackets", value)))
        items = [
            self._value(inner, item, place.child(index), field, None) for index, item in enumerate(value)
        ]
        # `in` would compare by value; what we look for is one object.
        return BAD if any(item is BAD for item in items) else made(items)

    def _dict(self, inner: Any, value: object, place: Place) -> Any:
        if not isinstance(value, dict):
            return self._bad(place, str(expected("a table", value)))
        made = {key: self._value(inner, item, place.child(key), None, None) for key, item in value.items()}
        return BAD if any(item is BAD for item in made.values()) else made

    def _scalar(
        self, annotation: Any, value: object, place: Place, field: attrs.Attribute[Any] | None
    ) -> Any:
        """One value that is no container.

        Raises:
            ValueError: what is wrong with it.
        """
        choices = choices_of(annotation, field)
        if choices:
            return one_of(choices, value)
        if annotation in PLUGIN_NAMES:
            return self._plugin_name(PLUGIN_NAMES[annotation], to_str(value), place)
        if annotation is ListenAddress:
            listener = parse_listener(to_str(value), self._directory)
            self.seen.listeners.append((listener, place))
            return format_listener(listener)
        if annotation in (FilePath, DataPath):
            return self._file_path(value, field, self.data if annotation is DataPath else self._directory)
        if annotation not in SCALARS:
            raise SchemaFault(f"{annotation!r} is nothing that a configuration can give")
        made = SCALARS[annotation][0](value)
        _check_bounds(annotation, made, value, field)
        return made

    def _file_path(self, value: object, field: attrs.Attribute[Any] | None, directory: str) -> str:
        if not isinstance(value, str) or not value or "\0" in value:
            raise expected("a path", value)
        path = os.path.abspath(os.path.join(directory, value))
        if field is not None and field.metadata.get("must_exist"):
            try:
                os.stat(path)
            except FileNotFoundError:
                raise ValueError(f"there is no file {path}") from None
            except (OSError, ValueError):
                pass  # it may be there for the user that the service runs as
        return path

    def _plugin_name(self, kind: str, name: str, place: Place) -> str:
        try:
            plugin = self._plugin_of(kind, name)
            if plugin == name:
                registry.find(registry.KINDS[kind], name)
        except registry.PluginError as error:
            raise ValueError(str(error)) from None
        self.seen.names.append((kind, name, place))
        return name

    def _from_secret_file(self, annotation: Any, name: str, left: dict[str, Any], place: Place) -> Any:
        """The content of the file that ``NAME_file`` names, for a secret; None where that is not given."""
        if without_none(annotation)[0] is not Secret or name + _FILE not in left:
            return None
        place = place.child(name + _FILE)
        value = left.pop(name + _FILE)
        if name in left:
            del left[name]
            return self._bad(place, f"give either {name} or {name + _FILE}, not both")
        try:
            path = self._file_path(value, None, self._directory)
            with open(path, encoding="utf-8") as file:
                return Secret(to_str(file.read(65536).rstrip("\r\n")))
        except OSError as error:
            return self._bad(place, f"cannot read {path}: {error.strerror}")
        except ValueError as error:
            return self._bad(place, str(error) if not isinstance(error, UnicodeError) else "is not UTF-8")

    def _bad(self, place: Place, text: str) -> _Bad:
        self._report.add(place, text)
        return BAD


def _check_bounds(annotation: Any, made: Any, value: object, field: attrs.Attribute[Any] | None) -> None:
    """Hold a number between its option's ``minimum`` and ``maximum``."""
    if field is None or not isinstance(made, _NUMBERS) or isinstance(made, bool):
        return
    minimum, maximum = field.metadata.get("minimum"), field.metadata.get("maximum")
    if minimum is not None and made < minimum:
        raise ValueError(f"expected at least {default_text(annotation, minimum)}, got {shown(value)}")
    if maximum is not None and made > maximum:
        raise ValueError(f"expected at most {default_text(annotation, maximum)}, got {shown(value)}")


def _validator_fault(
    field: attrs.Attribute[Any], value: Any, kind: type[Exception] = Exception
) -> str | None:
    """What a field's own validator says, if it raises this kind of error; the rest of the instance is not there."""
    if field.validator is None:
        return None
    try:
        field.validator(None, field, value)
    except kind as error:
        return str(error.args[0]) if error.args else type(error).__name__
    except Exception:
        return None
    return None


def _unknown_key(key: str, fields: Mapping[str, Any], annotations: Mapping[str, Any]) -> str:
    known: Sequence[str] = [
        *fields,
        *(name + _FILE for name in fields if without_none(annotations[name])[0] is Secret),
    ]
    hint = did_you_mean(key, known)
    return f"unknown key{hint}" if hint else f"unknown key; allowed: {', '.join(known) or 'nothing'}"
