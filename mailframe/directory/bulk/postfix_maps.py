"""Postfix's tables in text: ``virtual_alias_maps`` and ``virtual_mailbox_maps`` (virtual(5))."""

from __future__ import annotations

import re
from collections.abc import Iterable

from mailframe.directory.values import Account, Alias, Credential, Domain
from mailframe.message.address import Address, parse_domain, parse_mailbox

from .values import Found, Problem, Read, logical_lines

_COMMAS = re.compile(r"[,\s]+")


def read_alias_map(lines: Iterable[str], domain: str = "") -> Found:
    """Aliases, catch-alls (``@domain target``) and domains (``domain anything``).

    A catch-all that sends each address to the same one of another domain (``@a @b``) is an alias domain.

    Args:
        domain: of names that are written without one.
    """
    for number, line in logical_lines(lines):
        try:
            yield Read(number, _alias(line, domain))
        except ValueError as error:
            yield Problem(number, str(error))


def read_mailbox_map(lines: Iterable[str], domain: str = "") -> Found:
    """Accounts, whose passwords are elsewhere: the right sides are paths, which mean nothing here.

    Args:
        domain: of names that are written without one.
    """
    for number, line in logical_lines(lines):
        left, *_ = line.split()
        try:
            if left.startswith("@"):
                raise ValueError("a mailbox for all addresses of a domain: make it a catch-all")
            name = str(_address(left, domain))
        except ValueError as error:
            yield Problem(number, str(error))
        else:
            yield Read(number, Credential(Account(name), ""))


def _alias(line: str, domain: str) -> Alias | Domain:
    left, *words = line.split(None, 1)
    targets = [word for word in _COMMAS.split(words[0].strip()) if word] if words else []
    if not targets:
        raise ValueError(f"{left} stands for nobody")
    if left.startswith("@"):
        if len(targets) == 1 and targets[0].startswith("@"):
            return Domain(parse_domain(left[1:]), parse_domain(targets[0][1:]))
        return Domain(parse_domain(left[1:]), "", tuple(_address(target, domain) for target in targets))
    if "@" not in left and "." in left and not domain:
        return Domain(parse_domain(left))
    return Alias(_address(left, domain), tuple(_address(target, domain) for target in targets))


def _address(text: str, domain: str) -> Address:
    if "@" not in text:
        if not domain:
            raise ValueError(f"{text!r} has no domain: say which by --domain")
        text = f"{text}@{domain}"
    return parse_mailbox(text)
