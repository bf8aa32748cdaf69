"""PREVIEW (RFC 8970): made when somebody first asks, and kept with the description. Blocking."""

from __future__ import annotations

from collections.abc import Sequence

from mailframe.message.preview import preview
from mailframe.store.catalogue.rows import MailboxRow, MessageRow

from .maildrop import Maildrop
from .source import source_of


def previews_of(drop: Maildrop, mailbox: MailboxRow, rows: Sequence[MessageRow]) -> dict[int, str]:
    """What messages begin with, by row ids; they have been described."""
    if not rows:
        return {}
    known = drop.catalogue.descriptions.previews(rows[0].id, rows[-1].id)
    made = {}
    for row in rows:
        if row.id not in known:
            source = source_of(drop, mailbox, row)
            if source is not None:
                made[row.id] = preview(source.structure(), source.read)
    if made:
        with drop.writing(0):
            drop.catalogue.descriptions.set_previews(made.items())
    return known | made
