"""Dovecot's passwd-file, ``user:password:uid:gid:gecos:home:shell:extra fields``: users, passwords and quotas of it.

A password without a scheme is what Dovecot takes it for by default, ``CRYPT``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from mailframe.directory.values import Account, Credential
from mailframe.message.address import parse_mailbox

from .values import Found, Problem, Read

_QUOTA = re.compile(r"(?:userdb_)?quota_rule\d*=\*:(storage|bytes)=(\d+)([bkmgt]?)b?\b", re.IGNORECASE)
_UNITS = {"": 1, "b": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}


def read_passwd_file(lines: Iterable[str], domain: str = "") -> Found:
    """The accounts of a file.

    Args:
        domain: of users that are written without one.
    """
    for number, line in enumerate(lines, 1):
        line = line.rstrip("\r\n")
        if not line.strip() or line.startswith("#"):
            continue
        try:
            yield Read(number, _credential(line, domain))
        except ValueError as error:
            yield Problem(number, str(error))


def _credential(line: str, domain: str) -> Credential:
    user, _, rest = line.partition(":")
    password, _, others = rest.partition(":")
    if "@" not in user:
        if not domain:
            raise ValueError(f"{user!r} has no domain: say which by --domain")
        user = f"{user}@{domain}"
    name = str(parse_mailbox(user))
    return Credential(Account(name, quota=_quota(others)), _hash(password))


def _hash(password: str) -> str:
    if not password or password in ("*", "!", "x"):
        return ""
    if password.startswith("{"):
        return password
    if not password.startswith("$"):
        raise ValueError("a password has a {SCHEME} or begins with $; old crypt(3) hashes are not taken")
    return "{CRYPT}" + password


def _quota(others: str) -> int:
    found = _QUOTA.search(others)
    if found is None:
        return 0
    # Storage without a unit is in kilobytes.
    unit = found[3].lower() or ("k" if found[1].lower() == "storage" else "")
    return int(found[2]) * _UNITS[unit]
