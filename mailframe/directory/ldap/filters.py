"""Search filters (RFC 4515); whatever comes from outside is escaped."""

from __future__ import annotations

from collections.abc import Iterable


def escaped(value: str) -> str:
    """A value as it may stand in a filter: everything but letters, digits and some signs as ``\\xx`` (section 3)."""
    return "".join(
        chr(octet) if (chr(octet).isalnum() and octet < 0x80) or octet in b"@.-_ " else f"\\{octet:02x}"
        for octet in value.encode("utf-8", "backslashreplace")
    )


def equals(attribute: str, value: str) -> str:
    """The entries that have this value."""
    return f"({attribute}={escaped(value)})"


def since(attribute: str, value: str) -> str:
    """The entries that have this value, or one behind it."""
    return f"({attribute}>={escaped(value)})"


def both(*filters: str) -> str:
    """The entries that all of these find."""
    return f"(&{''.join(filters)})"


def either(filters: Iterable[str]) -> str:
    """The entries that any of these finds."""
    return f"(|{''.join(filters)})"


def in_name(value: str) -> str:
    """A value as it may stand in an entry's name: all but letters and digits as ``\\xx`` (RFC 4514 section 2.4)."""
    return "".join(
        chr(octet) if (chr(octet).isalnum() and octet < 0x80) else f"\\{octet:02x}"
        for octet in value.encode("utf-8", "backslashreplace")
    )
