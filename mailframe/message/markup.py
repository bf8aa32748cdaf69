"""The text of HTML, as far as a search needs it: without tags, comments, styles and scripts, in one line.

Not a parser: nothing is built and nothing fails. It works in pieces and in time that grows with the text alone,
whatever a sender wrote: no expression here can look at a character more than twice.
"""

from __future__ import annotations

import re
from html import unescape

TAG_LIMIT = 16 * 1024
"""Characters of a tag that is waited for; a ``<`` that has no ``>`` so far on stands for itself."""
_ENTITY_LIMIT = 34  # the longest name in HTML has 32 characters

_HIDDEN = re.compile(r"<!--|<(style|script)\b[^<>]*>", re.IGNORECASE)
_ENDS = {
    "": re.compile(r"-->"),
    "style": re.compile(r"</style\b[^<>]*>", re.IGNORECASE),
    "script": re.compile(r"</script\b[^<>]*>", re.IGNORECASE),
}
_END_LIMIT = 64
# What stands between two of these is read apart; every other tag may stand within a word.
_BREAK = re.compile(
    r"</?(?:address|article|aside|blockquote|body|br|caption|center|dd|div|dl|dt|figure|footer|form|h[1-6]|head"
    r"|header|hr|html|img|li|main|nav|ol|option|p|pre|section|table|tbody|td|tfoot|th|thead|title|tr|ul)"
    r"\b[^<>\0]*>",
    re.IGNORECASE,
)
_TAG = re.compile(r"<[a-zA-Z/!?][^<>\0]*>")
_GONE = "\0"
"""Stands where something was: no tag, and no name of a character, goes on behind it."""
_SPACE = re.compile(r"[ \t\r\n\f]+")


class MarkupText:
    """Takes HTML in pieces and gives the text that a reader sees, white space in single spaces.

    Where the pieces are cut makes no difference, but for tags longer than `TAG_LIMIT`.
    """

    def __init__(self) -> None:
        self._rest = ""
        self._end: re.Pattern[str] | None = None
        self._after_space = True

    def feed(self, piece: str) -> str:
        """The text of what came so far and was not given yet; what may go on in the next piece waits."""
        shown, rest = self._without_hidden(self._rest + piece.replace(_GONE, ""))
        if self._end is not None:
            self._rest = rest
            return self._text(shown)
        cut = _cut(rest)
        self._rest = rest[cut:]
        return self._text(shown + rest[:cut])

    def close(self) -> str:
        """The text of what waited."""
        rest, self._rest = self._rest, ""
        return "" if self._end is not None else self._text(rest)

    def _without_hidden(self, text: str) -> tuple[str, str]:
        """Text in front of the last thing that hides something, and what comes behind it."""
        shown: list[str] = []
        at = 0
        while True:
            if self._end is not None:
                end = self._end.search(text, at)
                if end is None:
                    return _GONE.join(shown), text[max(at, len(text) - _END_LIMIT) :]
                at, self._end = end.end(), None
            begin = _HIDDEN.search(text, at)
            if begin is None:
                return _GONE.join((*shown, "")), text[at:]
            shown.append(text[at : begin.start()])
            # "<!-->" is a whole comment.
            at = begin.end() if begin[1] else begin.end() - 2
            self._end = _ENDS[(begin[1] or "").lower()]

    def _text(self, markup: str) -> str:
        text = _TAG.sub(_GONE, _BREAK.sub(_GONE + " ", markup))
        if "&" in text:
            text = unescape(text)
        text = _SPACE.sub(" ", text.replace(_GONE, ""))
        if self._after_space:
            text = text.removeprefix(" ")
        if text:
            self._after_space = text.endswith(" ")
        return text


def _cut(text: str) -> int:
    """Where the end begins that may be half of a tag or of a character's name."""
    tag = text.rfind("<", max(0, len(text) - TAG_LIMIT))
    if tag >= 0 and text.find(">", tag) < 0:
        return tag
    entity = text.rfind("&", max(0, len(text) - _ENTITY_LIMIT))
    if entity >= 0 and text.find(";", entity) < 0:
        # Not in the middle of a tag.
        tag = text.rfind("<", max(0, entity - TAG_LIMIT), entity)
        return tag if tag >= 0 and text.find(">", tag, entity) < 0 else entity
    return len(text)


def markup_text(markup: str) -> str:
    """The text of HTML that is there in one piece."""
    text = MarkupText()
    return text.feed(markup) + text.close()
