"""Where addresses lead, compared with what is meant by the words: accounts, aliases, subaddresses, catch-alls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.directory.alias_domains import AliasDomains
from mailframe.directory.entries import Put
from mailframe.directory.memory import MemoryDirectory
from mailframe.directory.rights import DirectoryRights
from mailframe.directory.values import Account, Alias, Credential, Domain
from mailframe.message.address import Address
from mailframe.message.status import MailframeError, Status
from mailframe.routing.expansion import Expansion
from mailframe.routing.local import LocalRouter
from mailframe.routing.outward import OutwardRouter
from mailframe.testing.smtp import run

OURS = ("example.test", "example.org")
OTHER_NAME = "example.net"
"""Another name of the first of ours."""
ABROAD = "elsewhere.test"
PARTS = ("a", "b", "c", "d")


@dataclass
class Site:
    """Domains and who is in them; names are ``a@example.test``.

    Attributes:
        accounts: enabled or not.
        aliases: with their targets.
        catch_all: by domain.
    """

    accounts: dict[str, bool] = field(default_factory=dict)
    aliases: dict[str, list[str]] = field(default_factory=dict)
    catch_all: dict[str, list[str]] = field(default_factory=dict)

    def directory(self) -> Any:
        """The same as a directory."""
        made = MemoryDirectory(OURS)
        edits: list[Any] = [
            Put(Domain(name, catch_all=tuple(map(address, targets))))
            for name, targets in self.catch_all.items()
        ]
        edits.append(Put(Domain(OTHER_NAME, alias_of=OURS[0])))
        edits += [
            Put(Credential(Account(name, enabled=yes), "{PLAIN}x")) for name, yes in self.accounts.items()
        ]
        edits += [Put(Alias(address(name), tuple(map(address, to)))) for name, to in self.aliases.items()]
        made.apply(edits, "test")
        return AliasDomains(made)

    def home(self, name: str) -> str:
        """An address in its own domain."""
        return name.replace(f"@{OTHER_NAME}", f"@{OURS[0]}")

    def what(self, name: str) -> str | None:
        """The account or alias that an address is, whatever its tag."""
        name = self.home(name)
        bare = name.partition("+")[0] + "@" + name.rpartition("@")[2] if "+" in name else name
        return next((one for one in (name, bare) if one in self.accounts or one in self.aliases), None)

    def ends(self, name: str, caught: bool = False, seen: frozenset[str] = frozenset()) -> Iterator[str]:
        """All accounts, and addresses of others, that an address leads to; "" for a catch-all that took it."""
        domain = self.home(name).rpartition("@")[2]
        if domain not in OURS:
            yield name
            return
        found = self.what(name)
        if found in self.accounts:
            yield found
            return
        if found is None and (caught or not self.catch_all.get(domain)):
            return
        targets = self.catch_all[domain] if found is None else self.aliases[found]
        mark = found or f"@{domain}"
        if mark in seen:
            return
        for target in targets:
            yield from self.ends(target, caught or (not seen and found is None), seen | {mark})


def address(text: str) -> Address:
    local_part, _, domain = text.rpartition("@")
    return Address(local_part, domain)


def names(domains: tuple[str, ...], tags: bool = True) -> st.SearchStrategy[str]:
    """Addresses of a few."""
    tag = st.sampled_from(["", "", "+x"] if tags else [""])
    return st.builds("{}{}@{}".format, st.sampled_from(PARTS), tag, st.sampled_from(domains))


@st.composite
def sites(draw: st.DrawFn, targets: tuple[str, ...] = (*OURS, OTHER_NAME)) -> Site:
    """Small sites, in which much leads to much."""
    lists = st.lists(names(targets), min_size=1, max_size=3)
    accounts = draw(st.dictionaries(names(OURS, False), st.sampled_from([True, True, False]), max_size=4))
    aliases = draw(st.dictionaries(names(OURS, False), lists, max_size=4))
    return Site(
        accounts,
        {name: to for name, to in aliases.items() if name not in accounts},
        draw(st.dictionaries(st.sampled_from(OURS), lists, max_size=2)),
    )


class ModelTests(SynchronousTestCase):
    """Routers against the model."""

    @given(sites(), names((*OURS, OTHER_NAME)))
    def test_router(self, site: Site, name: str) -> None:
        """Each mailbox that an address leads to, once; refused for good only where there is none."""
        router = LocalRouter(site.directory(), hostname="mx.example.test")
        wanted = {one for one in site.ends(name) if site.accounts[one]}
        try:
            route = run(router.route(address(name)))
        except MailframeError as error:
            self.assertTrue(error.status.temporary)
            self.assertEqual(set(), wanted)
            return
        if isinstance(route, Status):
            self.assertEqual(set(), wanted)
            self.assertEqual("5.2.1" if site.what(name) in site.accounts else "5.1.1", route.code)
            return
        found = [mailbox.account for mailbox in route.mailboxes]
        self.assertEqual((len(wanted), wanted), (len(found), set(found)))
        self.assertEqual(site.what(name) is None, route.caught is not None)

    @given(sites(), names((*OURS, OTHER_NAME)))
    def test_delivered_to(self, site: Site, name: str) -> None:
        """The address on each copy leads into the same mailbox again: a node that only has mailboxes agrees."""
        router = LocalRouter(site.directory(), hostname="mx.example.test")
        try:
            route = run(router.route(address(name)))
        except MailframeError:
            return
        for mailbox in [] if isinstance(route, Status) else route.mailboxes:
            again = run(router.route(mailbox.delivered_to))
            self.assertEqual([mailbox.account], [one.account for one in again.mailboxes])

    @given(sites((*OURS, OTHER_NAME, ABROAD)), names((*OURS, OTHER_NAME)))
    def test_abroad(self, site: Site, name: str) -> None:
        """What leads out of the house never goes anywhere for strangers; our users' mail goes to all of it."""
        directory = site.directory()
        router = LocalRouter(directory, hostname="mx.example.test")
        leads_out = {one for one in site.ends(name) if one.endswith(ABROAD)}
        try:
            route = run(router.route(address(name)))
        except MailframeError:
            route = None
        if leads_out:
            self.assertIsNone(route)
        expansion = Expansion(directory)
        targets = run(expansion.targets(address(name)))
        self.assertEqual(bool(leads_out), targets is not None)
        self.assertTrue(leads_out.issubset(set(map(str, targets or ()))))
        if leads_out:
            self.assertTrue(run(OutwardRouter(router, directory, expansion).route(address(name))).onward)

    @given(sites(), names((*OURS, OTHER_NAME)), names(OURS, False))
    def test_rights(self, site: Site, name: str, owner: str) -> None:
        """Whoever gets an address's mail may send from it, but for what only a catch-all took."""
        may = run(DirectoryRights(site.directory(), None).may_send_as(owner, address(name)))
        if not site.accounts.get(owner) or site.what(name) is None:
            self.assertFalse(may)
        else:
            without = Site(site.accounts, site.aliases)
            self.assertEqual(owner in set(without.ends(name)), may)
