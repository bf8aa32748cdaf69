"""Schemas of the plugins that exist only in these tests, and how to have only those."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import attrs
from twisted.trial.unittest import SynchronousTestCase

import mailframe.plugins
from mailframe.config.types import (
    DataPath,
    Duration,
    FilePath,
    FilterName,
    ListenAddress,
    Network,
    PolicyName,
    Secret,
    Size,
    option,
)
from mailframe.message.address import Address

DECLARED = Path(__file__).parent / "declared"


@attrs.frozen
class Limits:
    """A table inside a role's section."""

    recipients: int = option("How many.", 100, minimum=1)
    size: Size = option("How large.", Size(25_000_000), maximum=1_000_000_000)
    hidden: str = option("Not for people.", "x", hidden=True)


@attrs.frozen
class MXOptions:
    """A role with a bit of everything."""

    listen: list[ListenAddress] = option("Where.", factory=lambda: [ListenAddress("tcp:25")])
    policies: list[PolicyName] = option("Which.", factory=lambda: [PolicyName("loops")])
    filters: tuple[FilterName, ...] = option("Which.", (FilterName("trace"),))
    limits: Limits = option("The limits.", factory=lambda: Limits(recipients=7))
    timeout: Duration = option("How long.", Duration(300.0), minimum=1)
    share: float = option("How much.", 0.5)
    strict: bool = option("Whether.", True)
    mode: Literal["refuse", "normalise"] = option("What.", "refuse")
    networks: Sequence[Network] = option("Who.", ())
    postmaster: Address | None = option("Whom.", None)
    names: Mapping[str, int] = option("A table.", factory=dict)
    secret: Secret | None = option("A secret.", None)
    even: int = option("An even number.", 2, validator=lambda _, field, value: _even(value))


def _even(value: int) -> None:
    if value % 2:
        raise ValueError(f"expected an even number, got {value}")


@attrs.frozen
class StoreOptions:
    """Another role."""

    imap: list[ListenAddress] = option("Where.", factory=list)


@attrs.frozen
class MaildirOptions:
    """A store."""

    path: DataPath = option("Where.", DataPath("mail"))
    layout: str = option("How.", "maildir++", choices=("maildir++", "fs"))


@attrs.frozen
class SQLiteOptions:
    """A directory."""

    path: DataPath = option("Where.", DataPath("directory.sqlite"))
    schema_file: FilePath | None = option("A file.", None)


@attrs.frozen
class LoopOptions:
    """A policy."""

    limit: int = option("How many.", 100, minimum=1)


@attrs.frozen
class TokenOptions:
    """A policy with options that must be given."""

    token: Secret = option("What is shared.")


@attrs.frozen
class BrokenOptions:
    """A schema with an annotation that nobody understands."""

    what: complex = option("A mistake.", 1j)


@attrs.frozen
class SmarthostOptions:
    """A delivery of which there may be several."""

    host: str = option("Which.")


@attrs.frozen
class NoOptions:
    """Nothing to say."""


def build(options: Any, context: Any) -> Any:
    """What all plugins of these tests build."""
    return options, context


def only_these_plugins(test: SynchronousTestCase) -> None:
    """For one test, the plugins in ``declared`` are all there are."""
    test.patch(mailframe.plugins, "__path__", [str(DECLARED)])
