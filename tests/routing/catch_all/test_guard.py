"""What catch-alls take, and what they do not."""

from __future__ import annotations

import os
from typing import cast

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.delivery.interfaces import IDelivery
from mailframe.directory.alias_domains import AliasDomains
from mailframe.directory.entries import Put
from mailframe.directory.memory import MemoryDirectory
from mailframe.directory.values import Domain
from mailframe.limits.memory import MemoryTallies
from mailframe.message.address import Address, parse_mailbox
from mailframe.message.content import Content
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject
from mailframe.message.origin import Origin
from mailframe.message.status import MAILBOX_FULL, OK, MailframeError, Status
from mailframe.routing.catch_all.guard import HOUR, CatchAllGuard, CountingDelivery
from mailframe.routing.catch_all.kept import Caught, CaughtAddresses, Count
from mailframe.routing.catch_all.options import CatchAllOptions
from mailframe.routing.interfaces import ICatchAllGuard, Route
from mailframe.routing.local import LocalRouter
from mailframe.testing.smtp import RecordingDelivery, run

ALICE = "alice@example.test"


def at(text: str) -> Address:
    return parse_mailbox(text if "@" in text else f"{text}@example.test")


class GuardCase(SynchronousTestCase):
    """A domain with a catch-all, and another name of it."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_800_000_000)
        self.path = os.path.abspath(self.mktemp())
        self.kept = CaughtAddresses(self.path, None)
        self.guard = self.make_guard()
        self.directory = MemoryDirectory(
            ["example.test", "example.org"], {ALICE: "x", "bob@example.test": "x"}
        )
        self.directory.apply(
            [
                Put(Domain("example.test", catch_all=(at(ALICE),))),
                Put(Domain("example.net", alias_of="example.test")),
            ],
            "test",
        )
        self.router = self.make_router(strangers=True)

    def make_guard(self, per_hour: int = 3, notices: int = 2, remembered: int = 100) -> CatchAllGuard:
        options = CatchAllOptions(per_hour=per_hour, notices=notices, remembered=remembered)
        clock = cast(IReactorTime, self.clock)
        return CatchAllGuard(self.kept, clock, options, MemoryTallies(self.clock))

    def make_router(self, strangers: bool) -> LocalRouter:
        directory = AliasDomains(self.directory)
        return LocalRouter(directory, hostname="mx.example.test", guard=self.guard, strangers=strangers)

    def code(self, text: str, router: LocalRouter | None = None) -> str:
        """What becomes of a recipient: an account's name, or why not."""
        found = run((router or self.router).route(at(text)))
        return found.code if isinstance(found, Status) else ",".join(one.account for one in found.mailboxes)

    def deliver(self, text: str, reverse_path: str = "joe@sender.test", status: Status = OK) -> None:
        route = run(self.router.route(at(text)))
        assert isinstance(route, Route), route
        path = parse_mailbox(reverse_path) if reverse_path else None
        mail = MailObject("ID", Envelope(path, [Recipient(at(text))]), Content.of(b"\r\n"), Origin("S", ""))
        counting = CountingDelivery(RecordingDelivery([status]), self.guard)
        self.assertEqual([status], run(counting.deliver(mail, [route], True)))

    def report(self) -> dict[str, Caught]:
        self.clock.advance(5)
        return {str(one.address): one for one in self.kept.report()}


