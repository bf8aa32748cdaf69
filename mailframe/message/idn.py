"""Internationalised domain names: U-labels for people and for comparing, A-labels for the wire (RFC 5890, RFC 5891).

Two spellings of one domain must not be two domains, so `mailframe.message.address.Address` keeps every domain in
U-labels, and gives A-labels where ASCII is asked for. An A-label that stands for nothing (``xn--`` and then what
no U-label is written as) is kept as it is: it is a valid host name, equal to itself only.

This is the one place of this room that uses a library besides the standard one: the tables of IDNA 2008 are large
and change with Unicode.
"""

from __future__ import annotations

import functools
from typing import Final

import idna

_ACE: Final = "xn--"


@functools.lru_cache(maxsize=2048)
def to_unicode(domain: str) -> str:
    """A domain with its A-labels as U-labels.

    Args:
        domain: in lower case.
    """
    return ".".join([_u_label(label) for label in domain.split(".")])


@functools.lru_cache(maxsize=2048)
def to_ascii(domain: str) -> str:
    """A domain with its U-labels as A-labels.

    Args:
        domain: in lower case.

    Raises:
        ValueError: a label is no U-label (RFC 5890 section 2.3.2.1), or too long as an A-label.
    """
    return ".".join(
        [label if label.isascii() else idna.alabel(label).decode("ascii") for label in domain.split(".")]
    )


def _u_label(label: str) -> str:
    if not label.startswith(_ACE):
        return label
    try:
        text = idna.ulabel(label)
        return text if idna.alabel(text) == label.encode("ascii") else label
    except ValueError:
        return label
