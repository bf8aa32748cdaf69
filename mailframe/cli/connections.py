"""Where the roles of a configuration listen, and how a command connects to them."""

from __future__ import annotations

import ssl
from collections.abc import Sequence

import attrs

from mailframe.config.listen import Listener
from mailframe.config.listeners import listeners_of
from mailframe.config.schema import Configuration

from .errors import Refused

_ANYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - to connect, not to bind
_LOOPBACK = ("127.", "::1", "localhost")


@attrs.frozen
class Service:
    """One TCP listener of the configuration.

    Attributes:
        role: the role's name.
        option: the role's option it stands in, such as ``imap``.
        host: where to connect to.
        port: the TCP port.
        implicit_tls: TLS from the first octet.
    """

    role: str
    option: str
    host: str
    port: int
    implicit_tls: bool


def services(configuration: Configuration) -> Sequence[Service]:
    """All TCP listeners of all roles that clients can connect to themselves, in the order of the configuration."""
    return [
        Service(role, option, _ANYWHERE.get(one.interface, one.interface), one.port, one.implicit_tls)
        for role, choice in configuration.roles.items()
        for option, one in listeners_of(choice.options)
        if _is_tcp(one)
    ]


def _is_tcp(listener: Listener) -> bool:
    return listener.kind in ("tcp", "tcp6") and not listener.fronted


def pick(found: Sequence[Service], role: str, option: str = "", prefer_tls: bool = False) -> Service:
    """The listener of a role that a command should use.

    Args:
        found: what `services` gives.
        role: the role's name.
        option: part of the option's key, such as ``imap``; "" for any.
        prefer_tls: one with implicit TLS where there is one, otherwise one without.

    Raises:
        Refused: there is none.
    """
    able = [one for one in found if one.role == role and option in one.option.split(".")[-1:][0]]
    if not able:
        what = f"{option or role} listener"
        raise Refused(f"The configuration has no {what} to connect to. Name one by --host and --port.")
    return next((one for one in able if one.implicit_tls == prefer_tls), able[0])


def client_context(configuration: Configuration | None, host: str, insecure: bool) -> ssl.SSLContext:
    """How a command trusts the server it connects to.

    The certificates of the configuration itself are trusted too, so that the first run's self-signed one works. On
    loopback the name is not compared: a certificate is for the name that others know.
    """
    context = ssl.create_default_context()
    if configuration is not None:
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        for files in configuration.tls.certificates:
            context.load_verify_locations(cafile=files.certificate)
    if insecure or host.startswith(_LOOPBACK):
        context.check_hostname = False
    if insecure:
        context.verify_mode = ssl.CERT_NONE
    return context
