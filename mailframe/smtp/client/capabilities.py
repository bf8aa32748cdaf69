"""What a server says it can do: the reply to EHLO or LHLO (RFC 5321 section 4.1.1.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from mailframe.smtp.wire.replies import Reply

_DIGITS_LIMIT: Final = 20
_LIMIT: Final = re.compile(r"[1-9][0-9]{0,5}", re.ASCII)
"""A value of LIMITS; what is none is ignored (RFC 9422 section 3)."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The keywords of one server at one time; after STARTTLS they are asked for anew (RFC 3207 section 4.2).

    Attributes:
        name: what the server calls itself.
        extended: it knows EHLO (or LHLO).
        keywords: keyword in capitals to what stands behind it.
    """

    name: str = ""
    extended: bool = False
    keywords: Mapping[str, str] = field(default_factory=dict)

    def __contains__(self, keyword: str) -> bool:
        return keyword in self.keywords

    @property
    def pipelining(self) -> bool:
        """Commands may be sent without waiting (RFC 2920)."""
        return "PIPELINING" in self.keywords

    @property
    def size_limit(self) -> int | None:
        """Octets of the largest message it takes; None where it says nothing, or 0 (RFC 1870 section 4)."""
        return _number(self.keywords.get("SIZE", "")) or None

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """SASL mechanisms, in capitals (RFC 4954)."""
        return tuple(self.keywords.get("AUTH", "").upper().split())

    @property
    def recipients_limit(self) -> int | None:
        """Recipients of one message, where LIMITS says it (RFC 9422)."""
        return self._limit("RCPTMAX")

    @property
    def domains_limit(self) -> int | None:
        """Domains of the recipients of one message, where LIMITS says it."""
        return self._limit("RCPTDOMAINMAX")

    @property
    def messages_limit(self) -> int | None:
        """Messages of one connection, where LIMITS says it."""
        return self._limit("MAILMAX")

    @property
    def least_by_time(self) -> int:
        """The shortest by-time with mode R (RFC 2852 section 2), seconds; 0 where any will do."""
        return _number(self.keywords.get("DELIVERBY", "")) or 0

    @property
    def longest_hold(self) -> int:
        """The longest HOLDFOR it takes, seconds (RFC 4865 section 3); 0 where it does not hold."""
        words = self.keywords.get("FUTURERELEASE", "").split()
        return (_number(words[0]) or 0) if words else 0

    def _limit(self, name: str) -> int | None:
        for word in self.keywords.get("LIMITS", "").split():
            key, _, value = word.partition("=")
            if key.upper() == name:
                return int(value) if _LIMIT.fullmatch(value) else None
        return None


def read_capabilities(reply: Reply) -> Capabilities:
    """What an accepted EHLO or LHLO tells.

    Args:
        reply: 250 with the server's name in its first line and a keyword in each other.
    """
    keywords: dict[str, str] = {}
    for line in reply.lines[1:]:
        # Old servers wrote "AUTH=LOGIN PLAIN", before RFC 2554; some still write both forms.
        word, _, rest = line.strip().replace("=", " ", 1).partition(" ") if _old_auth(line) else _parted(line)
        keyword = word.upper()
        if not keyword:
            continue
        known = keywords.get(keyword)
        keywords[keyword] = f"{known} {rest.strip()}".strip() if known and keyword == "AUTH" else rest.strip()
    name = reply.lines[0].split()
    return Capabilities(name[0] if name else "", True, keywords)


def _old_auth(line: str) -> bool:
    return line.strip().upper().startswith("AUTH=")


def _parted(line: str) -> tuple[str, str, str]:
    return line.strip().partition(" ")


def _number(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS_LIMIT else None
