"""For tests of what asks who may send as whom, and of directories that keep grants: a fake and the contract suite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zope.interface import implementer
from zope.interface.verify import verifyObject

from mailframe.directory.interfaces import IGrantAdmin, ISenderGrants, ISenderRights
from mailframe.directory.values import Grant
from mailframe.message.address import Address, parse_mailbox
from mailframe.message.status import MailframeError

from .directory import HASH


@implementer(ISenderRights)
class FakeRights:
    """Knows the addresses it is told, and each account's own.

    Args:
        also: account name to further addresses.

    Attributes:
        error: raised instead of an answer, when set.
    """

    def __init__(self, also: Mapping[str, Sequence[str]] | None = None) -> None:
        self._also = also or {}
        self.error: MailframeError | None = None

    async def may_send_as(self, account: str, address: Address) -> bool:
        """Is it one of those?"""
        if self.error is not None:
            raise self.error
        return str(address).lower() in (account, *self._also.get(account, ()))


class GrantsContract:
    """What every directory with grants must pass; mix with ``twisted.trial.unittest.TestCase``.

    A backend's test overrides `make_directory`.
    """

    async def make_directory(self) -> Any:
        """An empty directory that has been started; closing it is the test's business."""
        raise NotImplementedError

    async def filled(self) -> Any:
        """A directory with one domain and two accounts."""
        directory = await self.make_directory()
        directory.add_domain("example.test")
        directory.add_account("alice@example.test", HASH)
        directory.add_account("bob@example.test", HASH)
        return directory

    async def test_grant_interfaces(self: Any) -> None:
        """It provides what it promises."""
        directory = await self.make_directory()
        for interface in (ISenderGrants, IGrantAdmin):
            self.assertTrue(verifyObject(interface, directory))

    async def test_granted_address(self: Any) -> None:
        """An address that was granted is granted in any case, to that account alone, until it is taken back."""
        directory = await self.filled()
        directory.grant("Alice@example.test", "Info@Example.NET")
        directory.grant("alice@example.test", "info@example.net")
        info = parse_mailbox("INFO@example.net")
        self.assertTrue(await directory.granted("alice@example.test", info))
        self.assertFalse(await directory.granted("bob@example.test", info))
        self.assertFalse(await directory.granted("alice@example.test", parse_mailbox("boss@example.net")))
        self.assertEqual([Grant("alice@example.test", "info@example.net")], list(directory.grants()))
        directory.revoke("ALICE@example.test", "info@example.net")
        self.assertEqual([], list(directory.grants()))

    async def test_granted_domain(self: Any) -> None:
        """A domain that was granted stands for all of its addresses, and for none of its subdomains'."""
        directory = await self.filled()
        directory.grant("bob@example.test", "@Bücher.test")
        directory.grant("alice@example.test", "*@example.org")
        self.assertTrue(await directory.granted("bob@example.test", parse_mailbox("x@bücher.test")))
        self.assertTrue(await directory.granted("bob@example.test", parse_mailbox("y@xn--bcher-kva.test")))
        self.assertFalse(await directory.granted("bob@example.test", parse_mailbox("x@a.bücher.test")))
        self.assertFalse(await directory.granted("bob@example.test", parse_mailbox("x@example.org")))
        self.assertEqual(
            [Grant("bob@example.test", "@xn--bcher-kva.test")], list(directory.grants("Bob@example.test"))
        )
        self.assertEqual(2, len(directory.grants()))

    async def test_grants_go_with_the_account(self: Any) -> None:
        """Who gets the name of an account that was removed does not get its grants."""
        directory = await self.filled()
        directory.grant("alice@example.test", "info@example.net")
        directory.remove_account("alice@example.test")
        directory.add_account("alice@example.test", HASH)
        self.assertEqual([], list(directory.grants()))
        self.assertFalse(await directory.granted("alice@example.test", parse_mailbox("info@example.net")))

    async def test_refused_grants(self: Any) -> None:
        """Nobody unknown is granted anything, nothing but addresses and domains is, and what is not there stays."""
        directory = await self.filled()
        for word, method, account, subject in (
            ("NONEXISTENT", directory.grant, "carol@example.test", "info@example.net"),
            ("NONEXISTENT", directory.revoke, "alice@example.test", "info@example.net"),
            ("CANNOT", directory.grant, "alice@example.test", "info"),
            ("CANNOT", directory.grant, "alice@example.test", "@"),
            ("CANNOT", directory.grant, "alice@example.test", "@a b"),
            ("CANNOT", directory.grant, "alice@example.test", ""),
        ):
            error = self.assertRaises(MailframeError, method, account, subject)
            self.assertTrue(error.status.permanent)
            self.assertEqual(word, error.status.word, subject)
