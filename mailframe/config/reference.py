"""Writes the reference of the configuration: ``python -m mailframe.config.reference`` prints reStructuredText."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from typing import Any

from mailframe import registry

from . import schema
from .describe import describe_options

_FAMILY_WORDS = {
    "role": "Roles",
    "directory": "Directories",
    "store": "Stores",
    "authenticator": "Authenticators",
    "policy": "Policies",
    "filter": "Filters",
    "delivery": "Deliveries",
    "spool": "Spools",
}


def reference() -> str:
    """Every option of every section and plugin, with type, default and what it does."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    sections = {**schema.SECTIONS, **schema.OPTIONAL, **schema.BACKENDS}
    for name, options in sections.items():
        yield from _section(name, options, "-", inspect.getdoc(options) or "")
    for name, options in schema.LISTS.items():
        yield from _section(f"[{name}]", options, "-", inspect.getdoc(options) or "")
    for kind, words in _FAMILY_WORDS.items():
        found = registry.plugins(registry.KINDS[kind])
        if found:
            yield from _title(words, "-")
        for plugin in found:
            yield from _plugin(kind, plugin)


def _plugin(kind: str, plugin: Any) -> Iterator[str]:
    name = f"{kind}.{plugin.name}"
    try:
        options = plugin.schema()
    except registry.PluginUnavailable as error:
        yield from _title(f"[{name}]", "~")
        yield from (f"{plugin.summary}.", "", f"Not available here: {error}.", "")
        return
    yield from _section(name, options, "~", f"{plugin.summary}.")


def _section(name: str, options: type[Any], underline: str, intro: str) -> Iterator[str]:
    yield from _title(f"[{name}]", underline)
    yield from (intro, "")
    described = describe_options(options)
    if not described:
        yield from ("It has no options.", "")
    for one in described:
        yield f"``{one.key}``"
        kind = one.type + (", required" if one.required else "")
        yield f"    *{kind}*; default {one.default}" if one.default else f"    *{kind}*"
        yield ""
        yield from (f"    {one.doc}", "")


def _title(text: str, underline: str) -> tuple[str, str, str]:
    return text, underline * len(text), ""


if __name__ == "__main__":
    sys.stdout.write(reference())
