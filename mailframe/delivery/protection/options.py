"""``[protection]`` and ``[[tls_policy]]``: what TLS has to give with other people's hosts."""

from __future__ import annotations

from typing import Literal

import attrs

from mailframe.config.types import Duration, FilePath, Size, option
from mailframe.message.address import parse_domain
from mailframe.message.idn import to_ascii
from mailframe.tls.options import CertificateFiles

LEVELS = ("none", "opportunistic", "encrypt", "verify", "dane")


def normal_pattern(text: str) -> str:
    """A pattern of domains as it is compared: ``*``, ``example.org`` or ``.example.org``, as A-labels.

    Raises:
        ValueError: it is none.
    """
    if text == "*":
        return text
    dot = "." if text.startswith(".") else ""
    return dot + to_ascii(parse_domain(text.removeprefix("."))).lower()


def _domains(_: object, attribute: object, value: list[str]) -> None:
    if not value:
        raise ValueError("at least one domain is needed; * stands for all")
    for text in value:
        normal_pattern(text)


def _names(_: object, attribute: object, value: list[str]) -> None:
    for text in value:
        if text == "*":
            raise ValueError("* is no name; a certificate has to be for somebody")
        normal_pattern(text)


@attrs.frozen(kw_only=True)
class TLSPolicyOptions:
    """``[[tls_policy]]``: what TLS has to give with the hosts of some domains, whatever they publish themselves."""

    domains: list[str] = option(
        "The domains that mail goes to: ``example.org``, ``.example.org`` for all below it, ``*`` for all. The rule "
        "that says it most exactly counts, the first of equals.",
        validator=_domains,
    )
    level: Literal["none", "opportunistic", "encrypt", "verify", "dane"] = option(
        "`none`: no TLS. `opportunistic`: TLS where it is offered. `encrypt`: always, with any certificate. "
        "`verify`: always, with a trusted certificate that has one of the names. `dane`: always, by records that "
        "DNSSEC proves; hosts without such records get no mail.",
        choices=LEVELS,
    )
    names: list[str] = option(
        "With `verify`: names of which a certificate must have one; ``.example.org`` is the host's own name, where "
        "it lies below that domain. Without any: the domain, and hosts below it; also the host's own name, where "
        "DNSSEC proves that it is the domain's.",
        factory=list,
        validator=_names,
    )
    authorities: FilePath | None = option(
        "With `verify`: PEM file of the authorities to trust instead of the system's.", None, must_exist=True
    )
    certificate: CertificateFiles | None = option("The certificate to show to hosts that ask for one.", None)


@attrs.frozen(kw_only=True)
class ProtectionOptions:
    """``[protection]``: how hosts are found out to be the right ones, where mail goes to other people's domains."""

    dane: bool = option(
        "Go by TLSA records (RFC 7672). Needs a resolver that checks DNSSEC and is believed.", True
    )
    mta_sts: bool = option("Go by policies that domains publish over HTTPS (RFC 8461).", True)
    otherwise: Literal["opportunistic", "encrypt"] = option(
        "What is asked of hosts of which nothing else is known. With `encrypt` mail to hosts without TLS waits, and "
        "comes back.",
        "opportunistic",
        choices=("opportunistic", "encrypt"),
    )
    mta_sts_timeout: Duration = option(
        "How long a policy is waited for, in all.", Duration(30.0), minimum=1, maximum=300
    )
    mta_sts_size: Size = option(
        "The largest policy that is read.", Size(64 * 1024), minimum=1024, maximum=1024 * 1024
    )
    mta_sts_authorities: FilePath | None = option(
        "PEM file of the authorities to trust for policies instead of the system's.", None, must_exist=True
    )
    mta_sts_retry: Duration = option(
        "How long a policy that could not be read is not asked for again.", Duration(300.0), minimum=10
    )
