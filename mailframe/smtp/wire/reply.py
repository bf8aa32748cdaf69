"""Replies: a `Status` becomes a basic code, an enhanced code and a text (RFC 5321 section 4.2, RFC 2034).

The basic code follows from the enhanced one (RFC 5248), unless the status asks for another.
"""

from __future__ import annotations

import functools
from typing import Final

from mailframe.message.status import Status

TEXT_LIMIT: Final = 400
"""Characters of text in a reply line; RFC 5321 section 4.5.3.1.5 allows 512 octets for all of it."""

_SUCCESS: Final[dict[tuple[int, int], int]] = {(7, 0): 235}
_TEMPORARY: Final[dict[tuple[int, int], int]] = {
    (2, 0): 450,
    (2, 1): 450,
    (2, 2): 452,
    (2, 4): 450,
    (3, 1): 452,
    (5, 3): 452,
    (7, 0): 450,
    (7, 1): 450,
    (7, 12): 432,
    # 4.3.2 and 4.4.2 are often a 421; but 421 says that the connection ends, so whoever ends it asks for it.
}
_PERMANENT: Final[dict[tuple[int, int], int]] = {
    (0, 0): 554,
    (1, 3): 501,
    (1, 7): 501,
    (1, 10): 556,
    (2, 2): 552,
    (2, 3): 552,
    (3, 2): 521,
    (3, 4): 552,
    (4, 6): 554,
    (5, 0): 554,
    (5, 1): 503,
    (5, 2): 500,
    (5, 3): 554,
    (5, 4): 501,
    (5, 5): 554,
    (5, 6): 500,
    (6, 7): 553,
    (7, 4): 504,
    (7, 8): 535,
    (7, 9): 534,
    (7, 10): 523,
    (7, 11): 538,
    (7, 13): 525,
    (7, 14): 535,
}
_PERMANENT_BY_SUBJECT: Final = {0: 554, 1: 550, 2: 550, 3: 554, 4: 554, 5: 554, 6: 554, 7: 550}


def basic_code(status: Status) -> int:
    """The three digits for a status."""
    if status.reply_code is not None:
        return status.reply_code
    severity, subject, detail = status.enhanced
    if severity == 2:
        return _SUCCESS.get((subject, detail), 250)
    if severity == 4:
        return _TEMPORARY.get((subject, detail), 451)
    found = _PERMANENT.get((subject, detail))
    return found if found is not None else _PERMANENT_BY_SUBJECT.get(subject, 554)


def render(status: Status, *, reply_code: int | None = None, utf8: bool = False) -> bytes:
    """One reply line: ``550 5.1.1 No such mailbox here``.

    Args:
        status: what to say.
        reply_code: a basic code to use instead of the status's own; must agree with its class.
        utf8: may UTF-8 be in it (RFC 6531 section 3.7.4.2)?
    """
    severity, subject, detail = status.enhanced
    code = basic_code(status) if reply_code is None else reply_code
    return b"%d %d.%d.%d %b\r\n" % (code, severity, subject, detail, _clean(status.text, utf8))


@functools.lru_cache(maxsize=64)
def render_lines(code: int, lines: tuple[str, ...], *, utf8: bool = False) -> bytes:
    """A reply of one or several lines without enhanced codes, such as the answer to EHLO, which is mostly the same.

    Args:
        code: the basic code.
        lines: at least one.
        utf8: may UTF-8 be in them?
    """
    head = b"%d-" % code
    texts = [_clean(line, utf8) for line in lines]
    return b"".join([head + text + b"\r\n" for text in texts[:-1]]) + b"%d %b\r\n" % (code, texts[-1])


def _clean(text: str, utf8: bool = False) -> bytes:
    """No control characters, no UTF-8 unless it may be: a reply stays one line whatever went into its text."""
    if not (utf8 or text.isascii()) or not text.isprintable():
        text = "".join(char if (utf8 or char.isascii()) and char.isprintable() else "?" for char in text)
    return text[:TEXT_LIMIT].encode()
