"""Types of configuration values: what a schema's annotations mean to the loader.

A schema is a frozen attrs class. An annotation from here says how the value is written in TOML: a `Duration` as
``"5m"``, a `Size` as ``"25 MB"``. `option` adds the sentence that the documentation shows.
"""

from __future__ import annotations

from typing import Any, NewType

import attrs

Duration = NewType("Duration", float)
"""Seconds; written ``"90s"``, ``"5m"``, ``"2h"``, ``"7d"``, ``"500ms"``."""
Size = NewType("Size", int)
"""Octets; written ``"512 KB"``, ``"25 MB"``, ``"1 GiB"``, or a plain number of octets."""
FilePath = NewType("FilePath", str)
"""A path; a relative one counts from the configuration file's directory."""
ListenAddress = NewType("ListenAddress", str)
"""A Twisted endpoint description to listen on; ``ssl:`` in front means implicit TLS."""
Secret = NewType("Secret", str)
"""A secret; may be given as ``NAME_file = "path"`` instead."""


def option(doc: str, default: Any = attrs.NOTHING, **arguments: Any) -> Any:
    """One option of a schema.

    Args:
        doc: one or two sentences for the documentation, without the default.
        default: the default; a list or dict may be given as ``factory=``. Without either, the option is required.
        arguments: anything else `attrs.field` takes (``validator`` and so on), and ``choices``, a tuple of allowed
            strings.
    """
    metadata = {"doc": doc}
    if "choices" in arguments:
        metadata["choices"] = arguments.pop("choices")
    if default is not attrs.NOTHING:
        arguments["default"] = default
    return attrs.field(metadata=metadata, **arguments)
