"""``[[stores]]``: the stores of a farm, as proxies and exchangers see them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import attrs

from mailframe.config.types import FilePath, Secret, option
from mailframe.tls.options import CertificateFiles

from .values import Entrance, Host, Store, Transport

PORTS = {
    "imap": {"tls": 993, "starttls": 143, "none": 143},
    "pop3": {"tls": 995, "starttls": 110, "none": 110},
    "submission": {"tls": 465, "starttls": 587, "none": 587},
    "managesieve": {"tls": 4190, "starttls": 4190, "none": 4190},
    "lmtp": {"tls": 24, "starttls": 24, "none": 24},
}
"""Where nothing else is said."""
MASTERS = (Entrance.MASTER, Entrance.SEPARATOR)


def _some(_: object, attribute: object, value: Sequence[str]) -> None:
    if not value or not all(value):
        raise ValueError("expected at least one host")


@attrs.frozen(kw_only=True)
class StoreHostOptions:
    """``[[stores]]``: one store; any number of times."""

    name: str = option("What the directory calls it (``store`` of an account).")
    hosts: list[str] = option(
        "Its machine, by the name that its certificate has; more are replicas, taken in this order where the first "
        "does not answer. ``HOST`` or ``[IPv6]``.",
        validator=_some,
    )
    tls: Literal["tls", "starttls", "none"] = option(
        "How connections to it are protected: `tls` from the first octet, `starttls`, or `none`, where nobody can "
        "listen in between.",
        "tls",
    )
    verify: bool = option("Its certificate must be a trusted one of this name.", True)
    authorities: FilePath | None = option(
        "A PEM file of the authorities that may have signed it; the platform's without it.", None
    )
    imap: int = option("Port; 0 for the usual one.", 0, minimum=0, maximum=65535)
    pop3: int = option("Port; 0 for the usual one.", 0, minimum=0, maximum=65535)
    submission: int = option("Port; 0 for the usual one.", 0, minimum=0, maximum=65535)
    managesieve: int = option("Port; 0 for the usual one.", 0, minimum=0, maximum=65535)
    lmtp: int = option("Port; 0 for the usual one.", 0, minimum=0, maximum=65535)
    login: Literal["password", "master", "separator", "certificate"] = option(
        "How users get in: with the `password` or token that they said to the proxy; as `master`, whose name and "
        "password the proxy says for them (with an authorization identity); by `separator`, a master whose name is "
        "put behind the user's; or by the proxy's `certificate` (SASL EXTERNAL).",
        "password",
    )
    master: str = option("The proxy's name there.", "")
    master_password: Secret | None = option("The proxy's password there.", None)
    certificate: FilePath | None = option(
        'A PEM file with a certificate of the proxy\'s, for `login = "certificate"`.', None, must_exist=True
    )
    key: FilePath | None = option("And one with its key.", None, must_exist=True)
    separator: str = option("What stands between the user's name and the proxy's.", "*")
    proxy_protocol: bool = option(
        "Begin connections with a PROXY header (version 2), so that the store knows the client.", False
    )
    weight: float = option(
        "Its share of the accounts that the directory names no store for; 0 for none.", 1.0, minimum=0
    )
    link: str = option(
        "``HOST:PORT`` where accounts that move from it can be read (``[role.store] link``).", ""
    )

    def store(self) -> Store:
        """The store as a value.

        Raises:
            ValueError: a master without a name or a password; no certificate where one is needed.
        """
        entrance = Entrance(self.login)
        if entrance in MASTERS and not (self.master and self.master_password):
            raise ValueError(
                f'[[stores]] "{self.name}": login = "{self.login}" needs master and master_password'
            )
        if entrance is Entrance.CERTIFICATE and (self.tls == "none" or not (self.certificate and self.key)):
            raise ValueError(
                f'[[stores]] "{self.name}": login = "certificate" needs certificate, key, and TLS'
            )
        ports = {protocol: getattr(self, protocol) or usual[self.tls] for protocol, usual in PORTS.items()}
        return Store(
            self.name,
            tuple(Host(host.strip("[]"), ports) for host in self.hosts),
            Transport(self.tls),
            self.authorities,
            self.verify,
            entrance,
            self.master,
            self.master_password or "",
            self.separator,
            self.proxy_protocol,
            self.weight,
            self.link,
            CertificateFiles(self.certificate, self.key) if self.certificate and self.key else None,
        )
