"""``dovecot-keywords``: which keyword the letters ``a`` to ``z`` in names of message files stand for.

A line is ``<number> <keyword>``; number 0 is ``a``. A folder has 26 such keywords at most; Dovecot keeps others in
its index files only.
"""

from __future__ import annotations

from collections.abc import Mapping

from .broken import lines_of, number

KEYWORDS_LIMIT = 26


def read(octets: bytes) -> dict[str, str]:
    """Letter to keyword; what is no such line is left out, and a keyword keeps its first letter."""
    found: dict[str, str] = {}
    for line in lines_of(octets):
        digits, _, keyword = line.partition(" ")
        place = number(digits, KEYWORDS_LIMIT - 1)
        if place is not None and is_keyword(keyword):
            letter = chr(ord("a") + place)
            if letter not in found and keyword.lower() not in map(str.lower, found.values()):
                found[letter] = keyword
    return found


def write(letters: Mapping[str, str]) -> bytes:
    """The file of these letters and keywords."""
    text = "".join(f"{ord(letter) - ord('a')} {letters[letter]}\n" for letter in sorted(letters))
    return text.encode("ascii")


def is_keyword(text: str) -> bool:
    """Is it an atom, as keywords are (RFC 9051 section 9)?"""
    return bool(text) and all("!" <= char <= "~" and char not in '(){%*"\\]' for char in text)