class GuardTests(GuardCase):
    """Which recipients a catch-all takes."""

    def test_interfaces(self) -> None:
        """It is a guard, and a delivery that counts for it."""
        verifyObject(ICatchAllGuard, self.guard)
        verifyObject(IDelivery, CountingDelivery(RecordingDelivery(), self.guard))

    def test_takes(self) -> None:
        """What nobody has goes to the catch-all, by all names of its domain; other domains have none."""
        for text in ("shop", "shop+x", "x@example.net"):
            self.assertEqual(ALICE, self.code(text), text)
        self.assertEqual("bob@example.test", self.code("bob+x@example.net"))
        self.assertEqual("5.1.1", self.code("x@example.org"))

    def test_budget(self) -> None:
        """A domain's catch-all takes so many recipients an hour from strangers; then they come again."""
        self.assertEqual([ALICE] * 3, [self.code(f"x{i}@example.net") for i in range(3)])
        for text in ("x3", "x4@example.net"):
            self.assertEqual("4.2.1", self.code(text))
        for text in ("bob", "alice+x"):
            self.assertNotEqual("4.2.1", self.code(text))
        self.assertEqual(ALICE, self.code("x5", self.make_router(strangers=False)))
        self.clock.advance(2 * HOUR)
        self.assertEqual(ALICE, self.code("x3"))

    def test_no_budget(self) -> None:
        """Without a limit there is none."""
        self.guard = self.make_guard(per_hour=0)
        router = self.make_router(strangers=True)
        self.assertEqual({ALICE}, {self.code(f"x{i}", router) for i in range(50)})

    def test_postmaster(self) -> None:
        """The postmaster of the domain is never refused."""
        for _ in range(5):
            self.code("x")
        self.kept.refuse([at("postmaster")], 0)
        self.assertEqual(ALICE, self.code("Postmaster"))

    def test_counts(self) -> None:
        """What was delivered is counted by address, in its own domain and without tags."""
        for text in ("shop", "Shop+x", "shop@example.net"):
            self.deliver(text)
        self.assertEqual({}, {str(one.address): one for one in self.kept.report()})
        self.assertEqual((3, 0, 0), (self.report()["shop@example.test"].taken, 0, 0))
        self.clock.advance(HOUR * 2)
        self.deliver("alice")
        self.deliver("full", status=MAILBOX_FULL)
        self.assertEqual(["shop@example.test"], list(self.report()))

    def test_notices(self) -> None:
        """An address that gets nothing but notices is refused from then on."""
        self.deliver("forged", "")
        self.deliver("shop")
        self.deliver("forged", "")
        self.assertEqual("notices", self.report()["forged@example.test"].dead)
        self.assertEqual("5.1.1", self.code("forged"))
        self.assertEqual("5.1.1", self.code("forged+x@example.net", self.make_router(strangers=False)))
        report = self.report()
        self.assertEqual(
            (2, 2, 2),
            tuple(getattr(report["forged@example.test"], k) for k in ("taken", "notices", "refused")),
        )
        self.assertEqual("", report["shop@example.test"].dead)

    def test_some_notices(self) -> None:
        """One that gets other mail as well may get notices."""
        self.guard = self.make_guard(per_hour=0)
        self.router = self.make_router(strangers=True)
        for _ in range(5):
            self.deliver("shop")
        for _ in range(4):
            self.deliver("shop", "")
        self.assertEqual("", self.report()["shop@example.test"].dead)

    def test_learns(self) -> None:
        """Traps and the administrator name addresses; whoever gives one to an account has its mail again."""
        run(self.guard.learn(at("trap"), "trap"))
        self.kept.refuse([at("Named")], 5)
        self.assertEqual(["5.1.1", "5.1.1"], [self.code("trap"), self.code("named")])
        self.directory.add_account("trap@example.test", "{PLAIN}x")
        self.assertEqual("trap@example.test", self.code("trap"))
        self.assertTrue(self.kept.forget(at("named")))
        self.assertFalse(self.kept.forget(at("named")))
        self.assertEqual(ALICE, self.code("named"))

    def test_file_away(self) -> None:
        """While nobody can say whether an address is dead, mail waits; counts are worth no trouble."""
        os.mkdir(self.path)
        self.assertRaises(MailframeError, run, self.router.route(at("x")))
        self.guard.took(at("x"), False)
        self.clock.advance(5)
        run(self.guard.stop())

    def test_stop(self) -> None:
        """What was counted is written down at the end."""
        self.deliver("shop")
        run(self.guard.stop())
        self.assertEqual([1], [one.taken for one in self.kept.report()])
        run(self.guard.stop())

    def test_leads_nowhere(self) -> None:
        """A catch-all whose target has left takes nothing, and does not lead back to itself."""
        self.directory.remove_account(ALICE)
        self.assertEqual("5.1.1", self.code("shop"))


class KeptTests(GuardCase):
    """What is remembered."""

    def test_bounded(self) -> None:
        """The addresses without mail for longest are forgotten first; dead ones last."""
        run(self.kept.learn([at("dead")], "trap", 1))
        for number in range(4):
            run(self.kept.count([(at(f"x{number}"), Count(1))], 10 + number, 0, 3))
        self.assertEqual({"dead", "x2", "x3"}, {one.address.local_part for one in self.kept.report()})

    def test_report(self) -> None:
        """A report is of one domain or all, of what is dead or all, the most first."""
        counts = [(at("a"), Count(1)), (at("b"), Count(2)), (at("c@bücher.test"), Count(0, 0, 9))]
        run(self.kept.count(counts, 10, 0, 100))
        run(self.kept.learn([at("a")], "trap", 11))
        self.assertEqual(["c", "b", "a"], [one.address.local_part for one in self.kept.report()])
        self.assertEqual(["c"], [one.address.local_part for one in self.kept.report("Bücher.test")])
        self.assertEqual(["a"], [one.address.local_part for one in self.kept.report(dead=True)])
        self.assertEqual(["c"], [one.address.local_part for one in self.kept.report(limit=1)])
