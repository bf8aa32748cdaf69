"""The lexical pieces that structured header fields share: comments and quoted pairs (RFC 5322 section 3.2)."""

from __future__ import annotations

import re

_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_COMMENT_MARK = re.compile(rb"[()]|\\.", re.DOTALL)


def unquote(content: bytes) -> bytes:
    """Take the backslashes of quoted pairs out of the content of a quoted string or comment."""
    if b"\\" not in content:
        return content
    return _QUOTED_PAIR.sub(rb"\1", content)


def comment_end(octets: bytes, start: int) -> int:
    """Where the comment that opens at ``start`` ends: behind its parenthesis, or at the end of all.

    Comments nest (RFC 5322 section 3.2.2); the depth is only counted, so it needs no bound.
    """
    depth = 0
    for mark in _COMMENT_MARK.finditer(octets, start):
        if mark[0] == b"(":
            depth += 1
        elif mark[0] == b")":
            depth -= 1
            if depth == 0:
                return mark.end()
    return len(octets)
