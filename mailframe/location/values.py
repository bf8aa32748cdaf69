"""What a store is to whoever sends people or mail there. Values only."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from mailframe.tls.options import CertificateFiles


class Transport(enum.StrEnum):
    """How a connection to a store is protected."""

    TLS = "tls"
    """From the first octet."""
    STARTTLS = "starttls"
    """From the protocol's own command on, which the store must have."""
    NONE = "none"
    """Not at all: on one machine, or where nobody can listen."""


class Entrance(enum.StrEnum):
    """How somebody who has logged in at a proxy gets into the store behind it."""

    PASSWORD = "password"  # noqa: S105 - a word of the configuration
    """With the password, or the OAuth token, that was said to the proxy."""
    MASTER = "master"
    """With the proxy's own name and password, for the user, who is the authorization identity (RFC 4616)."""
    SEPARATOR = "separator"
    """The same where the store wants one name of both: ``user*master``."""
    CERTIFICATE = "certificate"
    """With the certificate of the proxy's TLS session, for the user (SASL EXTERNAL, RFC 4422 appendix A)."""


@dataclass(frozen=True, slots=True)
class Host:
    """One machine of a store.

    Attributes:
        name: as it is connected to, and as its certificate calls it.
        ports: by protocol: ``imap``, ``pop3``, ``submission``, ``managesieve``, ``lmtp``; those it has.
    """

    name: str
    ports: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Store:
    """One store.

    Attributes:
        name: as the directory calls it.
        hosts: where it is: the first that answers is taken; the others are replicas of it.
        transport: how connections are protected.
        authorities: PEM file of the authorities that its certificate is to be from; the platform's where None.
        verify: must the certificate be the right one?
        entrance: how users get in.
        master: the proxy's name there.
        password: and its password.
        separator: between the user's and the proxy's name.
        proxy_protocol: does it take PROXY headers (version 2)?
        weight: its share of the accounts that no store is named for; 0 for none.
        link: ``HOST:PORT`` where it lets our nodes read accounts that move; "" for nowhere.
        files: the certificate that the proxy shows there; None for none.
    """

    name: str
    hosts: tuple[Host, ...]
    transport: Transport = Transport.TLS
    authorities: str | None = None
    verify: bool = True
    entrance: Entrance = Entrance.PASSWORD
    master: str = ""
    password: str = ""
    separator: str = "*"
    proxy_protocol: bool = False
    weight: float = 1.0
    link: str = ""
    files: CertificateFiles | None = None

    def __repr__(self) -> str:
        return f"Store(name={self.name!r}, hosts={self.hosts!r})"
