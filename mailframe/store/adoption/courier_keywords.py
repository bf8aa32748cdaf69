"""Courier's keywords: the directory ``courierimapkeywords``.

Its file ``:list`` has the keywords, one a line, an empty line, then ``<file>:<number> <number> ...`` for each message
that has some. A message whose keywords were changed since has a file of its own, ``<file>`` or ``.<n>.<file>``, with
its keywords one a line; the one without a number is newest, then that with the highest.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from .broken import lines_of, number
from .dovecot_keywords import is_keyword

LIST = ":list"


def read(octets: bytes) -> dict[str, frozenset[str]]:
    """Keywords by the message's file, from ``:list``; numbers that no keyword has are left out."""
    keywords: list[str] = []
    lines = lines_of(octets)
    for line in lines:
        if not line:
            break
        keywords.append(line)
    found = {}
    for line in lines:
        file, _, places = line.rpartition(":")
        places_of = [number(place, len(keywords) - 1) for place in places.split()]
        if file:
            known = (keywords[place] for place in places_of if place is not None)
            found[file] = frozenset(filter(is_keyword, known))
    return found


def read_one(octets: bytes) -> frozenset[str]:
    """Keywords of one message, from its own file."""
    # What is written last may lack its line end; here half a line cannot be told from a whole one, and Courier
    # renames these files into place when they are complete.
    return frozenset(filter(is_keyword, lines_of(octets + b"\n")))


def newest(names: Iterable[str]) -> dict[str, str]:
    """Of the names in the directory those that count: message file to name in the directory."""
    ranks: dict[str, tuple[float, str]] = {}
    for name in names:
        if name == LIST:
            continue
        rank, file = _rank(name)
        if file and (file not in ranks or ranks[file][0] < rank):
            ranks[file] = rank, name
    return {file: name for file, (_, name) in ranks.items()}


def write(keywords: Mapping[str, Iterable[str]]) -> bytes:
    """A ``:list`` of these keywords by file."""
    spelled = sorted({keyword for some in keywords.values() for keyword in some})
    places = {keyword: place for place, keyword in enumerate(spelled)}
    lines = [*spelled, ""]
    for file in sorted(keywords):
        own = sorted(places[keyword] for keyword in keywords[file])
        if own:
            lines.append(f"{file}:{' '.join(map(str, own))}")
    return os.fsencode("".join(f"{line}\n" for line in lines))


def _rank(name: str) -> tuple[float, str]:
    if not name.startswith("."):
        return float("inf"), name
    digits, _, file = name[1:].partition(".")
    value = number(digits, 1 << 62)
    return (-1.0, "") if value is None else (value, file)
