"""Figures as plain data: taken from one process, added up over all, written as prometheus text.

A worker sends what `collect` gives over the control socket; the parent adds up and renders. The format is the text
exposition format 0.0.4 of Prometheus.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, TypedDict

from prometheus_client import CollectorRegistry

from .process import process_families

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Family(TypedDict):
    """All figures of one name; fit for JSON.

    Keys:
        name: without the ``_total`` of counters.
        type: ``counter``, ``gauge``, ``histogram``.
        help: what it is, for people.
        samples: name, labels as sorted pairs, value.
    """

    name: str
    type: str
    help: str
    samples: list[tuple[str, list[tuple[str, str]], float]]


def collect(registry: CollectorRegistry, process: bool = True) -> list[Family]:
    """This process's figures.

    Args:
        registry: usually `mailframe.monitor.counters.REGISTRY`.
        process: also processor time, memory and open files.
    """
    families: list[Family] = []
    for metric in registry.collect():
        samples = [
            (sample.name, sorted(sample.labels.items()), float(sample.value))
            for sample in metric.samples
            if not sample.name.endswith("_created")
        ]
        families.append(
            Family(name=metric.name, type=metric.type, help=metric.documentation, samples=samples)
        )
    if process:
        families.extend(_own_process())
    return families


def lasting(families: Iterable[Family]) -> list[Family]:
    """What stays true of a process that has ended: its counters and histograms, without its gauges.

    Adding these of a dead worker keeps the sums from falling when it is replaced.
    """
    return [family for family in families if family["type"] in ("counter", "histogram")]


def add_up(processes: Iterable[Sequence[Any]]) -> list[Family]:
    """One set of figures for several processes, sorted by name.

    Values of the same name and labels are added; of times at which something began the earliest is taken.

    Args:
        processes: what `collect` gave in each, also after a way through JSON.
    """
    merged: dict[str, Family] = {}
    values: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}
    for families in processes:
        for family in families:
            name = family["name"]
            merged.setdefault(name, Family(name=name, type=family["type"], help=family["help"], samples=[]))
            join = min if name.endswith("_start_time_seconds") else _add
            into = values.setdefault(name, {})
            for sample, labels, value in family["samples"]:
                key = (sample, tuple((label, text) for label, text in labels))
                into[key] = join(into[key], value) if key in into else value
    for name, family in merged.items():
        family["samples"] = [
            (sample, list(labels), value) for (sample, labels), value in values[name].items()
        ]
    return [merged[name] for name in sorted(merged)]


def render(families: Iterable[Family]) -> str:
    """Prometheus text exposition."""
    lines: list[str] = []
    for family in families:
        name = family["name"] + ("_total" if family["type"] == "counter" else "")
        kind = "untyped" if family["type"] == "unknown" else family["type"]
        lines.append(f"# HELP {name} {_escape(family['help'])}")
        lines.append(f"# TYPE {name} {kind}")
        lines.extend(
            f"{sample}{_labels(labels)} {_number(value)}" for sample, labels, value in family["samples"]
        )
    return "\n".join(lines) + "\n" if lines else ""


def _own_process() -> list[Family]:
    return [
        Family(
            name=name,
            type=kind,
            help=text,
            samples=[(name + ("_total" if kind == "counter" else ""), [], value)],
        )
        for name, kind, text, value in process_families()
    ]


def _add(one: float, other: float) -> float:
    return one + other


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _labels(labels: Sequence[tuple[str, str]]) -> str:
    if not labels:
        return ""
    written = (f'{name}="{_escape(value).replace(chr(34), chr(92) + chr(34))}"' for name, value in labels)
    return "{" + ",".join(written) + "}"


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(float(value))
