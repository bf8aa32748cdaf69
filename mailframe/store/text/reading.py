"""From a message to its text: decoded, folded, and bounded."""

from __future__ import annotations

from mailframe.store.matching_text import Source, Texts

from .interfaces import MessageText

BODY_LIMIT = 1024 * 1024
"""Characters of a body that are kept: of a longer one the beginning, and the rest is looked for in the message."""


READ_LIMIT = 8 * BODY_LIMIT
"""Octets of a body that are read for it: much of HTML is no text, and all else waits meanwhile."""


class LimitedSource:
    """A message of which no more than so many octets are read; behind them it seems to end.

    Args:
        source: the message.
        limit: octets, besides the header section.

    Attributes:
        over: there was more.
    """

    def __init__(self, source: Source, limit: int) -> None:
        self._source = source
        self._left = limit
        self.over = False
        self.header = source.header
        self.structure = source.structure

    def read(self, offset: int, length: int) -> bytes:
        """See `Source.read`."""
        if length > self._left:
            self._left, self.over = 0, True
            return b""
        self._left -= length
        return self._source.read(offset, length)


def text_of(uid: int, source: Source, limit: int = BODY_LIMIT, read_limit: int = READ_LIMIT) -> MessageText:
    """The text of a message, as `Texts` looks through it.

    Args:
        uid: the message's.
        source: the message; read only as far as text goes, and no further than the limits.
        limit: characters of the body.
        read_limit: octets of the body.
    """
    limited = LimitedSource(source, read_limit)
    texts = Texts(limited)
    kept: list[str] = []
    left, whole = limit, True
    for piece in texts.body():
        if len(piece) > left:
            kept.append(piece[:left])
            whole = False
            break
        kept.append(piece)
        left -= len(piece)
    return MessageText(uid, texts.fields, "".join(kept), texts.sent, whole and not limited.over)
