"""Figures over several processes."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from twisted.trial.unittest import SynchronousTestCase

from mailframe.monitor.aggregate import Family, add_up, collect, lasting, render


def make(amount: float) -> CollectorRegistry:
    """A registry with one of each kind."""
    registry = CollectorRegistry()
    counter = Counter("mailframe_x_messages", "Messages\nof \\ all", ["reply", "room"], registry=registry)
    counter.labels("250", 'sm"t\\p\n').inc(amount)
    Gauge("mailframe_x_sessions", "Sessions", registry=registry).set(amount)
    Histogram("mailframe_x_seconds", "Time", registry=registry, buckets=(0.5, 1.0)).observe(0.7)
    return registry


def value(families: list[Family], name: str, **labels: str) -> float:
    """One figure."""
    (found,) = [
        number
        for family in families
        for sample, pairs, number in family["samples"]
        if sample == name and labels.items() <= dict(pairs).items()
    ]
    return found


def figure(sample: Any) -> tuple[str, list[tuple[str, str]], float]:
    """A sample of the library's, for comparing."""
    return sample.name, sorted(sample.labels.items()), float(sample.value)


class AggregateTests(SynchronousTestCase):
    """Take, add, write."""

    def test_adding(self) -> None:
        """Counters, gauges and histograms of two processes are added, also after a way through JSON."""
        one = json.loads(json.dumps(collect(make(2), process=False)))
        both = add_up([one, collect(make(3), process=False)])
        self.assertEqual(5, value(both, "mailframe_x_messages_total", reply="250"))
        self.assertEqual(5, value(both, "mailframe_x_sessions"))
        self.assertEqual(2, value(both, "mailframe_x_seconds_count"))
        self.assertEqual(0, value(both, "mailframe_x_seconds_bucket", le="0.5"))
        self.assertEqual(2, value(both, "mailframe_x_seconds_bucket", le="+Inf"))

    def test_different_processes(self) -> None:
        """A figure that only one process has is kept."""
        self.assertEqual(2, value(add_up([collect(make(2), process=False), []]), "mailframe_x_sessions"))
        self.assertEqual([], add_up([]))

    def test_lasting(self) -> None:
        """Of a dead process its totals stay and its states go."""
        names = {family["name"] for family in lasting(collect(make(2)))}
        self.assertIn("mailframe_x_messages", names)
        self.assertIn("mailframe_x_seconds", names)
        self.assertNotIn("mailframe_x_sessions", names)
        self.assertNotIn("process_open_fds", names)

    def test_process(self) -> None:
        """Processor time, memory and files are there; the beginning is that of the oldest."""
        mine = collect(CollectorRegistry())
        self.assertGreater(value(mine, "process_cpu_seconds_total"), 0)
        self.assertGreater(value(mine, "process_resident_memory_bytes"), 2**20)
        self.assertGreater(value(mine, "process_open_fds"), 2)
        began = value(mine, "process_start_time_seconds")
        self.assertEqual(began, value(add_up([mine, mine]), "process_start_time_seconds"))

    def test_render(self) -> None:
        """The text is what the Prometheus library writes, and its parser reads it."""
        registry = make(2.5)
        text = render(collect(registry, process=False))
        expected = [
            family
            for family in text_string_to_metric_families(generate_latest(registry).decode())
            if not family.name.endswith("_created")
        ]
        found = list(text_string_to_metric_families(text))
        self.assertEqual(
            [(f.name, f.type, f.documentation, sorted(map(figure, f.samples))) for f in expected],
            [(f.name, f.type, f.documentation, sorted(map(figure, f.samples))) for f in found],
        )
        self.assertEqual("", render([]))

    @given(st.floats(), st.text(max_size=20).filter(lambda text: text.isprintable()))
    def test_any_value(self, number: float, label: str) -> None:
        """Any number and any label can be read back."""
        family = Family(name="x", type="gauge", help="", samples=[("x", [("a", label)], number)])
        (found,) = text_string_to_metric_families(render([family]))
        (sample,) = found.samples
        self.assertEqual(repr(number + 0.0), repr(float(sample.value)))
        self.assertEqual(label, sample.labels["a"])
