"""Spans of time as they are written on the command line."""

from __future__ import annotations

import click

from mailframe.config.scalars import to_duration


class Span(click.ParamType[float]):
    """Seconds, written as in the configuration: ``90s``, ``15m``, ``2h``, ``7d``."""

    name = "time"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """See `click.ParamType.convert`."""
        if isinstance(value, float):
            return value
        try:
            return float(to_duration(value))
        except ValueError as error:
            self.fail(f"{value!r}: {error}", param, ctx)
