"""What SORT and THREAD go by: made when somebody first asks, and kept. Blocking."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mailframe.message.sort_keys import HEAD, SortKeys, pack, sort_keys, unpack
from mailframe.store.catalogue.rows import MailboxRow, MessageRow

from .maildrop import Maildrop


def sort_keys_of(drop: Maildrop, mailbox: MailboxRow, rows: Sequence[MessageRow]) -> dict[int, SortKeys]:
    """Keys of messages, by row ids; those that are gone have none."""
    if not rows:
        return {}
    known = {id_: unpack(keys) for id_, keys in drop.catalogue.sort_keys.of(rows[0].id, rows[-1].id)}
    made = {}
    for row in rows:
        if row.id not in known:
            pieces = drop.layout.pieces(mailbox, row)
            if pieces is not None:
                made[row.id] = sort_keys(_head(pieces))
    if made:
        with drop.writing(0):
            drop.catalogue.sort_keys.add((id_, pack(keys)) for id_, keys in made.items())
    return known | made


def _head(pieces: Iterable[bytes]) -> bytes:
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= HEAD or b"\r\n\r\n" in head:
            break
    return head
