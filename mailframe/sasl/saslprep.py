"""SASLprep: one form for names and passwords that look alike (RFC 4013, a profile of RFC 3454)."""

from __future__ import annotations

import stringprep
from unicodedata import ucd_3_2_0

_PROHIBITED = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


def saslprep(text: str) -> str:
    """A name or password in the form in which it is compared.

    Code points that Unicode 3.2 did not have are let pass, as RFC 3454 section 7 wants it for queries: a password
    may have an emoji.

    Raises:
        ValueError: a character is prohibited, or left-to-right and right-to-left are mixed (RFC 3454 section 6).
    """
    if text.isascii() and text.isprintable():
        return text
    mapped = "".join(
        " " if stringprep.in_table_c12(character) else character
        for character in text
        if not stringprep.in_table_b1(character)
    )
    prepared = ucd_3_2_0.normalize("NFKC", mapped)
    if any(prohibited(character) for character in prepared for prohibited in _PROHIBITED):
        raise ValueError("a character that SASLprep prohibits")
    _check_direction(prepared)
    return prepared


def prepared(text: str) -> str:
    """The form in which a text is compared, or the text itself where SASLprep has none for it.

    Passwords that came to be before anybody prepared them stay usable so, and both sides do the same.
    """
    try:
        return saslprep(text)
    except ValueError:
        return text


def prepared_octets(octets: bytes) -> bytes:
    """`prepared` for a password in UTF-8; what is no UTF-8 stays as it is."""
    if octets.isascii():
        return octets
    try:
        return prepared(octets.decode("utf-8")).encode("utf-8")
    except UnicodeError:
        return octets


def _check_direction(text: str) -> None:
    if not any(map(stringprep.in_table_d1, text)):
        return
    if any(map(stringprep.in_table_d2, text)):
        raise ValueError("text of both directions")
    if not (stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])):
        raise ValueError("right-to-left text must begin and end so")
