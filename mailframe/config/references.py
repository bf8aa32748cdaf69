"""Plugins that stand on others of their kind: a directory that is a copy of another one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .walker import Place


def circles(kind: str, names: Sequence[tuple[str, str, Place]]) -> Iterator[tuple[str, Place]]:
    """What stands on itself, directly or by way of others.

    Args:
        kind: of the plugins.
        names: what a walk has seen: kind, name, place.

    Yields:
        What to say, and where; once for each circle.
    """
    leads: dict[str, list[tuple[str, Place]]] = {}
    for word, name, place in names:
        if word == kind and len(place.section) > 1 and place.section[0] == kind:
            leads.setdefault(place.section[1], []).append((name, place))
    told: set[frozenset[str]] = set()
    done: set[str] = set()
    for start in leads:
        # Without recursion: a chain of references may be as long as its author likes.
        way: list[tuple[str, Iterator[tuple[str, Place]]]] = [(start, iter(leads[start]))]
        while way:
            step = next(way[-1][1], None)
            if step is None:
                done.add(way.pop()[0])
                continue
            name, place = step
            on_way = [one for one, _ in way]
            if name in on_way:
                circle = on_way[on_way.index(name) :]
                if frozenset(circle) not in told:
                    told.add(frozenset(circle))
                    yield f"stands on itself: {' -> '.join([*circle, name])}", place
            elif name not in done and name in leads:
                way.append((name, iter(leads[name])))
