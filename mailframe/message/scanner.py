"""Finds the parts of a message in its octets: one pass, in pieces, without looking at single lines.

Bodies are searched for boundaries with ``bytes.find`` and their line ends counted with ``bytes.count``; only
header sections are looked into. Memory is bounded by a window of some 64 KiB plus a header section, and every
input gives a tree: what is broken is read as text (RFC 2045 section 5.2).
"""

from __future__ import annotations

from collections.abc import Iterable

from .header import unfold
from .parameters import Parameters, get, parse
from .structure import Part

DEPTH_LIMIT = 100
"""Parts inside parts; what is deeper is not looked into."""
PARTS_LIMIT = 10_000
"""Parts of one message; further ones are passed over."""
HEADER_LIMIT = 1024 * 1024
"""Octets of one header section; what follows counts as body."""
KEPT_LIMIT = 4 * 1024 * 1024
"""Octets of fields and headers kept of one message; further parts are taken for text."""

_WINDOW = 64 * 1024
_BOUNDARY_LIMIT = 250  # RFC 2046 section 5.1.1 allows 70
_LINE_LIMIT = 1000  # longest line that may be a boundary with its padding
_VALUE_LIMIT = 16 * 1024
_TYPE_LIMIT = 255  # RFC 6838 section 4.2 allows 127 on each side of the slash
_TOKEN = bytes(octet for octet in range(33, 127) if octet not in b'()<>@,;:\\"/[]?=')

_NAMES = frozenset(
    (b"type", b"id", b"description", b"transfer-encoding", b"md5", b"disposition", b"language", b"location")
)

_Delimiters = dict[bytes, tuple[int, bool]]
"""A boundary line without padding to the depth of its multipart, and whether it closes it."""


def scan(chunks: Iterable[bytes]) -> Part:
    """The structure of a message.

    Args:
        chunks: its octets in order, in pieces of any size, with CRLF line ends.

    Returns:
        The root part. Any octets give one; the same octets in other pieces give the same one.
    """
    return Scanner(chunks).scan()


