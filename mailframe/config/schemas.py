"""What a schema's annotations say, taken apart: used by the walker and by the documentation."""

from __future__ import annotations

import collections.abc
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal

import attrs

from .types import (
    AuthenticatorName,
    DeliveryName,
    DirectoryName,
    FilterName,
    PolicyName,
    RoleName,
    SpoolName,
    StoreName,
)

PLUGIN_NAMES: dict[Any, str] = {
    RoleName: "role",
    StoreName: "store",
    DirectoryName: "directory",
    AuthenticatorName: "authenticator",
    PolicyName: "policy",
    FilterName: "filter",
    DeliveryName: "delivery",
    SpoolName: "spool",
}
"""Annotation -> the word for the kind of plugin that it names."""

_SEQUENCES: dict[Any, type[Any]] = {
    list: list,
    tuple: tuple,
    frozenset: frozenset,
    collections.abc.Sequence: tuple,
}
_hints: dict[Any, Mapping[str, Any]] = {}
_MAPPINGS = (dict, collections.abc.Mapping)


class SchemaFault(TypeError):
    """A schema has an annotation that the configuration has no notion of; its author's mistake."""


def annotations_of(schema: Any) -> Mapping[str, Any]:
    """Field name -> annotation, with names looked up.

    Raises:
        SchemaFault: it is no attrs class, or a name in it cannot be looked up.
    """
    if not attrs.has(schema):
        raise SchemaFault(f"{schema!r} is not an attrs class")
    try:
        if schema not in _hints:
            _hints[schema] = typing.get_type_hints(schema)
        return _hints[schema]
    except NameError as error:
        raise SchemaFault(f"{schema.__module__}.{schema.__qualname__}: {error}") from error


def options_of(schema: type[Any]) -> list[attrs.Attribute[Any]]:
    """The fields that the configuration may give, in order."""
    annotations_of(schema)
    return [field for field in attrs.fields(schema) if field.init and not field.metadata.get("hidden")]


def without_none(annotation: Any) -> tuple[Any, bool]:
    """The annotation without ``| None``, and whether that was there.

    Raises:
        SchemaFault: it is a union of several other things.
    """
    if typing.get_origin(annotation) not in (typing.Union, types.UnionType):
        return annotation, False
    members = [member for member in typing.get_args(annotation) if member is not type(None)]
    if len(members) != 1:
        raise SchemaFault(f"{annotation!r}: only unions with None are understood")
    return members[0], len(members) < len(typing.get_args(annotation))


def sequence_of(annotation: Any) -> tuple[type[Any], Any] | None:
    """For ``list[T]``, ``tuple[T, ...]`` and the like: what to make, and T. None for others."""
    made = _SEQUENCES.get(typing.get_origin(annotation))
    if made is None:
        return None
    arguments = typing.get_args(annotation)
    if len(arguments) == 2 and arguments[1] is not Ellipsis:
        raise SchemaFault(f"{annotation!r}: a tuple of fixed length is not understood")
    return made, arguments[0]


def mapping_of(annotation: Any) -> Any | None:
    """For ``dict[str, T]`` and ``Mapping[str, T]``: T. None for others."""
    if typing.get_origin(annotation) not in _MAPPINGS:
        return None
    return typing.get_args(annotation)[1]


def choices_of(annotation: Any, field: attrs.Attribute[Any] | None) -> tuple[object, ...]:
    """The allowed values of a ``Literal[...]`` or of an option with ``choices``; () where all are allowed."""
    if typing.get_origin(annotation) is Literal:
        return typing.get_args(annotation)
    return tuple(field.metadata.get("choices", ())) if field is not None else ()


def default_of(field: attrs.Attribute[Any]) -> Any:
    """A field's default, made now; ``attrs.NOTHING`` where there is none or it depends on other fields."""
    default: Any = field.default
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        return attrs.NOTHING if default.takes_self else default.factory()
    return default


def is_required(field: attrs.Attribute[Any]) -> bool:
    """True for a field without any default."""
    return field.default is attrs.NOTHING
