"""BODYSTRUCTURE and BODY as IMAP sends them, made from the structure of a message (RFC 9051 section 7.5.2)."""

from __future__ import annotations

from collections.abc import Mapping

from mailframe.message.parameters import Parameters
from mailframe.message.structure import Part

from .envelope import NIL, envelope, nstring, string

# A multipart without any part has no form in the grammar; an empty text stands for what is missing.
_EMPTY_TEXT = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0'


def bodystructure(part: Part, headers: Mapping[int, bytes], *, extended: bool) -> bytes:
    """One part with all below it, parentheses included.

    Args:
        part: the part, usually the root.
        headers: header sections of messages inside, by `Part.header_start`; one that is missing gives an
            ENVELOPE of NILs.
        extended: with extension data (BODYSTRUCTURE) or without (BODY).
    """
    if part.is_multipart:
        return _multipart(part, headers, extended=extended)
    pieces = [
        string(part.media_type.encode()),
        string(part.subtype.encode()),
        _parameters(_with_charset(part)),
        nstring(part.content_id),
        nstring(part.description),
        string(part.encoding.encode()),
        b"%d" % part.octets,
    ]
    if part.is_message:
        inner = part.children[0]
        pieces.append(envelope(headers.get(inner.header_start, b"")))
        pieces.append(bodystructure(inner, headers, extended=extended))
    if part.is_message or part.media_type == "text":
        pieces.append(b"%d" % part.lines)
    if extended:
        pieces.append(nstring(part.md5))
        pieces.append(_extension(part))
    return b"(%b)" % b" ".join(pieces)


def _multipart(part: Part, headers: Mapping[int, bytes], *, extended: bool) -> bytes:
    children = b"".join([bodystructure(child, headers, extended=extended) for child in part.children])
    if not children:
        children = _EMPTY_TEXT + (b" NIL NIL NIL NIL)" if extended else b")")
    subtype = string(part.subtype.encode())
    if not extended:
        return b"(%b %b)" % (children, subtype)
    return b"(%b %b %b %b)" % (children, subtype, _parameters(part.parameters), _extension(part))


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


def _with_charset(part: Part) -> Parameters:
    """Text without any parameter is us-ascii (RFC 2045 section 5.2), and clients like to be told."""
    if part.media_type == "text" and part.subtype == "plain" and not part.parameters:
        return ((b"charset", b"us-ascii"),)
    return part.parameters


def _parameters(parameters: Parameters) -> bytes:
    if not parameters:
        return NIL
    return b"(%b)" % b" ".join([b"%b %b" % (string(name), string(value)) for name, value in parameters])
