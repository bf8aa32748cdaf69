"""``mailframe mailbox move``: accounts come to this node's store from another one, while they are used."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import Any, cast

import click

from mailframe.config.loading import load
from mailframe.config.schema import Configuration
from mailframe.directory.entries import Kind, account_key
from mailframe.directory.entry_interfaces import IDirectoryEntries
from mailframe.directory.values import Credential
from mailframe.link.client import LinkPeer
from mailframe.link.remote_account import RemoteAccount
from mailframe.message.status import MailframeError
from mailframe.store.interfaces import IMailAccount
from mailframe.transfer.moving import LEASE, SETTLE, Move, MoveOutcome
from mailframe.transfer.values import TransferError

from .connections import client_context
from .directory import admin_of, to_mailbox
from .errors import Refused
from .mail_store import Bar, account_of, exists, opened
from .queue_spool import wait
from .shared import actor, config_option, json_option, print_json


@click.command("move")
@click.argument("addresses", metavar="[ADDRESS]...", nargs=-1)
@click.option(
    "--to", "to", required=True, help="The store they move to: this node's, by the name in [role.store]."
)
@click.option(
    "--from", "origin", default="", help="All accounts that the directory says to be at this store."
)
@click.option(
    "--link",
    "link",
    default="",
    help="HOST:PORT of the link of the node that has the mail now. [default: what [[stores]] says of it]",
)
@click.option("--insecure", is_flag=True, help="Do not verify that node's certificate.")
@click.option("--clear", is_flag=True, help="Without TLS: a link on this machine.")
@click.option("--restart", is_flag=True, help="Begin anew: delete what this store has of the accounts first.")
@click.option(
    "--settle", default=SETTLE, show_default=True, help="Seconds until a hold is known to all nodes."
)
@click.option(
    "--lease",
    default=LEASE,
    show_default=True,
    help="Seconds after which a hold ends by itself when this command dies.",
)
@config_option
@json_option
def command(
    addresses: tuple[str, ...],
    to: str,
    origin: str,
    link: str,
    insecure: bool,
    clear: bool,
    restart: bool,
    settle: float,
    lease: int,
    config: str,
    as_json: bool,
) -> None:
    """Move accounts to this node's store, from another node, while their owners work.

    They are copied while they are used; then nobody can use them for some seconds, clients are told to come again,
    and find UIDs, flags, subscriptions and everything else as they know them. Whatever fails leaves an account where
    it was. Run it on the node that they move to; both nodes ask the same directory.
    """
    configuration = load(config)
    if lease < 3 * settle:
        raise Refused("A hold has to last: at least three times as long as it takes to be known, --settle.")
    _check_here(configuration, to)
    entries = _entries(configuration)
    peers = _Peers(configuration, link, insecure, clear)
    outcomes: list[MoveOutcome] = []
    failed: list[str] = []
    with opened(configuration, unlimited=True) as store:
        for name in _names(entries, addresses, origin):
            bar = Bar(f"{name}:")
            try:
                if restart:
                    _forget(entries, store, name, to)
                peer = peers.of(entries, name)
                with account_of(store, name) as image:
                    work = Move(
                        name,
                        to,
                        entries,
                        partial(_opened, peer, name),
                        image,
                        time,
                        actor=actor(),
                        settle=settle,
                        lease=lease,
                        progress=bar,
                    )
                    outcome = wait(work.run())
            except TransferError as error:
                failed.append(f"{name}: {error}")
                continue
            except MailframeError as error:
                failed.append(f"{name}: {error.reason}")
                continue
            finally:
                bar.end()
            outcomes.append(outcome)
            if not as_json:
                click.echo(_sentence(outcome, to))
    if as_json:
        print_json([_facts(outcome, to) for outcome in outcomes])
    if failed:
        raise Refused("\n".join(failed))


def _check_here(configuration: Configuration, to: str) -> None:
    role = configuration.roles.get("store")
    name = "" if role is None else role.options.name
    if name != to:
        what = f"called {name!r}" if name else "without a name"
        raise Refused(
            f"The store of this node is {what}, not {to!r}: set name in [role.store], or run this on the other node."
        )


def _entries(configuration: Configuration) -> IDirectoryEntries:
    admin: Any = admin_of(configuration)
    if not IDirectoryEntries.providedBy(admin):
        raise Refused(
            "This directory does not say where mail is; set the place of the mail where it has accounts from."
        )
    return IDirectoryEntries(admin)


def _opened(peer: LinkPeer, name: str) -> IMailAccount:
    """An account at its old place; of `IMailAccount` it has what copying asks for."""
    return cast(IMailAccount, RemoteAccount(peer, name))


class _Peers:
    """Where accounts are now.

    Args:
        configuration: has the key, and knows the stores.
        link: where all of them are; "" to look it up.
        insecure, clear: as they were said.
    """

    def __init__(self, configuration: Configuration, link: str, insecure: bool, clear: bool) -> None:
        self._configuration = configuration
        self._insecure, self._clear = insecure, clear
        self._all = self._peer(link) if link else None
        self._links = {store.name: store.link for store in configuration.stores}

    def of(self, entries: IDirectoryEntries, name: str) -> LinkPeer:
        """The node that has an account's mail.

        Raises:
            TransferError: nobody knows.
        """
        if self._all is not None:
            return self._all
        found = entries.entry(account_key(name))
        store = found.account.store if isinstance(found, Credential) else ""
        link = self._links.get(store, "")
        if not link:
            raise TransferError(
                f"{store or 'The store that it falls on'} has no link in [[stores]]; say --link HOST:PORT."
            )
        return self._peer(link)

    def _peer(self, link: str) -> LinkPeer:
        configuration = self._configuration
        if configuration.link is None:
            raise Refused("The configuration has no [link], whose key both nodes need.")
        host, colon, port = link.rpartition(":")
        if not colon or not port.isdecimal():
            raise Refused("Write --link HOST:PORT.")
        host = host.strip("[]")
        context = None if self._clear else client_context(configuration, host, self._insecure)
        return LinkPeer(host, int(port), configuration.link.key, context)


def _names(entries: IDirectoryEntries, addresses: tuple[str, ...], origin: str) -> Iterator[str]:
    if bool(addresses) == bool(origin):
        raise Refused("Name accounts, or say --from STORE for all that are there.")
    for address in addresses:
        yield str(to_mailbox(address))
    after = ""
    while origin:
        page = entries.listing(Kind.ACCOUNT, None, after)
        for entry in page:
            assert isinstance(entry, Credential)
            after = entry.account.name
            if entry.account.store == origin:
                yield after
        if not page:
            return


def _forget(entries: IDirectoryEntries, store: Any, name: str, to: str) -> None:
    """Delete what a move before this one, or a time before, has left here."""
    entry = entries.entry(account_key(name))
    if isinstance(entry, Credential) and entry.account.store == to:
        raise TransferError(f"{name} is at {to}: nothing of it is deleted.")
    if exists(store, name):
        wait(store.remove_account(name))


def _facts(outcome: MoveOutcome, to: str) -> dict[str, object]:
    return {
        "account": outcome.account,
        "from": outcome.origin,
        "to": to,
        "rounds": outcome.rounds,
        "messages": outcome.messages,
        "octets": outcome.octets,
        "held_seconds": round(outcome.held, 1),
        "late": outcome.late,
    }


def _sentence(outcome: MoveOutcome, to: str) -> str:
    late = f"; {outcome.late} came late, and are here as well" if outcome.late else ""
    return (
        f"{outcome.account} is at {to} now: {outcome.messages} messages ({outcome.octets} octets) copied in "
        f"{outcome.rounds} rounds, {outcome.held:.0f} s without access{late}"
    )
