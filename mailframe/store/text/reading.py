"""From a message to its text: decoded, folded, and bounded."""

from __future__ import annotations

from mailframe.store.matching_text import Source, Texts

from .interfaces import MessageText

BODY_LIMIT = 1024 * 1024
"""Characters of a body that are kept: of a longer one the beginning, and the rest is looked for in the message."""


def text_of(uid: int, source: Source, limit: int = BODY_LIMIT) -> MessageText:
    """The text of a message, as `Texts` looks through it.

    Args:
        uid: the message's.
        source: the message; read only as far as text goes, and no further than the limit.
        limit: characters of the body.
    """
    texts = Texts(source)
    kept: list[str] = []
    left, whole = limit, True
    for piece in texts.body():
        if len(piece) > left:
            kept.append(piece[:left])
            whole = False
            break
        kept.append(piece)
        left -= len(piece)
    return MessageText(uid, texts.fields, "".join(kept), texts.sent, whole)
