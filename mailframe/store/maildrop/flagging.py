"""Changing flags: in the catalogue, and wherever else the layout keeps them for other programs."""

from __future__ import annotations

from collections.abc import Sequence

from mailframe.store import flags as rules
from mailframe.store.catalogue.rows import MessageRow, Packed
from mailframe.store.values import FlagChange, Flags, Message, Stored

from .maildrop import Maildrop


def store(
    drop: Maildrop,
    mailbox_id: str,
    uids: Sequence[int],
    change: FlagChange,
    flags: Flags,
    unchanged_since: int | None,
) -> Stored:
    """See `IMailbox.store`. A message whose flags stay as they are keeps its modseq."""
    try:
        return _store(drop, mailbox_id, uids, change, flags, unchanged_since)
    except FileNotFoundError:
        # Another program renamed a file: see what it is called now, and try once more.
        drop.layout.look(drop.current(mailbox_id), force=True)
        return _store(drop, mailbox_id, uids, change, flags, unchanged_since)


def _store(
    drop: Maildrop,
    mailbox_id: str,
    uids: Sequence[int],
    change: FlagChange,
    flags: Flags,
    unchanged_since: int | None,
) -> Stored:
    catalogue = drop.catalogue
    with drop.writing():
        mailbox = drop.current(mailbox_id)
        keywords = catalogue.mailboxes.keywords(mailbox)
        rows = list(catalogue.messages.rows(mailbox, uids))
        failed = [row.uid for row in rows if unchanged_since is not None and row.modseq > unchanged_since]
        spelled = keywords.known(flags) if change is FlagChange.REMOVE else keywords.spell(flags)
        touched: list[tuple[MessageRow, Packed]] = []
        untouchable = set(failed)
        # Thousands of messages have the same few combinations of flags.
        changed_to: dict[Packed, Packed] = {}
        for row in rows:
            if untouchable and row.uid in untouchable:
                continue
            before = (row.flags, row.keywords)
            packed = changed_to.get(before)
            if packed is None:
                after = rules.changed(keywords.unpack(*before), change, spelled)
                packed = changed_to[before] = keywords.pack(after)
            if packed != before:
                touched.append((row, packed))
        modseq = mailbox.modseq
        if touched:
            modseq = catalogue.mailboxes.next_modseq(mailbox)
            infos = drop.layout.flag(mailbox, touched)
            catalogue.messages.set_flags(modseq, [(row.id, packed, infos[row.id]) for row, packed in touched])
            drop.changed.add(mailbox.mailbox_id)
        now = {row.id: (packed, modseq) for row, packed in touched}
        messages = []
        for row in rows:
            packed, changed = now.get(row.id, ((row.flags, row.keywords), row.modseq))
            messages.append(Message(row.uid, keywords.unpack(*packed), changed))
    return Stored(messages, failed, modseq)
