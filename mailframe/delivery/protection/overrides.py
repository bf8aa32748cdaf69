"""What the configuration demands of some domains, against all that they publish."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mailframe.message.address import parse_domain
from mailframe.message.idn import to_ascii
from mailframe.tls.policies import ClientPolicy, Level

from .options import TLSPolicyOptions, normal_pattern


@dataclass(frozen=True, slots=True)
class Override:
    """One rule for a domain, found by `Overrides.of`.

    Attributes:
        level: how much TLS has to give; `Level.DANE` demands records of its hosts.
        names: as in `TLSPolicyOptions`, normal.
        options: the rule as it was written.
    """

    level: Level
    names: tuple[str, ...]
    options: TLSPolicyOptions

    def policy(self, domain: str, host: str, secure: bool) -> ClientPolicy:
        """What is demanded of one host; not for `Level.DANE`, which takes records.

        Args:
            domain: where the mail goes.
            host: the host.
            secure: DNSSEC proves that it is the domain's; the host's name is worth something then only
                (RFC 8461 section 2, RFC 7672 section 1.3.2: who forges MX records may own a good certificate).
        """
        return ClientPolicy(
            self.level,
            names=self._looked_for(domain, host, secure) if self.level is Level.VERIFY else (),
            authorities=self.options.authorities,
            certificate=self.options.certificate,
        )

    def _looked_for(self, domain: str, host: str, secure: bool) -> tuple[str, ...]:
        names = self.names or (domain, "." + domain)
        found = [name for name in names if not name.startswith(".")]
        if any(host.endswith(name) for name in names if name.startswith(".")):
            found.append(host)
        if secure and not self.names:
            found.append(host)
        # Nobody has this name when none fits; with no name at all nothing could be looked for.
        return tuple(dict.fromkeys(found)) or (domain,)


class Overrides:
    """Finds the rule for a domain.

    Args:
        rules: as configured, in order.

    Raises:
        ValueError: a pattern is none.
    """

    def __init__(self, rules: Sequence[TLSPolicyOptions] = ()) -> None:
        self._rules: dict[str, Override] = {}
        for rule in rules:
            names = tuple(map(normal_pattern, rule.names))
            for pattern in map(normal_pattern, rule.domains):
                self._rules.setdefault(pattern, Override(Level(rule.level), names, rule))

    def of(self, domain: str) -> Override | None:
        """The rule of a domain: its own, of the nearest domain above it, of all; None where nothing is said."""
        if not self._rules:
            return None
        name = normal_name(domain)
        if name in self._rules:
            return self._rules[name]
        above = name
        while above:
            _, _, above = above.partition(".")
            if above and "." + above in self._rules:
                return self._rules["." + above]
        return self._rules.get("*")


def normal_name(domain: str) -> str:
    """A domain as A-labels, lower case, without the last dot; what is no domain only in lower case."""
    name = domain.rstrip(".").lower()
    if name.isascii():
        return name
    try:
        return to_ascii(parse_domain(name)).lower()
    except ValueError:
        return name
