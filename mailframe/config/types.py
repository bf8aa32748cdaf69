"""Types of configuration values: what a schema's annotations mean to the loader.

A schema is a frozen attrs class. An annotation from here says how the value is written in TOML: a `Duration` as
``"5m"``, a `Size` as ``"25 MB"``. `option` adds the sentence that the documentation shows. A schema may also use
``str``, ``int``, ``float``, ``bool``, ``Literal[...]``, `mailframe.message.address.Address`, other schemas, lists,
tuples and dicts of all these, and ``| None``.
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
DataPath = NewType("DataPath", str)
"""A path of something that is kept; a relative one counts from ``data`` in ``[node]``."""
ListenAddress = NewType("ListenAddress", str)
"""A Twisted endpoint to listen on; ``ssl:`` in front means implicit TLS (see `mailframe.config.listen`)."""
Secret = NewType("Secret", str)
"""A secret; may be given as ``NAME_file = "path"`` instead."""
Network = NewType("Network", str)
"""A network or a single address: ``"192.0.2.0/24"``, ``"2001:db8::1"``."""
RoleName = NewType("RoleName", str)
"""The name of a role plugin; so are the next ones, of their kinds. The loader makes sure that it exists."""
StoreName = NewType("StoreName", str)
DirectoryName = NewType("DirectoryName", str)
AuthenticatorName = NewType("AuthenticatorName", str)
PolicyName = NewType("PolicyName", str)
FilterName = NewType("FilterName", str)
DeliveryName = NewType("DeliveryName", str)
SpoolName = NewType("SpoolName", str)


def option(doc: str, default: Any = attrs.NOTHING, **arguments: Any) -> Any:
    """One option of a schema.

    Args:
        doc: one or two sentences for the documentation, without the default.
        default: the default; a list or dict may be given as ``factory=``. Without either, the option is required.
        arguments: anything else ``attrs.field`` takes (``validator`` and so on), and of ours: ``choices``, a tuple of
            allowed strings; ``minimum`` and ``maximum`` of a number, a size or a duration; ``shown``, how the
            documentation writes a default that depends on the machine; ``must_exist=True`` for a path that
            has to be there; ``hidden=True`` for a field that is not for the configuration.
    """
    metadata: dict[str, Any] = {"doc": doc}
    for key in ("choices", "minimum", "maximum", "shown", "must_exist", "hidden"):
        if key in arguments:
            metadata[key] = arguments.pop(key)
    if default is not attrs.NOTHING:
        arguments["default"] = default
    return attrs.field(metadata=metadata, **arguments)
