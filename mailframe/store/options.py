"""What can be configured of stores that have no room of their own."""

from __future__ import annotations

import attrs


@attrs.frozen
class MemoryStoreOptions:
    """Options of `mailframe.store.memory`: none; all is lost when the process ends."""
