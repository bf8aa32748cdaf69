"""The field ``TLS-Required: No``: rather let a message arrive than keep it secret (RFC 8689 section 5)."""

from __future__ import annotations

from . import header
from .envelope import Envelope


def waives_tls(envelope: Envelope, octets: bytes) -> bool:
    """May failures of TLS policies be passed over for this message?

    Args:
        envelope: REQUIRETLS in it is the stronger wish (RFC 8689 section 5).
        octets: the message from its beginning, at least its header section.

    Returns:
        True where the field is there once and says ``No``, in any case of letters; whoever says it twice, or
        anything else, has not said it.
    """
    if envelope.require_tls:
        return False
    values = header.bodies(octets, (b"tls-required",)).get(b"tls-required", [])
    return len(values) == 1 and values[0].lower() == b"no"
