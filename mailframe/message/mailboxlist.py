"""The addresses of From and Sender, for whoever decides by them (RFC 5322 section 3.4, RFC 6854).

`mailframe.message.addresslist` makes the best of anything. Here it is the other way round: what is not by the
grammar is read by each mail program in its own way, so it is nobody's address. Of the obsolete forms only those are
taken that have one meaning: dots in names, white space around ``@``, empty places between commas.
"""

from __future__ import annotations

import re

from .address import Address, parse_mailbox, quote_local_part
from .tokens import comment_end, unquote

_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_TOKEN = re.compile(
    rb"""(?P<w>[^ \t()<>@,;:\\"\[\]]++)|(?P<q>"(?:[^"\\]++|\\.)*+")|(?P<l>\[[^ \t\[\]\\]*+\])"""
    rb"""|(?P<mark>[<>@,;:])|(?P<comment>\()|[ \t]++"""
)
_PLACE = r"(?:[wq]*+<[wq]@[wl]>|[wq]@[wl](?:<[wq]@[wl]>)?|)"
_PLACES = f"{_PLACE}(?:,{_PLACE})*+"
_ITEM = f"(?:[wq]++:{_PLACES};|{_PLACE})"
_LIST = re.compile(f"{_ITEM}(?:,{_ITEM})*+")
"""A list by its tokens, one letter each: a word, a quoted string, a literal, or the mark itself."""


def mailboxes(octets: bytes) -> list[Address | None]:
    """The addresses of an unfolded From or Sender field, those in groups too.

    Where an address stands in the place of a name (``a@example.test <b@example.test>``) both are given: some
    readers take the one, some the other.

    Returns:
        Addresses in order; None for one that is none. A field that is not by the grammar is one None, so that
        nobody overlooks it.
    """
    tokens = _tokens(octets)
    shape = "".join(kind for kind, _ in tokens)
    if not _LIST.fullmatch(shape):
        return [None]
    signs = [place for place, kind in enumerate(shape) if kind == "@"]
    return [_mailbox(*tokens[sign - 1], tokens[sign + 1][1]) for sign in signs]


def _tokens(octets: bytes) -> list[tuple[str, bytes]]:
    """What a list consists of, without white space and comments; what is no token is a ``?``."""
    tokens: list[tuple[str, bytes]] = []
    position, end = 0, len(octets)
    # With one octet more, a comment that is not closed ends behind the field.
    longer = octets + b" "
    unreadable = [("?", b"")]
    if _CONTROL.search(octets):
        return unreadable
    while position < end:
        match = _TOKEN.match(octets, position)
        if match is None:
            return unreadable
        position, kind = match.end(), match.lastgroup
        if kind == "comment":
            position = comment_end(longer, match.start())
            if position > end:
                return unreadable
        elif kind is not None:
            tokens.append((match[0].decode() if kind == "mark" else kind, match[0]))
    return tokens


def _mailbox(kind: str, local_part: bytes, domain: bytes) -> Address | None:
    try:
        local = quote_local_part(unquote(local_part[1:-1]).decode()) if kind == "q" else local_part.decode()
        text = f"{local}@{domain.decode()}"
        # There is more white space in Unicode than in the grammar.
        return parse_mailbox(text) if text == text.strip() else None
    except ValueError:
        return None
