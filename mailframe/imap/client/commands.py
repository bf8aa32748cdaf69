"""Commands as octets. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

_ATOM = re.compile(rb"[A-Za-z0-9_.:+/=-]+\Z")
_LITERAL = re.compile(rb"\{\d+\}\r\n")
_QUOTABLE = re.compile(rb"[\x20-\x7e]{0,1000}\Z")


def string(octets: bytes) -> bytes:
    """An astring as it is quoted; one that no quotes can hold as a literal, ``{3}CRLFabc``."""
    if _ATOM.match(octets) and octets.upper() != b"NIL":
        return octets
    if _QUOTABLE.match(octets):
        return b'"' + octets.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    return b"{%d}\r\n%b" % (len(octets), octets)


def command(tag: bytes, *words: bytes) -> list[bytes]:
    """A command in the pieces it is sent in: after each but the last the server must ask for more.

    Args:
        tag: names it in the answer.
        words: as `string` gives them, or as they stand in the grammar.
    """
    pieces, line = [], tag
    for word in words:
        line += b" "
        match = _LITERAL.match(word)
        if match is None:
            line += word
        else:
            pieces.append(line + match[0])
            line = word[match.end() :]
    return [*pieces, line + b"\r\n"]


def uid_set(uids: Sequence[int]) -> bytes:
    """UIDs, ascending, as a sequence set."""
    ranges: list[list[int]] = []
    for uid in uids:
        if ranges and uid == ranges[-1][1] + 1:
            ranges[-1][1] = uid
        else:
            ranges.append([uid, uid])
    return b",".join(b"%d" % first if first == last else b"%d:%d" % (first, last) for first, last in ranges)