class Scanner:
    """One pass over one message; use `scan` unless the headers are wanted too.

    Args:
        chunks: as for `scan`.

    Attributes:
        headers: after `scan`, the header sections of the message and of messages inside it, by
            `Part.header_start`; left out past `KEPT_LIMIT` octets in all.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._window = b""
        self._base = 0  # offset of the window in the message
        self._position = 0  # in the window; so are all other places here
        self._counted = 0  # line ends before this place are in _newlines
        self._newlines = 0
        self._delimiters: _Delimiters = {}
        self._needle = b""  # what every boundary line of an open multipart starts with
        self._depth = 0
        self._parts = 0
        self._kept = 0
        # How the last part ended: offset, line ends before it, and the boundary that ended it.
        self._end = 0
        self._end_newlines = 0
        self._found: tuple[int, bool] | None = None
        self.headers: dict[int, bytes] = {}

    def scan(self) -> Part:
        """Read all chunks and give the root part."""
        self._more(0)
        return self._part("text", "plain", message=True)

    # The window

    def _more(self, keep: int) -> bool:
        """Read on, dropping what is before ``keep``, which becomes place 0; False when there is no more."""
        pieces, size = [], 0
        for chunk in self._chunks:
            pieces.append(chunk)
            size += len(chunk)
            # Small pieces are gathered, so that the window is not copied for each of them.
            if size >= _WINDOW:
                break
        if not size:
            return False
        if self._window:
            self._count_to(keep)
            pieces.insert(0, self._window[keep:])
        self._window = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self._base += keep
        self._position -= keep
        self._counted -= keep
        return True

    def _count_to(self, place: int) -> None:
        if place > self._counted:
            self._newlines += self._window.count(b"\n", self._counted, place)
            self._counted = place

    # Parts

    def _part(self, media_type: str, subtype: str, *, message: bool = False) -> Part:
        """Read one part from its header section to the boundary that ends it, or to the end of all."""
        self._parts += 1
        header_start = self._base + self._position
        header, cut = self._header()
        fields = self._fields(header)
        if message and self._keep(len(header)):
            self.headers[header_start] = header
        body_start = self._base + self._position
        first_line = self._newlines
        if cut:
            body_start, first_line = self._end, self._end_newlines
        if b"type" in fields:
            kind, parameters = parse(fields[b"type"])
            media_type, subtype, parameters = _media_type(kind, parameters)
        else:
            parameters = ()
        children: tuple[Part, ...] = ()
        if media_type in ("multipart", "message"):
            if self._depth >= DEPTH_LIMIT or self._parts >= PARTS_LIMIT:
                media_type, subtype = "application", "octet-stream"
            elif not cut:
                children = self._children(media_type, subtype, parameters)
                cut = media_type == "multipart" or bool(children)
        if not cut:
            self._skip(self._position - 2)
        disposition = None
        if b"disposition" in fields:
            word, values = parse(fields[b"disposition"])
            disposition = (word.lower(), values) if word else None
        return Part(
            media_type,
            subtype,
            parameters,
            fields.get(b"id"),
            fields.get(b"description"),
            _encoding(fields.get(b"transfer-encoding")),
            fields.get(b"md5"),
            disposition,
            _tags(fields[b"language"]) if b"language" in fields else (),
            fields.get(b"location"),
            header_start,
            body_start,
            self._end,
            max(0, self._end_newlines - first_line),
            children,
        )

    def _children(self, media_type: str, subtype: str, parameters: Parameters) -> tuple[Part, ...]:
        self._depth += 1
        try:
            if media_type == "multipart":
                boundary = (get(parameters, b"boundary") or b"").rstrip()
                return self._multipart(boundary, digest=subtype == "digest")
            if subtype in ("rfc822", "global"):
                return (self._part("text", "plain", message=True),)
            return ()
        finally:
            self._depth -= 1

    def _multipart(self, boundary: bytes, *, digest: bool) -> tuple[Part, ...]:
        outside, outside_needle = self._delimiters, self._needle
        delimiter = b"--" + boundary
        depth = self._depth
        self._delimiters = {**outside, delimiter: (depth, False), delimiter + b"--": (depth, True)}
        needle = b"\r\n" + delimiter
        self._needle = _common_start(outside_needle, needle) if outside_needle else needle
        default = ("message", "rfc822") if digest else ("text", "plain")
        children: list[Part] = []
        self._skip(self._position - 2)  # the preamble; its first line may be the boundary
        while self._found == (depth, False):
            if self._parts < PARTS_LIMIT:
                children.append(self._part(*default))
            else:
                self._skip(self._position - 2)
        self._delimiters, self._needle = outside, outside_needle
        if self._found == (depth, True):
            self._skip(self._position)  # the epilogue
        return tuple(children)

    # Header sections

    def _header(self) -> tuple[bytes, bool]:
        """Take the header section; True when a boundary line cut it off, so that there is no body."""
        start, stop, body = self._header_end()
        window = self._window
        hit = window.find(self._needle, max(0, start - 2), body) if self._needle else -1
        while hit >= 0:
            line_end = window.find(b"\r\n", hit + 2, body)
            stop_there = max(hit + 2, start)
            if self._take_boundary(hit, line_end if line_end >= 0 else body, stop_there):
                return window[start:stop_there], True
            hit = window.find(self._needle, hit + 2, body)
        self._position = body
        self._count_to(body)
        return window[start:stop], False

    def _header_end(self) -> tuple[int, int, int]:
        """Where the header section starts, where its last field ends, and where the body starts."""
        while True:
            window, start = self._window, self._position
            if window.startswith(b"\r\n", start):
                return start, start, start + 2
            limit = start + HEADER_LIMIT
            hit = window.find(b"\r\n\r\n", start, limit)
            if hit >= 0:
                return start, hit + 2, hit + 4
            if len(window) >= limit:
                last = window.rfind(b"\r\n", start, limit)
                stop = last + 2 if last >= 0 else limit
                return start, stop, stop
            # The CRLF before stays: it may belong to a boundary line.
            if not self._more(max(0, start - 2)):
                return start, len(window), len(window)

    def _fields(self, header: bytes) -> dict[bytes, bytes]:
        """The bodies of the fields whose names start with Content-, by the rest of the name."""
        lower = header.lower()
        found: dict[bytes, bytes] = {}
        place = lower.find(b"content-")
        while place >= 0:
            if place and lower[place - 2 : place] != b"\r\n":
                place = lower.find(b"content-", place + 8)
                continue
            end = header.find(b"\r\n", place)
            while end >= 0 and header[end + 2 : end + 3] in (b" ", b"\t"):
                end = header.find(b"\r\n", end + 2)
            if end < 0:
                end = len(header)
            colon = lower.find(b":", place, end)
            name = lower[place + 8 : colon].rstrip(b" \t") if colon > 0 else b""
            if (
                name in _NAMES
                and name not in found
                and end - colon <= _VALUE_LIMIT
                and self._keep(end - colon)
            ):
                found[name] = unfold(header[colon + 1 : end])
            place = lower.find(b"content-", end)
        return found

    def _keep(self, size: int) -> bool:
        """May so many more octets of this message be kept?"""
        if self._kept + size > KEPT_LIMIT:
            return False
        self._kept += size
        return True

    # Bodies

    def _skip(self, search: int) -> None:
        """Pass over octets up to a boundary of any open multipart, or to the end of the message."""
        floor = self._base + self._position
        needle, search = self._needle, max(0, search)
        while True:
            window = self._window
            hit = window.find(needle, search) if needle else -1
            if hit < 0:
                keep = max(search, len(window) - len(needle) + 1) if needle else len(window)
                if not self._more(keep):
                    break
                search = 0
                continue
            line_end = window.find(b"\r\n", hit + 2, hit + _LINE_LIMIT)
            if line_end < 0 and len(window) < hit + _LINE_LIMIT:
                if self._more(hit):
                    search = 0
                    continue
                line_end = len(window)
            if line_end >= 0 and self._take_boundary(hit, line_end, floor - self._base):
                return
            search = hit + 2
        self._found = None
        self._position = len(self._window)
        self._count_to(self._position)
        self._end, self._end_newlines = self._base + self._position, self._newlines

    def _take_boundary(self, hit: int, line_end: int, floor: int) -> bool:
        """If the line behind the CRLF at ``hit`` is a boundary, end the part there and go behind the line."""
        found = self._delimiters.get(self._window[hit + 2 : line_end].rstrip(b" \t"))
        if found is None:
            return False
        end = max(hit, floor)
        self._count_to(end)
        self._end, self._end_newlines = self._base + end, self._newlines
        self._found = found
        # Behind a closing boundary the CRLF stays: it may belong to the boundary of the multipart around.
        self._position = line_end if found[1] else min(line_end + 2, len(self._window))
        self._count_to(self._position)
        return True


def _common_start(one: bytes, other: bytes) -> bytes:
    length = next(
        (place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), None
    )
    return one[:length] if length is not None else min(one, other, key=len)


def _media_type(kind: bytes, parameters: Parameters) -> tuple[str, str, Parameters]:
    """Type and subtype in lower case; what is not valid is text/plain (RFC 2045 section 5.2)."""
    if len(kind) > _TYPE_LIMIT or kind.translate(None, _TOKEN) != b"/" or kind[0] == 0x2F or kind[-1] == 0x2F:
        return "text", "plain", ()
    media_type, _, subtype = kind.decode("ascii").lower().partition("/")
    if (
        media_type == "multipart"
        and not 0 < len((get(parameters, b"boundary") or b"").rstrip()) <= _BOUNDARY_LIMIT
    ):
        return "text", "plain", ()
    return media_type, subtype, parameters


def _encoding(body: bytes | None) -> str:
    word = parse(body)[0] if body else b""
    if not word or len(word) > _TYPE_LIMIT or word.translate(None, _TOKEN):
        return "7bit"
    return word.decode("ascii").lower()


def _tags(body: bytes) -> tuple[bytes, ...]:
    return tuple([tag for tag in parse(body)[0].split(b",") if tag])
