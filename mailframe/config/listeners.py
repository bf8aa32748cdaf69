"""Finds the listeners in options, whatever the schema: for commands that want to talk to a role."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from .listen import Listener, parse_listener
from .schemas import annotations_of, options_of, sequence_of, without_none
from .types import ListenAddress


def listeners_of(options: Any, prefix: str = "") -> Iterator[tuple[str, Listener]]:
    """Every listener in an instance of a schema, with the dotted key of the option it stands in."""
    schema: type[Any] = type(options)
    annotations = annotations_of(schema)
    for field in options_of(schema):
        annotation, _ = without_none(annotations[field.name])
        value = getattr(options, field.name)
        key = prefix + field.name
        sequence = sequence_of(annotation)
        inner, values = (sequence[1], value) if sequence is not None else (annotation, (value,))
        for item in values or ():
            if inner is ListenAddress and item:
                yield key, parse_listener(item)
            elif attrs.has(type(item)):
                yield from listeners_of(item, f"{key}.")
