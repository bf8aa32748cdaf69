"""The names of SASL mechanisms in options: checked where they are written, so that a slip is told at the start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mailframe.sasl.server import ORDER

from .scalars import did_you_mean


def check_mechanisms(instance: object, attribute: Any, names: Sequence[str]) -> None:
    """A validator for ``attrs``.

    Raises:
        ValueError: a name is no mechanism, or is there twice.
    """
    for name in names:
        if name not in ORDER:
            hint = did_you_mean(name, ORDER) or f"; there are {', '.join(ORDER)}"
            raise ValueError(f"there is no SASL mechanism {name!r}{hint}")
    if len(set(names)) < len(names):
        raise ValueError("a mechanism is named twice")
