"""What a message begins with, as lists of messages show it (PREVIEW, RFC 8970)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .structure import Part
from .text import Read, shown_text

LENGTH = 200
"""Characters at most (RFC 8970 section 3.1)."""
_PIECES_LIMIT = 64
"""Pieces of text that are looked at: of a message that begins with white space for ever nothing is shown."""
_ENOUGH = 4 * LENGTH
_SPACE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028\u2029\u202a-\u202e\u2060\ufeff\u00ad]+")
"""White space, and what is not seen."""
_SURROGATE = re.compile("[\ud800-\udfff]")
"""What UTF-7 can say, and UTF-8 cannot."""
_QUOTE = re.compile(r"^>.*$", re.MULTILINE)


def preview(root: Part, read: Read) -> str:
    """The beginning of the first text that a reader sees, in one line; "" where there is none.

    Args:
        root: the message's structure.
        read: reads its octets.
    """
    part = _first_text(root)
    if part is None:
        return ""
    text = _SURROGATE.sub("\ufffd", _beginning(shown_text(part, read), part.subtype == "plain"))
    return _cut(_SPACE.sub(" ", text).strip())


def _first_text(root: Part) -> Part | None:
    """Plain text rather than HTML where both are there, and no attachment."""
    html = None
    for part in root.walk():
        if part.children or part.media_type != "text" or part.filename is not None:
            continue
        if part.subtype == "plain":
            return part
        if html is None and part.subtype == "html":
            html = part
    return html


def _beginning(pieces: Iterator[str], plain: bool) -> str:
    text = ""
    for number, piece in enumerate(pieces):
        text += piece
        if len(text) > _ENOUGH:
            # Quoted lines say what others said; a whole message of them is shown all the same.
            seen = _without_quotes(text) if plain else text
            if len(_SPACE.sub(" ", seen)) > _ENOUGH or number >= _PIECES_LIMIT:
                break
            if len(text) > 64 * _ENOUGH:
                break
    return (_without_quotes(text) if plain else text)[: 16 * _ENOUGH]


def _without_quotes(text: str) -> str:
    own = _QUOTE.sub("", text)
    return own if own.strip() else text


def _cut(text: str) -> str:
    """At a word's end, where there is one near the limit."""
    if len(text) <= LENGTH:
        return text
    cut = text.rfind(" ", LENGTH - 30, LENGTH)
    return text[: cut if cut > 0 else LENGTH - 1].rstrip() + "…"
