"""Aliases that lead out of the house."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.directory.memory import MemoryDirectory
from mailframe.message.address import parse_mailbox
from mailframe.message.status import NO_SUCH_MAILBOX, MailframeError
from mailframe.routing.expansion import Expansion
from mailframe.routing.interfaces import IRouter, Route
from mailframe.routing.local import ALIAS_SIZE, LocalRouter
from mailframe.routing.outward import OutwardRouter
from mailframe.testing.smtp import run

ALICE = "alice@example.test"


class ExpansionCase(SynchronousTestCase):
    """A house with Alice in it."""

    def setUp(self) -> None:
        self.directory = MemoryDirectory(["example.test"], {ALICE: "x"})
        self.expansion = Expansion(self.directory)

    def alias(self, name: str, *targets: str) -> None:
        """Add one."""
        self.directory.set_alias(parse_mailbox(name), [parse_mailbox(one) for one in targets])

    def targets(self, name: str) -> list[str] | None:
        """Whom it stands for."""
        found = run(self.expansion.targets(parse_mailbox(name)))
        return None if found is None else [str(one) for one in found]


class ExpansionTests(ExpansionCase):
    """Whom an alias stands for."""

    def test_at_home(self) -> None:
        """Accounts, strangers and aliases that stay in the house are none of its business."""
        self.alias("sales@example.test", ALICE)
        for name in (ALICE, "bob@example.org", "sales@example.test", "nobody@example.test"):
            self.assertIsNone(self.targets(name))

    def test_abroad(self) -> None:
        """Aliases of aliases are followed; each target is there once."""
        self.alias("all@example.test", "sales@example.test", "bob@example.org", ALICE)
        self.alias("sales@example.test", "carol@example.net", "bob@example.org", "all@example.test")
        self.assertEqual(["bob@example.org", ALICE, "carol@example.net"], self.targets("all@example.test"))

    def test_too_deep(self) -> None:
        """There is an end to following, and it is temporary."""
        for number in range(12):
            self.alias(f"a{number}@example.test", f"a{number + 1}@example.test")
        self.alias("a12@example.test", "bob@example.org")
        error = self.assertRaises(MailframeError, self.targets, "a0@example.test")
        self.assertTrue(error.status.temporary)

    def test_too_many(self) -> None:
        """Nor does one stand for more people than aliases may."""
        half = ALIAS_SIZE // 2
        self.alias("all@example.test", "a@example.test", "b@example.test")
        for name in "ab":
            self.alias(f"{name}@example.test", *(f"{name}{number}@example.org" for number in range(half)))
        error = self.assertRaises(MailframeError, self.targets, "all@example.test")
        self.assertTrue(error.status.temporary)


class OutwardRouterTests(ExpansionCase):
    """Routing in session before a queue."""

    def route(self, text: str, expanding: bool = True) -> object:
        """The route of an address."""
        local = LocalRouter(self.directory, hostname="mx.example.test")
        router = OutwardRouter(local, self.directory, self.expansion if expanding else None)
        verifyObject(IRouter, router)
        return run(router.route(parse_mailbox(text)))

    def test_ways(self) -> None:
        """Our own are verified, others go onward."""
        route = self.route(ALICE)
        assert isinstance(route, Route)
        self.assertEqual([ALICE], [one.account for one in route.mailboxes])
        self.assertEqual(Route(onward=True), self.route("bob@example.org"))
        self.assertEqual(NO_SUCH_MAILBOX, self.route("nobody@example.test"))

    def test_alias_abroad(self) -> None:
        """An alias that leads abroad goes onward where it is expanded, and is not set up properly where it is not."""
        self.alias("sales@example.test", ALICE, "bob@example.org")
        self.assertEqual(Route(onward=True), self.route("sales@example.test"))
        self.assertRaises(MailframeError, self.route, "sales@example.test", False)
