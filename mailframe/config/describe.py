"""Tells what a schema allows, option by option, for the documentation."""

from __future__ import annotations

import json
import typing
from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from .scalars import SCALARS
from .schemas import (
    PLUGIN_NAMES,
    annotations_of,
    choices_of,
    default_of,
    is_required,
    mapping_of,
    options_of,
    sequence_of,
    without_none,
)
from .types import DataPath, Duration, FilePath, ListenAddress, Size

_OTHERS: dict[Any, str] = {
    FilePath: "path",
    DataPath: "path in the data directory",
    ListenAddress: "listener",
}
_DURATIONS = ((604800, "w"), (86400, "d"), (3600, "h"), (60, "m"), (1, "s"))
_SIZES = ((1 << 30, "GiB"), (10**9, "GB"), (1 << 20, "MiB"), (10**6, "MB"), (1 << 10, "KiB"), (1000, "KB"))


@attrs.frozen
class OptionDescription:
    """One option.

    Attributes:
        key: its key, with the keys of nested tables in front: ``limits.recipients``.
        type: what may be given, in words.
        default: as it is written in TOML, or words; "" when it is required or there is none.
        doc: what it does.
        required: it has to be given.
    """

    key: str
    type: str
    default: str
    doc: str
    required: bool


def describe_options(schema: type[Any], base: Any = None, prefix: str = "") -> Sequence[OptionDescription]:
    """All options of a schema, in its order, nested tables in place.

    Args:
        schema: an attrs class.
        base: an instance whose values are the defaults, instead of the schema's own.
        prefix: what to put in front of the keys.
    """
    return list(_options(schema, base, prefix))


def _options(schema: type[Any], base: Any, prefix: str) -> Iterator[OptionDescription]:
    for field in options_of(schema):
        annotation, _ = without_none(annotations_of(schema)[field.name])
        default = default_of(field) if base is None else getattr(base, field.name)
        key = prefix + field.name
        nested, below = _nested(annotation)
        if nested is None or below:
            yield _describe(field, annotation, key, default, base is None and is_required(field))
        if nested is not None:
            inner = default if attrs.has(type(default)) and default is not attrs.NOTHING else None
            yield from _options(nested, inner, f"{key}{below}.")


def _nested(annotation: Any) -> tuple[type[Any] | None, str]:
    """The schema inside an annotation, and what stands between its key and those inside."""
    between = ""
    if (sequence := sequence_of(annotation)) is not None:
        annotation, between = sequence[1], "[]"
    elif (inner := mapping_of(annotation)) is not None:
        annotation, between = inner, ".NAME"
    if annotation in SCALARS or not (isinstance(annotation, type) and attrs.has(annotation)):
        return None, ""
    return annotation, between


def _describe(
    field: attrs.Attribute[Any], annotation: Any, key: str, default: Any, required: bool
) -> OptionDescription:
    words = type_words(annotation, choices_of(annotation, field))
    limits = [
        f"{word} {default_text(annotation, field.metadata[bound])}"
        for bound, word in (("minimum", "at least"), ("maximum", "at most"))
        if field.metadata.get(bound) is not None
    ]
    shown = field.metadata.get("shown")
    text = "" if default is attrs.NOTHING or default is None else default_text(annotation, default)
    return OptionDescription(
        key=key,
        type=", ".join([words, *limits]),
        default=shown or (f"``{text}``" if text else ""),
        doc=str(field.metadata.get("doc", "")),
        required=required,
    )


def type_words(annotation: Any, choices: Sequence[object] = ()) -> str:
    """What may be given for an annotation, in words."""
    annotation, _ = without_none(annotation)
    if (sequence := sequence_of(annotation)) is not None:
        return f"list of {type_words(sequence[1], choices)}"
    if (inner := mapping_of(annotation)) is not None:
        return f"table of {type_words(inner)}"
    if choices:
        return "one of " + ", ".join(f"``{json.dumps(choice)}``" for choice in choices)
    if typing.get_origin(annotation) is typing.Literal:
        return type_words(str, typing.get_args(annotation))
    if annotation in PLUGIN_NAMES:
        return f"name of a {PLUGIN_NAMES[annotation]} plugin"
    if annotation in SCALARS:
        return SCALARS[annotation][1]
    return _OTHERS.get(annotation, "table")


def default_text(annotation: Any, value: Any) -> str:
    """A value as it would be written in the file."""
    annotation, _ = without_none(annotation)
    if (sequence := sequence_of(annotation)) is not None:
        return "[" + ", ".join(default_text(sequence[1], item) for item in value) + "]"
    if mapping_of(annotation) is not None:
        pairs = (f"{key} = {default_text(mapping_of(annotation), item)}" for key, item in value.items())
        return "{" + ", ".join(pairs) + "}"
    if annotation is Duration:
        return json.dumps(duration_text(value))
    if annotation is Size:
        return size_text(value)
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return json.dumps(str(value), ensure_ascii=False)


def duration_text(seconds: float) -> str:
    """Seconds in the largest unit that divides them."""
    if seconds != int(seconds):
        return f"{seconds * 1000:g}ms"
    return next(
        (f"{int(seconds) // unit}{word}" for unit, word in _DURATIONS if seconds and not seconds % unit), "0s"
    )


def size_text(octets: int) -> str:
    """Octets in the largest unit that divides them; a plain number where none does."""
    found = (f'"{octets // unit} {word}"' for unit, word in _SIZES if octets and octets % unit == 0)
    return next(found, str(octets))
