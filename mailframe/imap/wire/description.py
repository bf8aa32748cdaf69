"""Describes a message once, so that FETCH answers from a catalogue for ever after.

A role hands `describe` to its store, which calls it in its threads when a message comes in and keeps the
result; see `mailframe.store.values.Describe`.
"""

from __future__ import annotations

from collections.abc import Iterable

from mailframe.message.scanner import Scanner
from mailframe.message.structure import pack
from mailframe.store.values import Description

from .bodystructure import render
from .envelope import envelope

DESCRIPTION_VERSION = 1
"""Changes whenever `describe` gives something else for the same octets; a store then describes anew."""


def describe(chunks: Iterable[bytes]) -> Description:
    """ENVELOPE, BODYSTRUCTURE, BODY and the packed structure of a message.

    Args:
        chunks: its octets in order, with CRLF line ends, in pieces of any size; read once, in bounded memory.

    Returns:
        The description; any octets have one, and only what ``chunks`` itself raises is raised.
    """
    scanner = Scanner(chunks)
    root = scanner.scan()
    headers = scanner.headers
    body, bodystructure = render(root, headers)
    return Description(
        envelope=envelope(headers.get(0, b"")),
        bodystructure=bodystructure,
        body=body,
        parts=pack(root),
    )
