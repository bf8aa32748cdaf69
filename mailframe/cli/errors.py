"""How commands end that did not do what they were asked."""

from __future__ import annotations

from typing import IO, Any

import click


class Refused(click.ClickException):
    """What was asked was refused, or errors were found: exit code 1. The text says what to do next."""

    exit_code = 1

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the text as it is, on standard error."""
        click.echo(self.message, file=file, err=file is None)


class NotRunning(Refused):
    """The node that should answer does not: exit code 3."""

    exit_code = 3
