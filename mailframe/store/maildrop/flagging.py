"""Changing flags: in the catalogue, and wherever else the layout keeps them for other programs."""

from __future__ import annotations

from collections.abc import Sequence

from mailframe.store import flags as rules
from mailframe.store.catalogue.keywords import Keywords
from mailframe.store.catalogue.rows import UID_MASK, MessageRow, Packed
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
        after = _Changing(keywords, change, spelled)
        untouchable = set(failed)
        touched: list[tuple[MessageRow, Packed]] = []
        told: list[Packed] = []
        for row in rows:
            before = packed = row.flags, row.keywords
            if not untouchable or row.uid not in untouchable:
                packed = after[before]
                if packed != before:
                    touched.append((row, packed))
            told.append(packed)
        modseq = mailbox.modseq
        if touched:
            modseq = catalogue.mailboxes.next_modseq(mailbox)
            infos = drop.layout.flag(mailbox, touched)
            catalogue.messages.set_flags(modseq, ((row.id, packed, infos[row.id]) for row, packed in touched))
            drop.changed.add(mailbox.mailbox_id)
        unpack = keywords.unpack
        messages = [
            Message(
                row.id & UID_MASK,
                unpack(*packed),
                row.modseq if packed == (row.flags, row.keywords) else modseq,
            )
            for row, packed in zip(rows, told, strict=True)
        ]
    return Stored(messages, failed, modseq, bool(touched))


class _Changing(dict[Packed, Packed]):
    """What becomes of flags, by what they were: thousands of messages have the same few combinations."""

    def __init__(self, keywords: Keywords, change: FlagChange, flags: Flags) -> None:
        super().__init__()
        self._keywords, self._change, self._flags = keywords, change, flags

    def __missing__(self, before: Packed) -> Packed:
        flags = rules.changed(self._keywords.unpack(*before), self._change, self._flags)
        packed = self[before] = self._keywords.pack(flags)
        return packed
