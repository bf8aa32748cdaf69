"""Queries with named parameters, ``:address``, as the configuration has them."""

from __future__ import annotations

import re
from collections.abc import Collection

_PIECE = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | \$(\w*)\$.*?\$\1\$ | --[^\n]* | /\*.*?\*/ | ::
    | (?<![\w:]):(?P<name>[A-Za-z_]\w*)""",
    re.DOTALL | re.VERBOSE,
)
"""What may have a colon in it and is no parameter: strings, names, comments, casts."""


def names_in(query: str) -> frozenset[str]:
    """The parameters of a query."""
    return frozenset(found["name"] for found in _PIECE.finditer(query) if found["name"])


def check_parameters(option: str, query: str, known: Collection[str]) -> None:
    """Is each parameter one that is given?

    Raises:
        ValueError: one is not.
    """
    strange = sorted(names_in(query) - set(known))
    if strange:
        expected = ", ".join(f":{name}" for name in sorted(known))
        raise ValueError(f"{option}: there is no parameter :{strange[0]}; expected {expected}")


def to_psycopg(query: str) -> str:
    """The same as psycopg writes it: ``%(address)s``; a per cent sign is twice there."""
    pieces: list[str] = []
    place = 0
    for found in _PIECE.finditer(query):
        pieces.append(query[place : found.start()].replace("%", "%%"))
        text = found.group()
        pieces.append(f"%({found['name']})s" if found["name"] else text.replace("%", "%%"))
        place = found.end()
    pieces.append(query[place:].replace("%", "%%"))
    return "".join(pieces)
