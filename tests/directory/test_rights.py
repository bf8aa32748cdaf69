"""Which sender addresses belong to an account."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.directory.interfaces import ISenderRights
from mailframe.directory.memory import MemoryDirectory
from mailframe.directory.rights import ALIAS_DEPTH, DirectoryRights
from mailframe.message.address import Address, parse_mailbox
from mailframe.testing.smtp import run
from tests.strategies import addresses

ALICE, BOB = "alice@example.test", "bob@example.test"


def directory() -> MemoryDirectory:
    """Two accounts, one that is shut out, and aliases."""
    made = MemoryDirectory(["example.test"], {ALICE: "x", BOB: "x", "gone@example.test": "x"})
    made.set_enabled("gone@example.test", False)
    made.set_alias(parse_mailbox("sales@example.test"), [parse_mailbox(ALICE)])
    made.set_alias(parse_mailbox("all@example.test"), [parse_mailbox(ALICE), parse_mailbox(BOB)])
    made.set_alias(parse_mailbox("top@example.test"), [parse_mailbox("sales@example.test")])
    made.set_alias(parse_mailbox("loop@example.test"), [parse_mailbox("loop@example.test")])
    made.set_alias(parse_mailbox("list@example.test"), [parse_mailbox("alice+list@example.test")])
    made.grant(ALICE, "info@example.net")
    made.grant(ALICE, "@example.org")
    return made


class DirectoryRightsTests(SynchronousTestCase):
    """Which sender addresses belong to an account."""

    def setUp(self) -> None:
        self.directory = directory()
        self.rights = DirectoryRights(self.directory, self.directory)

    def may(self, account: str, address: str, rights: DirectoryRights | None = None) -> bool:
        return run((rights or self.rights).may_send_as(account, parse_mailbox(address)))

    def test_interface(self) -> None:
        """It answers what is asked of sender rights."""
        verifyObject(ISenderRights, self.rights)

    def test_own(self) -> None:
        """One's own address in any case, and its subaddresses; nobody else's."""
        for address in (ALICE, "Alice@EXAMPLE.test", "alice+news@example.test", '"alice"@example.test'):
            self.assertTrue(self.may(ALICE, address), address)
        for address in (BOB, "alice@example.net", "alicex@example.test", "bob+alice@example.test"):
            self.assertFalse(self.may(ALICE, address), address)

    def test_aliases(self) -> None:
        """An alias that leads to the account, over another or a subaddress too; an endless one leads nowhere."""
        for alias in ("sales", "all", "top", "list", "sales+x"):
            self.assertTrue(self.may(ALICE, f"{alias}@example.test"), alias)
        self.assertTrue(self.may(BOB, "all@example.test"))
        for alias in ("sales", "top", "loop", "list"):
            self.assertFalse(self.may(BOB, f"{alias}@example.test"), alias)

    def test_aliases_as_configured(self) -> None:
        """Aliases that lead to others as well can be left out, and all aliases too."""
        only = DirectoryRights(self.directory, self.directory, aliases="only")
        self.assertTrue(self.may(ALICE, "sales@example.test", only))
        self.assertFalse(self.may(ALICE, "all@example.test", only))
        none = DirectoryRights(self.directory, self.directory, aliases="none")
        self.assertFalse(self.may(ALICE, "sales@example.test", none))
        self.assertTrue(self.may(ALICE, ALICE, none))

    def test_grants(self) -> None:
        """Granted addresses and domains, with subaddresses; without grants, none."""
        for address in ("info@example.net", "info+x@example.net", "anybody@example.org"):
            self.assertTrue(self.may(ALICE, address), address)
            self.assertFalse(self.may(BOB, address), address)
            self.assertFalse(self.may(ALICE, address, DirectoryRights(self.directory)), address)
        self.assertFalse(self.may(ALICE, "boss@example.net"))

    def test_no_subaddresses(self) -> None:
        """Without a delimiter there are no subaddresses."""
        rights = DirectoryRights(self.directory, self.directory, delimiter="")
        self.assertFalse(self.may(ALICE, "alice+news@example.test", rights))

    def test_gone(self) -> None:
        """An account that was shut out or removed may send as nobody, though its session goes on."""
        self.assertFalse(self.may("gone@example.test", "gone@example.test"))
        self.directory.remove_account(ALICE)
        self.assertFalse(self.may(ALICE, ALICE))

    def test_deep_aliases(self) -> None:
        """Aliases are followed as deep as in routing, no deeper."""
        for number in range(ALIAS_DEPTH + 2):
            target = parse_mailbox(f"a{number + 1}@example.test" if number else ALICE)
            self.directory.set_alias(
                Address(f"a{number}", "example.test"),
                [Address(f"a{number - 1}", "example.test")] if number else [target],
            )
        self.assertTrue(self.may(ALICE, f"a{ALIAS_DEPTH - 1}@example.test"))
        self.assertFalse(self.may(ALICE, f"a{ALIAS_DEPTH}@example.test"))

    @given(addresses(smtputf8=True), st.sampled_from([ALICE, BOB]))
    def test_any_address(self, address: Address, account: str) -> None:
        """Whatever address a client thinks of, there is an answer, and strangers' addresses belong to nobody."""
        made = directory()
        answer = run(DirectoryRights(made, made).may_send_as(account, address))
        if answer:
            self.assertIn(address.domain, ("example.test", "example.net", "example.org"))
