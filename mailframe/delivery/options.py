"""What may be said of the next hosts in ``[delivery.smarthost]`` and ``[delivery.lmtp]``."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Literal

import attrs
from attrs import validators

from mailframe.config.types import Duration, FilePath, Secret, Size, option
from mailframe.message.address import parse_domain
from mailframe.sasl.scram import MINIMUM_ITERATIONS, USUAL_MAXIMUM
from mailframe.smtp.client.settings import ClientSettings
from mailframe.tls.options import CertificateFiles

ALLOWED = (
    'a host such as "mail.example.test", "mail.example.test:587", "[2001:db8::1]:25", "ssl:mail.example.test:465" '
    'or "unix:/run/lmtp"'
)
PLACEHOLDERS = ("recipient", "local_part", "domain", "sender", "queue_id")
"""What may stand in braces in the command of a pipe."""


@dataclass(frozen=True, slots=True)
class Host:
    """One host, taken apart.

    Attributes:
        name: its name or IP address; "" for a socket.
        port: its port; 0 where none is said.
        implicit_tls: TLS from the first octet.
        path: the path of a UNIX socket, or None.
    """

    name: str
    port: int = 0
    implicit_tls: bool = False
    path: str | None = None


def parse_host(text: str) -> Host:
    """Read what the configuration says of a host.

    Raises:
        ValueError: it is no host; says what is allowed.
    """
    if text.startswith("unix:/"):
        return Host("", path=text.removeprefix("unix:"))
    rest = text.removeprefix("ssl:")
    if rest.startswith("["):
        name, bracket, port = rest[1:].partition("]")
        name = str(ipaddress.ip_address(name)) if bracket else ""
        port = port.removeprefix(":") if port.startswith(":") or not port else "x"
    else:
        name, colon, port = rest.partition(":")
        port = port if colon else ""
        name = parse_domain(name) if name else ""
    if not name or (port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536)):
        raise ValueError(f"{text!r} is not {ALLOWED}")
    return Host(name, int(port or 0), rest != text)


def _address(_: object, attribute: object, value: str) -> None:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        raise ValueError(f"expected an IP address such as 192.0.2.1, got {value!r}") from None


def _hosts(_: object, attribute: object, value: list[str]) -> None:
    if not value:
        raise ValueError(f"at least one host is needed: {ALLOWED}")
    for text in value:
        parse_host(text)


@attrs.frozen(kw_only=True)
class NextHopOptions(ClientSettings):
    """What smart hosts and LMTP servers have in common."""

    hosts: list[str] = option(
        "The hosts, the first that answers gets the mail. ``ssl:`` in front means TLS from the first octet.",
        validator=_hosts,
    )
    tls: Literal["none", "opportunistic", "encrypt", "verify"] = option(
        "What TLS has to give: `verify` the certificate and its name, `encrypt` with any certificate, "
        "`opportunistic` where it is offered, or `none`. Sockets need none.",
        "verify",
        choices=("none", "opportunistic", "encrypt", "verify"),
    )
    names: list[str] = option(
        "Names of which the hosts' certificates must have one; without any, the name of each host.",
        factory=list,
    )
    authorities: FilePath | None = option(
        "PEM file of the authorities to trust instead of the system's.", None, must_exist=True
    )
    certificate: CertificateFiles | None = option(
        "The certificate to show to hosts that ask for one, which is also a login by SASL EXTERNAL.", None
    )
    user: str | None = option("Log in as this user; without it there is no login.", None)
    password: Secret | None = option("The password; better given by `password_file`.", None)
    scram_iterations_limit: int = option(
        "The most iterations of SCRAM that a host may ask for at a login; each 100,000 take a fifteenth of a second, "
        "in which this process does nothing else.",
        USUAL_MAXIMUM,
        minimum=MINIMUM_ITERATIONS,
        maximum=5_000_000,
    )
    source: str | None = option(
        "The IP address of this machine to connect from.", None, validator=validators.optional(_address)
    )
    down_time: Duration = option(
        "How long a host that did not answer is tried only after all others.", Duration(30.0), minimum=0
    )


@attrs.frozen(kw_only=True)
class SmarthostOptions(NextHopOptions):
    """``[delivery.smarthost]``: one or more hosts that take all our mail, and find the way from there."""


@attrs.frozen(kw_only=True)
class LMTPOptions(NextHopOptions):
    """``[delivery.lmtp]``: hosts with the mailboxes, by LMTP."""

    tls: Literal["none", "opportunistic", "encrypt", "verify"] = option(
        "As in ``[delivery.smarthost]``.",
        "opportunistic",
        choices=("none", "opportunistic", "encrypt", "verify"),
    )


@attrs.frozen(kw_only=True)
class StoresDeliveryOptions(ClientSettings):
    """``[delivery.stores]``: by LMTP to the stores of a farm (``[[stores]]``), each copy to where the mailbox is."""

    source: str | None = option(
        "The IP address of this machine to connect from.", None, validator=validators.optional(_address)
    )
    down_time: Duration = option("As in ``[delivery.smarthost]``.", Duration(30.0), minimum=0)


@attrs.frozen(kw_only=True)
class StoreDeliveryOptions:
    """``[delivery.store]``: into mailboxes of this node."""


@attrs.frozen(kw_only=True)
class QueueDeliveryOptions:
    """``[delivery.queue]``: into this node's queue, whose options are in ``[queue]`` and ``[routing]``."""


