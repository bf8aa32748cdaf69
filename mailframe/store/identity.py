"""What must hold of identities that come from elsewhere, the same in every backend. Values only, no I/O."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .values import TakenMessage

_OBJECT_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")


def object_id(text: str) -> str:
    """An object id as it is, where RFC 8474 section 7 allows it; else ''."""
    return text if _OBJECT_ID.fullmatch(text) else ""


def check_order(messages: Sequence[TakenMessage]) -> None:
    """See that UIDs are ascending, and those without one last.

    Raises:
        ValueError: they are not.
    """
    last = 0
    for message in messages:
        if message.uid < 0 or (message.uid <= last and message.uid) or (last < 0 < message.uid):
            raise ValueError("messages must be given by ascending UIDs, those without a UID last")
        last = message.uid or -1
