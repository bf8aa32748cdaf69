"""Figures of several rounds as a table: medians, how far the rounds lie apart, and ratios to the like server."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Mapping

Results = dict[str, dict[str, list[float]]]


def median(results: Results, name: str, figure: str) -> float:
    """Of all rounds; 0 where there is none."""
    return statistics.median(results.get(name, {}).get(figure) or [0.0])


def spread(results: Results, name: str, figure: str) -> float:
    """Half the distance between the best round and the worst, in hundredths of the median."""
    rounds = results.get(name, {}).get(figure) or [0.0]
    middle = statistics.median(rounds)
    return 50 * (max(rounds) - min(rounds)) / middle if middle else 0.0


def keep(results: Results, name: str, figures: Mapping[str, float]) -> None:
    """Add one round's figures."""
    for figure, value in figures.items():
        results.setdefault(name, {}).setdefault(figure, []).append(value)


def table(results: Results, likes: Mapping[str, str], is_rate: Callable[[str], bool], title: str) -> None:
    """Print a row a figure and a column a server; above 1x Mailframe is the better one.

    Args:
        results: by server, figure and round.
        likes: with whom a server is compared.
        is_rate: is more of a figure better?
        title: what was measured.
    """
    names = list(results)
    figures = list(dict.fromkeys(figure for rounds in results.values() for figure in rounds))
    widths = {name: max(22, len(name) + 2) for name in names}
    print(f"\n{title}; {os.cpu_count()} cores; medians, ± half the spread, ratios to the like server")
    print(f"{'':24}" + "".join(f"{name:>{widths[name]}}" for name in names))
    for figure in figures:
        cells = (
            f"{_cell(results, name, likes.get(name, ''), figure, is_rate(figure)):>{widths[name]}}"
            for name in names
        )
        print(f"{figure:24}" + "".join(cells))


def _cell(results: Results, name: str, like: str, figure: str, rate: bool) -> str:
    if figure not in results[name]:
        return "-"
    value, other = median(results, name, figure), median(results, like, figure)
    text = f"{value:.3f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"
    text += f" ±{spread(results, name, figure):.0f}%"
    if value and other and "generator" not in figure:
        text += f" {value / other if rate else other / value:.2f}x"
    return text
