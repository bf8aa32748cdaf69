"""What the SQLite backend lends to all its accounts."""

from __future__ import annotations

from dataclasses import dataclass, field

from mailframe.store.files import Files


@dataclass(frozen=True, slots=True)
class Place:
    """Attributes:
    directory: where the accounts lie.
    files: operations on files.
    journalled: deliveries are in a journal before accounts' files are flushed.
    """

    directory: str
    files: Files = field(default_factory=Files)
    journalled: bool = False
