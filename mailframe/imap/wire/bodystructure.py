"""BODYSTRUCTURE and BODY as IMAP sends them, made from the structure of a message (RFC 9051 section 7.5.2)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from mailframe.message.parameters import Parameters
from mailframe.message.structure import Part

from .envelope import NIL, envelope, nstring, string

# A multipart without any part has no form in the grammar; an empty text stands for what is missing.
_EMPTY_TEXT = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0'


class Rendered(NamedTuple):
    """One part in both forms, parentheses included.

    Attributes:
        body: BODY, without extension data.
        bodystructure: BODYSTRUCTURE, with extension data.
    """

    body: bytes
    bodystructure: bytes


def render(part: Part, headers: Mapping[int, bytes]) -> Rendered:
    """BODY and BODYSTRUCTURE of one part with all below it.

    Args:
        part: the part, usually the root.
        headers: header sections of messages inside, by `Part.header_start`; one that is missing gives an
            ENVELOPE of NILs.
    """
    if part.is_multipart:
        return _multipart(part, headers)
    start = b"(%b %b %b %b %b %d" % (
        _media_type(part.media_type, part.subtype),
        _parameters(_with_charset(part)),
        nstring(part.content_id),
        nstring(part.description),
        _word(part.encoding),
        part.octets,
    )
    extension = b" %b %b)" % (nstring(part.md5), _extension(part))
    if part.is_message:
        inner = part.children[0]
        start += b" " + envelope(headers.get(inner.header_start, b""))
        body, structure = render(inner, headers)
        lines = b" %d" % part.lines
        return Rendered(
            b"%b %b%b)" % (start, body, lines), b"%b %b%b%b" % (start, structure, lines, extension)
        )
    if part.media_type == "text":
        start += b" %d" % part.lines
    return Rendered(start + b")", start + extension)


def _multipart(part: Part, headers: Mapping[int, bytes]) -> Rendered:
    children = [render(child, headers) for child in part.children]
    if not children:
        children = [Rendered(_EMPTY_TEXT + b")", _EMPTY_TEXT + b" NIL NIL NIL NIL)")]
    subtype = _word(part.subtype)
    body = b"(%b %b)" % (b"".join([child.body for child in children]), subtype)
    structures = b"".join([child.bodystructure for child in children])
    return Rendered(
        body, b"(%b %b %b %b)" % (structures, subtype, _parameters(part.parameters), _extension(part))
    )


def _extension(part: Part) -> bytes:
    """Disposition, language and location."""
    disposition = NIL
    if part.disposition is not None:
        word, parameters = part.disposition
        disposition = b"(%b %b)" % (string(word), _parameters(parameters))
    languages = part.language
    if len(languages) <= 1:
        language = nstring(languages[0] if languages else None)
    else:
        language = b"(%b)" % b" ".join([string(tag) for tag in languages])
    return b"%b %b %b" % (disposition, language, nstring(part.location))


# The same few words come in every message.
@lru_cache(maxsize=1024)
def _media_type(media_type: str, subtype: str) -> bytes:
    return b"%b %b" % (string(media_type.encode()), string(subtype.encode()))


@lru_cache(maxsize=1024)
def _word(word: str) -> bytes:
    return string(word.encode())


def _with_charset(part: Part) -> Parameters:
    """Text without any parameter is us-ascii (RFC 2045 section 5.2), and clients like to be told."""
    if part.media_type == "text" and part.subtype == "plain" and not part.parameters:
        return ((b"charset", b"us-ascii"),)
    return part.parameters


def _parameters(parameters: Parameters) -> bytes:
    if not parameters:
        return NIL
    return b"(%b)" % b" ".join([b"%b %b" % (string(name), string(value)) for name, value in parameters])
