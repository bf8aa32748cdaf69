"""What SORT and THREAD go by: made when somebody first asks, and kept. Blocking."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mailframe.message.sort_keys import HEAD, pack, sort_keys
from mailframe.store.catalogue.rows import MailboxRow, MessageRow

from .maildrop import Maildrop


def sort_keys_of(drop: Maildrop, mailbox: MailboxRow, rows: Sequence[MessageRow]) -> dict[int, bytes]:
    """Keys of messages that had none yet, by row ids; kept from now on. Those that are gone have none."""
    made = {}
    for row in rows:
        pieces = drop.layout.pieces(mailbox, row)
        if pieces is not None:
            made[row.id] = pack(sort_keys(_head(pieces)))
    if made:
        with drop.writing(0):
            drop.catalogue.sort_keys.add(made.items())
    return made


def _head(pieces: Iterable[bytes]) -> bytes:
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= HEAD or b"\r\n\r\n" in head:
            break
    return head
