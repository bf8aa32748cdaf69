"""Names of directories that all stores in files share: of accounts, and of mailboxes that need another name."""

from __future__ import annotations

import binascii
import hashlib
import re
from urllib.parse import quote, unquote

NAME_FILE = "mailbox-name"
"""In a folder whose mailbox has a name too long for a directory: the name, in UTF-8."""
LONG = ".long-"
"""How such a folder begins."""
LENGTH_LIMIT = 240
"""Of one name in a directory; some file systems allow 255 octets, and Dovecot adds some of its own."""
_NOT_PRINTABLE = re.compile(r"[^\x20-\x7e]+")
_SHIFTED = re.compile(r"&([A-Za-z0-9+,]*)-")


def account_directory(account: str, spread: bool = False) -> str:
    """Where an account lies, relative to the store: ``example.test/alice``, or ``example.test/2b/alice``.

    Everything but letters, digits and a few signs is percent-encoded, and so is a dot in front: no name leads out
    of its directory or hides in it.
    """
    local, _, domain = account.rpartition("@")
    directory, name = _quoted(domain) if local else "%", _quoted(local or account)
    if spread:
        return f"{directory}/{hashlib.sha256(name.encode('ascii')).hexdigest()[:2]}/{name}"
    return f"{directory}/{name}"


def account_of(domain: str, local: str) -> str:
    """The account that lies in these directories; "" where the names do not tell."""
    name = unquote(local) if domain == "%" else f"{unquote(local)}@{unquote(domain)}"
    return name if account_directory(name) == f"{domain}/{local}" else ""


def long_folder(name: str) -> str:
    """A directory for a mailbox whose name cannot be a directory's."""
    return LONG + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def encode_utf7(text: str) -> str:
    """Modified UTF-7 of a text."""
    return _NOT_PRINTABLE.sub(_shift, text.replace("&", "&-"))


def decode_utf7(text: str) -> str:
    """The text of modified UTF-7.

    Raises:
        ValueError: it is not.
    """
    return _SHIFTED.sub(_unshift, text)


def _shift(match: re.Match[str]) -> str:
    octets = binascii.b2a_base64(match[0].encode("utf-16-be"), newline=False)
    return "&" + octets.rstrip(b"=").replace(b"/", b",").decode("ascii") + "-"


def _unshift(match: re.Match[str]) -> str:
    shifted = match[1].replace(",", "/")
    if not shifted:
        return "&"
    return binascii.a2b_base64(shifted + "=" * (-len(shifted) % 4)).decode("utf-16-be")


def _quoted(part: str) -> str:
    # No quoted text is this: a percent sign comes with two digits.
    quoted = quote(part, safe="+=_-@!~") or "%-"
    if quoted.startswith("."):
        quoted = "%2E" + quoted[1:]
    if len(quoted) > LENGTH_LIMIT:
        quoted = quoted[:150] + "%" + hashlib.sha256(part.encode("utf-8")).hexdigest()[:40]
    return quoted
