"""Hypothesis strategies for IMAP."""

from __future__ import annotations

from hypothesis import strategies as st

WORDS = [
    b"a1 ", b"UID ", b"FETCH ", b"STORE ", b"SEARCH ", b"APPEND ", b"LOGIN ", b"LIST ", b"INBOX", b"1:*", b"(", b")", b" ",
    b'"', b"\\", b"{3}\r\n", b"{3+}\r\nabc", b"\r\n", b"BODY[", b"HEADER.FIELDS", b"]", b"<0.5>", b"NOT ", b"OR ", b"CHARSET ",
    b"1-Jan-2026", b"FLAGS", b"+", b"-", b"\\Seen", b"*", b"%", b"\n", b"\0", b"\xff", b"&", b"9999999999", b"{99999999+}\r\n",
]  # fmt: skip


def garbage() -> st.SearchStrategy[bytes]:
    """Octets that look a little like IMAP."""
    return st.lists(st.sampled_from(WORDS) | st.binary(max_size=4), max_size=15).map(b"".join)


def cuts(octets: bytes) -> st.SearchStrategy[list[bytes]]:
    """The octets in segments."""
    places = st.lists(st.integers(0, len(octets)), max_size=8).map(sorted)
    return places.map(lambda at: [octets[i:j] for i, j in zip([0, *at], [*at, len(octets)], strict=True)])


def mailbox_names() -> st.SearchStrategy[str]:
    """Names as a store may have them."""
    return st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=30)


def uid_sets() -> st.SearchStrategy[list[int]]:
    """Ascending UIDs."""
    return st.sets(st.integers(1, 60), max_size=30).map(sorted)