def _command(_: object, attribute: object, value: list[str]) -> None:
    if not value or not value[0].startswith("/"):
        raise ValueError(
            'expected a list that begins with the path of a program: ["/usr/bin/program", "argument"]'
        )
    for text in value:
        try:
            text.format_map(dict.fromkeys(PLACEHOLDERS, ""))
        except (KeyError, ValueError, IndexError, AttributeError):
            names = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
            raise ValueError(f"{text!r}: only {names} may stand in braces") from None


def _environment(_: object, attribute: object, value: dict[str, str]) -> None:
    for name in value:
        if not name or "=" in name or "\0" in name + value[name]:
            raise ValueError(f"{name!r} cannot be the name of a variable")


@attrs.frozen(kw_only=True)
class PipeOptions:
    """``[delivery.pipe]``: to a program, one run for each recipient, the message on its standard input."""

    command: list[str] = option(
        "The program and its arguments; no shell reads them. ``{recipient}``, ``{local_part}``, ``{domain}``, "
        "``{sender}`` and ``{queue_id}`` are replaced.",
        validator=_command,
    )
    user: str | None = option(
        "Run it as this user, with the user's groups; that needs a node that runs as root.", None
    )
    directory: FilePath = option("Where it runs.", FilePath("/"))
    environment: dict[str, str] = option(
        "Variables of its environment, besides ``PATH``, ``LANG``, ``SENDER``, ``RECIPIENT``, ``LOCAL_PART``, "
        "``DOMAIN`` and ``QUEUE_ID``; it has no others.",
        factory=dict,
        validator=_environment,
    )
    processes: int = option("How many may run at the same time, in each worker.", 4, minimum=1)
    timeout: Duration = option("How long it may take.", Duration(300.0), minimum=0.01)
    memory: Size = option(
        "How much memory it may have (on Linux).", Size(512 * 1024 * 1024), minimum=1024 * 1024
    )
    output: Size = option(
        "How much it may say; more ends it.", Size(64 * 1024), minimum=0, maximum=16 * 1024 * 1024
    )
    line_ends: Literal["lf", "crlf"] = option(
        "What ends a line of the message: `lf`, as programs here expect it, or `crlf` as in the mail itself.",
        "lf",
        choices=("lf", "crlf"),
    )


@attrs.frozen(kw_only=True)
class DiscardOptions:
    """``[delivery.discard]``: mail that goes there is gone; nothing can be set."""
