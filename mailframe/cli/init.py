"""``mailframe init``: a first configuration, a data directory, accounts, a development certificate."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Sequence

import attrs
import click

from mailframe.config.loading import load
from mailframe.config.schema import Configuration
from mailframe.directory.interfaces import IDirectoryAdmin
from mailframe.tls.development import make_certificate

from .directory import admin_of, hash_of, keys_for, to_domain, to_mailbox
from .errors import Refused
from .shared import make_password, print_json
from .template import PORTS, FirstConfiguration

FILE = "mailframe.toml"
_ACCOUNT = re.compile(r'((?:"(?:[^"\\]|\\.)*"|[^"@:]+)@[^:]+)(?::(.*))?', re.S)


@attrs.frozen
class NewAccount:
    """An account to make, with its password in clear; ``given`` when somebody chose it."""

    name: str
    password: str
    given: bool


@attrs.frozen
class Made:
    """What `make_service` made.

    Attributes:
        path: the configuration file.
        accounts: the accounts, whose passwords are known only here.
        kept: names of accounts that were there already and keep their passwords.
    """

    path: str
    accounts: Sequence[NewAccount]
    kept: Sequence[str]


@click.command("init")
@click.argument("directory", type=click.Path(file_okay=False))
@click.option("--domain", "domains", multiple=True, help="A domain whose mail is taken; may be given again.")
@click.option(
    "--account",
    "accounts",
    multiple=True,
    metavar="ADDRESS[:PASSWORD]",
    help="An account; may be given again. Without a password one is made up and printed.",
)
@click.option("--hostname", help='The name of this node; "mail." before the first domain.')
@click.option("--listen", default="127.0.0.1", show_default=True, help="The IP address to listen on.")
@click.option("--port-offset", default=0, show_default=True, help="Added to every port.")
@click.option("--workers", type=click.IntRange(1, 1024), help="How many processes; as many as cores.")
@click.option("--force", is_flag=True, help="Replace a configuration that is there; data stays.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def command(
    directory: str,
    domains: tuple[str, ...],
    accounts: tuple[str, ...],
    hostname: str | None,
    listen: str,
    port_offset: int,
    workers: int | None,
    force: bool,
    as_json: bool,
) -> None:
    """Make a service in DIRECTORY: configuration, data, accounts, and a certificate to try things out.

    It uses ports that need no root, on loopback: SMTP 2525, submission 2587 and 2465, LMTP 2424, IMAP 2143 and
    2993, POP3 2110 and 2995, the status page 2580.
    """
    new = [parse_account(text) for text in accounts]
    names = _domains(domains, new)
    first = FirstConfiguration(
        path=os.path.join(directory, FILE),
        hostname=to_domain(hostname) if hostname else f"mail.{names[0]}",
        listen=_ip_address(listen),
        port_offset=_checked_offset(port_offset),
        workers=workers,
    )
    made = make_service(directory, first, names, new, force)
    if as_json:
        print_json(
            {
                "config": made.path,
                "domains": names,
                "accounts": [{"account": one.name, "password": one.password} for one in made.accounts],
                "kept": list(made.kept),
                "ports": {name: first.port(name) for name in PORTS},
            }
        )
    else:
        _tell(made)


def parse_account(text: str) -> NewAccount:
    """``ADDRESS[:PASSWORD]``; the first colon in the domain begins the password.

    Raises:
        Refused: it is no address.
    """
    # A quoted local part may have a colon, and a password may have an @.
    found = _ACCOUNT.fullmatch(text)
    address, password = (found[1], found[2] or "") if found else (text, "")
    return NewAccount(str(to_mailbox(address)), password or make_password(), bool(password))


def make_service(
    directory: str,
    first: FirstConfiguration,
    domains: Sequence[str],
    accounts: Sequence[NewAccount],
    force: bool = False,
) -> Made:
    """Write everything that a first start needs.

    Raises:
        Refused: there is a configuration already, and not ``force``.
    """
    if os.path.lexists(first.path) and not force:
        raise Refused(
            f"{first.path} is there already. --force replaces it and keeps the data; "
            f"accounts are added by: mailframe account add --config {first.path}"
        )
    os.makedirs(os.path.join(directory, "data"), mode=0o700, exist_ok=True)
    names = list(dict.fromkeys(["localhost", first.hostname, *domains, "127.0.0.1", "::1"]))
    make_certificate(os.path.join(directory, "tls"), names)
    _write(first.path, first.render())
    configuration = load(first.path)
    admin = admin_of(configuration)
    for domain in domains:
        admin.add_domain(domain)
    kept = [one.name for one in accounts if not _add(configuration, admin, one)]
    return Made(first.path, [one for one in accounts if one.name not in kept], kept)


def _add(configuration: Configuration, admin: IDirectoryAdmin, account: NewAccount) -> bool:
    """Add one account; False when it is there and its password was not touched."""
    known = {one.name for one in admin.accounts(account.name.rpartition("@")[2])}
    if account.name not in known:
        keys = keys_for(configuration, account.password)
        admin.add_account(account.name, hash_of(account.password), keys=keys)
        return True
    if account.given:
        keys = keys_for(configuration, account.password)
        admin.set_password(account.name, hash_of(account.password), keys)
    return account.given


def _write(path: str, text: str) -> None:
    """Put a file there whole or not at all."""
    temporary = f"{path}.new"
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def _domains(given: Sequence[str], accounts: Sequence[NewAccount]) -> list[str]:
    names = [to_domain(domain) for domain in given]
    names += [account.name.rpartition("@")[2] for account in accounts]
    if not names:
        raise click.UsageError("Say whose mail is taken: --domain example.test")
    return list(dict.fromkeys(names))


def _ip_address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise click.BadParameter(
            f"{text} is not an IP address, such as 127.0.0.1, or 0.0.0.0 for all", param_hint="--listen"
        ) from None


def _checked_offset(offset: int) -> int:
    if not all(0 < port + offset < 65536 for port in PORTS.values()):
        raise click.BadParameter("a port would not be between 1 and 65535", param_hint="--port-offset")
    return offset


def _tell(made: Made) -> None:
    click.echo(f"wrote {made.path}")
    for account in made.accounts:
        click.echo(f"  account {account.name}   password {account.password}")
    for name in made.kept:
        click.echo(f"  account {name} was there and keeps its password")
    click.echo(f"start it:  twistd -n mailframe --config {made.path}")
    first = made.accounts[0].name if made.accounts else "ADDRESS"
    click.echo(f"send:      mailframe send --config {made.path} --to {first}")
    click.echo(f"read:      mailframe read --config {made.path} {first}")
