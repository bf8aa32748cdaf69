"""The octets of a stored message, for whoever looks through its text. Blocking."""

from __future__ import annotations

from mailframe.message.header import header_end
from mailframe.message.scanner import HEADER_LIMIT, scan
from mailframe.message.structure import Part
from mailframe.store.catalogue.rows import MailboxRow, MessageRow
from mailframe.store.matching_text import OctetsSource, Source, structure_of

from .maildrop import Maildrop

_WINDOW = 64 * 1024


def source_of(drop: Maildrop, mailbox: MailboxRow, row: MessageRow) -> Source | None:
    """A message as a source of text; None when it is gone.

    Raises:
        OSError: it cannot be read.
    """
    if drop.layout.is_large(row):
        return LargeSource(drop, mailbox, row)
    octets = drop.layout.read(mailbox, row)
    return None if octets is None else OctetsSource(octets)


class LargeSource:
    """A message that is read window by window, whatever its size; where it is gone, there is nothing."""

    def __init__(self, drop: Maildrop, mailbox: MailboxRow, row: MessageRow) -> None:
        self._drop = drop
        self._mailbox = mailbox
        self._row = row

    def header(self) -> bytes:
        """See `Source.header`; no more than a scanner takes for a header section."""
        octets = b""
        while piece := self.read(len(octets), _WINDOW):
            octets += piece
            if header_end(octets) < len(octets) or len(octets) >= HEADER_LIMIT:
                break
        return octets

    def structure(self) -> Part:
        """See `Source.structure`: as it was described, or found now in one pass."""
        known = self._drop.catalogue.descriptions.of(self._row.id, self._row.id).get(self._row.id)
        found = None if known is None else structure_of(known.parts)
        return found or scan(self._drop.layout.pieces(self._mailbox, self._row) or ())

    def read(self, offset: int, length: int) -> bytes:
        """See `Source.read`."""
        return self._drop.layout.read(self._mailbox, self._row, offset, length) or b""
