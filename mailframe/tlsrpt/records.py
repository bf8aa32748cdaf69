"""Where a domain wants its reports: the TXT record of ``_smtp._tls`` (RFC 8460 section 3). Values, no I/O."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

from mailframe.message.address import Address, parse_mailbox

PLACES_LIMIT = 5
"""Places of one domain that reports go to; a hostile record may have hundreds."""
URI_LIMIT = 1000


def parse_record(records: Sequence[bytes]) -> tuple[Address | str, ...]:
    """Mailboxes, and URLs of HTTPS as text, in the order they stand; nothing where there is no record.

    With several records there is none (RFC 8460 section 3). What is neither mailbox nor HTTPS is passed over.

    Args:
        records: TXT records of ``_smtp._tls.`` and the domain.
    """
    ours = [record for record in records if re.match(rb"v=TLSRPTv1[ \t]*;", record)]
    if len(ours) != 1 or not ours[0].isascii():
        return ()
    for field in ours[0].decode("ascii").split(";")[1:]:
        key, equals, value = field.strip(" \t").partition("=")
        if key.strip(" \t") == "rua" and equals:
            found = (_place(uri.strip(" \t")) for uri in value.split(","))
            return tuple(dict.fromkeys(place for place in found if place is not None))[:PLACES_LIMIT]
    return ()


def _place(uri: str) -> Address | str | None:
    if len(uri) > URI_LIMIT or not uri.isprintable() or " " in uri:
        return None
    scheme, _, rest = uri.partition(":")
    try:
        if scheme.lower() == "mailto":
            address = parse_mailbox(unquote(rest.partition("?")[0], errors="strict"))
            return address if address.domain else None
        parts = urlsplit(uri)
        # Reading the port checks it; names and passwords in URLs are nobody's custom here.
        if parts.scheme == "https" and parts.hostname and parts.username is None and parts.port != 0:
            return uri
    except ValueError:
        return None
    return None
