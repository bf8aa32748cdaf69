"""Messages of a mailbox of ours, whole, with all that is known of them."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Sequence

from mailframe.dialogue.spill import Spill
from mailframe.message.content import Content
from mailframe.store.interfaces import IMailbox
from mailframe.store.values import Item, Message, Span, TakenMessage

WINDOW = 1024 * 1024
"""Octets of one message that are read at a time."""
PAGE = 200
"""Messages whose facts are asked for at a time."""
FACTS = Item.FLAGS | Item.DATE | Item.SIZE | Item.IDENTITY | Item.UIDL


async def messages(mailbox: IMailbox, uids: Sequence[int]) -> AsyncIterator[TakenMessage]:
    """Messages with their content, which the caller discards; those that are gone meanwhile are passed over."""
    for start in range(0, len(uids), PAGE):
        for facts in await mailbox.fetch(uids[start : start + PAGE], FACTS):
            content = await content_of(mailbox, facts)
            if content is not None:
                yield taken(facts, content)


def taken(facts: Message, content: Content | None) -> TakenMessage:
    """A message of ours as one that comes from elsewhere."""
    return TakenMessage(
        content,
        facts.uid,
        facts.flags,
        facts.internal_date,
        facts.modseq,
        facts.save_date,
        facts.email_id,
        facts.thread_id,
        facts.uidl,
    )


async def content_of(mailbox: IMailbox, facts: Message) -> Content | None:
    """A message's octets, read window by window; None when it is gone."""
    spill = Spill(tempfile.gettempdir())
    try:
        while True:
            (octets,) = await mailbox.read([Span(facts.uid, spill.size, WINDOW)])
            if octets is None:
                return None
            spill.write(octets)
            # By what comes, and not by the size on record: that may be another program's word.
            if len(octets) < WINDOW:
                return spill.finish()
    finally:
        spill.discard()
