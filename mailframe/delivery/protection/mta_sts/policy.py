"""What domains publish for MTA-STS: the record in the DNS, and the policy. Values, no I/O (RFC 8461 section 3)."""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass

MAX_AGE_LIMIT = 31557600
"""Seconds: RFC 8461 section 3.2, a year and a day at most."""
MX_LIMIT = 1000
LINES_LIMIT = 2000
LINE_LIMIT = 1024
_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_LABELS = re.compile(r"(\*\.)?[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")


class PolicyInvalid(ValueError):
    """A policy is not one; the text says why, for people."""


class Mode(enum.Enum):
    """What a policy wants of senders (RFC 8461 section 5)."""

    ENFORCE = "enforce"
    TESTING = "testing"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class STSPolicy:
    """A policy as published.

    Attributes:
        mode: what it wants.
        max_age: seconds that it may be kept.
        mx: patterns of hosts, lower case, such as ``mx.example.org`` and ``*.example.net``.
        lines: its text for reports.
    """

    mode: Mode
    max_age: int
    mx: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()

    def lists(self, host: str) -> bool:
        """Is a host in the policy? A wildcard stands for exactly one label (RFC 8461 section 4.1)."""
        name = host.rstrip(".").lower()
        _, dot, above = name.partition(".")
        return name in self.mx or bool(dot and "*." + above in self.mx)

    @property
    def text(self) -> str:
        """The policy as it can be read again."""
        return "\n".join(self.lines)


def parse_record(records: Sequence[bytes]) -> str | None:
    """The id of the TXT record of a domain; None where there is none, several, or one that is none.

    Args:
        records: TXT records of ``_mta-sts.`` and the domain.
    """
    # RFC 8461 section 3.1: others are passed over; with several there is no policy.
    ours = [record for record in records if re.match(rb"v=STSv1[ \t]*;", record)]
    if len(ours) != 1 or not ours[0].isascii():
        return None
    for field in ours[0].decode("ascii").split(";")[1:]:
        key, equals, value = field.strip(" \t").partition("=")
        if key.strip(" \t") == "id" and equals:
            value = value.strip(" \t")
            return value if _ID.fullmatch(value) else None
    return None


def parse_policy(octets: bytes) -> STSPolicy:
    """Read a policy (RFC 8461 section 3.2): the first of each key counts, unknown ones are passed over.

    Raises:
        PolicyInvalid: it cannot be gone by.
    """
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        raise PolicyInvalid("it is not text in UTF-8") from None
    lines = [line.strip(" \t") for line in text.replace("\r\n", "\n").split("\n")]
    lines = [line for line in lines if line]
    if len(lines) > LINES_LIMIT or any(len(line) > LINE_LIMIT for line in lines):
        raise PolicyInvalid("it is too long")
    single: dict[str, str] = {}
    mx: list[str] = []
    for line in lines:
        key, value = _field(line)
        if key == "mx":
            mx.append(_pattern(value))
        else:
            single.setdefault(key, value)
    return _checked(single, mx, lines)


def _field(line: str) -> tuple[str, str]:
    key, colon, value = line.partition(":")
    key = key.strip(" \t")
    if not colon or not _KEY.fullmatch(key) or not line.isprintable():
        raise PolicyInvalid("a line is no key with a value")
    return key, value.strip(" \t")


def _pattern(value: str) -> str:
    pattern = value.rstrip(".").lower()
    if not _LABELS.fullmatch(pattern) or len(pattern) > 253:
        raise PolicyInvalid("an mx is no name of a host")
    return pattern


def _checked(single: dict[str, str], mx: list[str], lines: list[str]) -> STSPolicy:
    if single.get("version") != "STSv1":
        raise PolicyInvalid("its version is not STSv1")
    try:
        mode = Mode(single.get("mode"))
    except ValueError:
        raise PolicyInvalid("its mode is not enforce, testing or none") from None
    age = single.get("max_age", "")
    if not re.fullmatch("[0-9]{1,10}", age, re.ASCII):
        raise PolicyInvalid("its max_age is no number of seconds")
    if len(mx) > MX_LIMIT or (not mx and mode is not Mode.NONE):
        raise PolicyInvalid("it lists no host" if not mx else "it lists too many hosts")
    return STSPolicy(mode, min(int(age), MAX_AGE_LIMIT), tuple(dict.fromkeys(mx)), tuple(lines))
