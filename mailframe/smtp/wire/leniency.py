"""What may be forgiven in command lines: each by its own name, none unless it is asked for.

The grammar stays in one place: a lenient listener has the line written as it should have been, and that is read by
the same parser as everybody's.
"""

from __future__ import annotations

import re
from typing import Final, Literal, get_args

from mailframe.message.address import split_path

Forgivable = Literal["bare-path", "space-before-path", "tab"]
"""``bare-path``: ``MAIL FROM:a@b`` without angle brackets. ``space-before-path``: ``MAIL FROM: <a@b>``, which old
clients send (RFC 5321 section 3.3 allows no space there). ``tab``: a tab where a space must be (``HELO<TAB>x``)."""
FORGIVABLE: Final[tuple[str, ...]] = get_args(Forgivable)

_PATH: Final = re.compile(rb"(MAIL\s+FROM:|RCPT\s+TO:)( *)", re.IGNORECASE)


def straightened(line: bytes, forgiven: frozenset[str]) -> bytes:
    """A command line as it should have been written.

    Args:
        line: without its CRLF.
        forgiven: of `FORGIVABLE`.
    """
    if "tab" in forgiven and b'"' not in line:
        line = line.replace(b"\t", b" ")
    found = _PATH.match(line)
    if found is None or (found[2] and "space-before-path" not in forgiven):
        return line
    rest = line[found.end() :]
    if rest and not rest.startswith(b"<") and "bare-path" in forgiven:
        path, parameters = split_path(rest)
        rest = b"<" + path + b">" + parameters
    return found[1] + rest
