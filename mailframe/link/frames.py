"""A frame: a JSON object, and octets behind it. No I/O.

Four octets with the length of the object, four with that of the octets, most significant first; then both.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Any, Final

from mailframe.dialogue.buffer import ReceiveBuffer
from mailframe.message.status import ProtocolError, Status

Header = dict[str, Any]

_LENGTHS = struct.Struct(">II")
NO_FRAME: Final = Status((5, 5, 2), "This is no frame of ours")
TOO_LARGE: Final = Status((5, 5, 6), "The frame is too large")


@dataclass(frozen=True, slots=True)
class Frame:
    """What one side says at a time.

    Attributes:
        header: what it is.
        octets: what cannot be said in JSON.
    """

    header: Header
    octets: bytes = b""


def encode_frame(header: Header, octets: bytes = b"") -> bytes:
    """A frame as it is sent."""
    text = json.dumps(header, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return _LENGTHS.pack(len(text), len(octets)) + text + octets


def next_frame(buffer: ReceiveBuffer, limit: int) -> Frame | None:
    """Take a frame out of what has arrived; None while it is not there whole.

    Args:
        limit: octets that a frame may have in all.

    Raises:
        ProtocolError: fatal: the other side does not speak our language, or too much of it.
    """
    lengths = buffer.peek(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    header_length, octets_length = _LENGTHS.unpack(lengths)
    whole = _LENGTHS.size + header_length + octets_length
    if whole > limit:
        raise ProtocolError(TOO_LARGE, fatal=True)
    taken = buffer.take(whole)
    if taken is None:
        return None
    end = _LENGTHS.size + header_length
    try:
        header = json.loads(taken[_LENGTHS.size : end])
    except (ValueError, RecursionError):
        raise ProtocolError(NO_FRAME, fatal=True) from None
    if not isinstance(header, dict):
        raise ProtocolError(NO_FRAME, fatal=True)
    return Frame(header, taken[end:])
