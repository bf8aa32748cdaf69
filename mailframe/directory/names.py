"""Names of domains and accounts: one form for comparing, and what is allowed when one is added.

Domains are compared as A-labels in lower case (RFC 5891), local parts in NFC and lower case (RFC 6530 leaves
that to the receiving side). Looking up never refuses: a name that could not be added is merely unknown.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import idna

from mailframe.message.address import Address
from mailframe.message.status import MailframeError, Status
from mailframe.sasl.scram import HASHES

from .passwords import is_hash, split
from .scram_keys import read_keys
from .values import Credential

BAD_ADDRESS = Status((5, 1, 3), "This is no address an account can have", "CANNOT")
BAD_DOMAIN = Status((5, 1, 2), "This is no domain name", "CANNOT")
BAD_HASH = Status((5, 3, 0), "A password is kept as {SCHEME}..., of a known scheme", "CANNOT")
BAD_KEYS = Status((5, 3, 0), "Keys are kept as {SCRAM-SHA-256}..., one of a scheme", "CANNOT")
BAD_QUOTA = Status((5, 3, 0), "A quota is a number of octets, 0 for no limit", "CANNOT")

# RFC 5322 atext without the slash: account names become names of directories.
_ATEXT = frozenset("abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-=?^_`{|}~.")
_LDH = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


def comparable_domain(domain: str) -> str:
    """The form in which domains are compared: A-labels in lower case, without a final dot."""
    domain = domain.lower().removesuffix(".")
    if domain.isascii():
        return domain
    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except UnicodeError:
        return _without_surrogates(domain)


def comparable_local_part(local_part: str) -> str:
    """The form in which local parts are compared."""
    if local_part.isascii():
        return local_part.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", _without_surrogates(local_part)).lower())


def name_of(address: Address) -> str:
    """The canonical account name an address would have: ``alice@example.test``."""
    return f"{comparable_local_part(address.local_part)}@{comparable_domain(address.domain)}"


def comparable_name(name: str) -> str:
    """The form in which account names are compared; any text will do, as clients log in with."""
    local_part, at, domain = name.rpartition("@")
    if not at:
        return comparable_local_part(name)
    return f"{comparable_local_part(local_part)}@{comparable_domain(domain)}"


def address_of(name: str) -> Address:
    """The address of a name that was checked when it was added."""
    local_part, _, domain = name.rpartition("@")
    return Address(local_part, domain)


def checked_domain(domain: str) -> str:
    """A domain that may be added, in the form it is kept.

    Raises:
        MailframeError: it is no domain name (RFC 1123 section 2.1, RFC 5891).
    """
    domain = comparable_domain(domain)
    labels = domain.split(".")
    if len(domain) > 253 or not all(map(_is_label, labels)):
        raise MailframeError(BAD_DOMAIN, f"no domain name: {domain!r}")
    return domain


def checked_address(address: Address) -> Address:
    """An address that may be added, in the form it is kept.

    Raises:
        MailframeError: the local part is no dot-string (RFC 5321 section 4.1.2) or has a slash; or the domain
            is none.
    """
    return address_of(checked_name(f"{address.local_part}@{address.domain}"))


def checked_name(name: str) -> str:
    """An account name that may be added, in the form it is kept.

    Raises:
        MailframeError: as `checked_address`.
    """
    local_part, _, domain = name.rpartition("@")
    local_part, domain = comparable_local_part(local_part), checked_domain(domain)
    if not _is_local_part(local_part):
        raise MailframeError(BAD_ADDRESS, f"no address for an account: {local_part!r}")
    return f"{local_part}@{domain}"


def checked_hash(password_hash: str) -> str:
    """A password hash that may be kept: its scheme is known.

    Raises:
        MailframeError: it names no scheme, or an unknown one.
    """
    if not is_hash(password_hash):
        raise MailframeError(BAD_HASH)
    return password_hash


def checked_keys(keys: Sequence[str]) -> tuple[str, ...]:
    """SCRAM keys that may be kept beside a hash.

    Raises:
        MailframeError: they are none, or two are of one scheme.
    """
    schemes = [stored[1:].partition("}")[0] for stored in keys if stored.startswith("{")]
    if len(schemes) < len(keys) or len(set(schemes)) < len(keys) or not set(schemes) <= set(HASHES):
        raise MailframeError(BAD_KEYS)
    try:
        for stored in keys:
            read_keys(stored.partition("}")[2])
    except ValueError as error:
        raise MailframeError(BAD_KEYS) from error
    return tuple(keys)


def schemes_of(credential: Credential) -> tuple[str, ...]:
    """The schemes in which an account's password is kept, the hash's first; no secrets."""
    return tuple(split(stored)[0] for stored in (credential.password_hash, *credential.keys) if stored)


def checked_quota(quota: int) -> int:
    """A quota that may be kept.

    Raises:
        MailframeError: it is negative, or more than 64 bits hold.
    """
    if not 0 <= quota < 2**63:
        raise MailframeError(BAD_QUOTA)
    return quota


def _is_label(label: str) -> bool:
    return 0 < len(label) <= 63 and _LDH.issuperset(label) and label[0] != "-" and label[-1] != "-"


def _is_local_part(local_part: str) -> bool:
    if not local_part or len(local_part.encode("utf-8", "replace")) > 64:
        return False
    if local_part[0] == "." or local_part[-1] == "." or ".." in local_part:
        return False
    return all(character in _ATEXT or _is_letter(character) for character in local_part)


def _is_letter(character: str) -> bool:
    """RFC 6531 allows all of UTF-8 here; letters, marks and digits are what people's names have."""
    return not character.isascii() and unicodedata.category(character)[0] in "LMN"


def _without_surrogates(text: str) -> str:
    """Lone surrogates, which no database takes, become text that no name has."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
