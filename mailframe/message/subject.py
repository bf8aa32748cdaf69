"""The base subject: what is left of a subject without marks of replies and forwards (RFC 5256 section 2.1)."""

from __future__ import annotations

import re
from typing import NamedTuple

from .words import decode_words

LIMIT = 2000
"""Characters of a subject that count."""

_SPACES = re.compile(r"[ \t\r\n]+")
_BLOB = r"\[[^\[\]]*\][ \t]*"
_TRAILER = re.compile(r"(?:\(fwd\)|[ \t])+\Z", re.IGNORECASE)
_LEADER = re.compile(rf"(?:{_BLOB})*(?:re|fwd?)[ \t]*(?:{_BLOB})?:|[ \t]+", re.IGNORECASE)
_LEADING_BLOB = re.compile(_BLOB)
_FORWARDED = re.compile(r"\[fwd:(.*)\]\Z", re.IGNORECASE | re.DOTALL)


class BaseSubject(NamedTuple):
    """What a subject is about.

    Attributes:
        text: without all marks.
        is_reply: were there marks of a reply or a forward?
    """

    text: str
    is_reply: bool


def base_subject(body: bytes | None) -> BaseSubject:
    """The base subject of the body of a Subject field; None for a message without one."""
    text = _SPACES.sub(" ", decode_words(body or b"")[:LIMIT])
    is_reply = False
    while True:
        trimmed = _TRAILER.sub("", text)
        is_reply |= "(" in text[len(trimmed) :]
        text, marked = _without_leaders(trimmed)
        is_reply |= marked
        forwarded = _FORWARDED.match(text)
        if forwarded is None:
            return BaseSubject(text, is_reply)
        text, is_reply = forwarded[1], True


def _without_leaders(text: str) -> tuple[str, bool]:
    """Steps 3 to 5: leaders and blobs go from the front, as long as something stays."""
    is_reply = False
    while True:
        leader = _LEADER.match(text)
        if leader is not None:
            is_reply |= leader[0].strip(" \t") != ""
            text = text[leader.end() :]
            continue
        blob = _LEADING_BLOB.match(text)
        # A blob that is all there is stays: it is the subject.
        if blob is None or blob.end() == len(text):
            return text, is_reply
        text = text[blob.end() :]
