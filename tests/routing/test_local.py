"""Where mail for our own addresses goes."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.directory.memory import MemoryDirectory
from mailframe.directory.refusals import HELD
from mailframe.directory.values import Account, Alias, Credential
from mailframe.message.address import Address
from mailframe.message.status import CANNOT_LOOK_UP, MailframeError, Status
from mailframe.routing.interfaces import IRouter, Route
from mailframe.routing.local import ALIAS_SIZE, GROUP, LocalRouter
from mailframe.testing.smtp import run


def at(text: str) -> Address:
    """An address of ours, or another."""
    local_part, _, domain = text.partition("@")
    return Address(local_part, domain or "example.test")


class LocalRouterTests(SynchronousTestCase):
    """Accounts, subaddresses, aliases and the postmaster."""

    def setUp(self) -> None:
        self.directory = MemoryDirectory(
            ["example.test", "example.org"], {"alice@example.test": "x", "bob@example.test": "x"}
        )
        self.router = LocalRouter(self.directory, hostname="mx.example.test")

    def alias(self, name: str, *targets: str) -> None:
        self.directory.set_alias(at(name), [at(target) for target in targets])

    def places(self, text: str, router: LocalRouter | None = None) -> list[str]:
        """Where an address leads: account/mailbox (delivered-to)."""
        route = run((router or self.router).route(at(text)))
        assert isinstance(route, Route), route
        return [f"{m.account}/{m.mailbox} {m.delivered_to}" for m in route.mailboxes]

    def refusal(self, text: str) -> str:
        status = run(self.router.route(at(text)))
        assert isinstance(status, Status), status
        return status.code

    def fault(self, text: str, router: LocalRouter | None = None) -> str:
        with self.assertRaises(MailframeError) as caught:
            run((router or self.router).route(at(text)))
        self.assertTrue(caught.exception.status.temporary)
        return caught.exception.reason

    def test_interface(self) -> None:
        """It is a router."""
        verifyObject(IRouter, self.router)

    def test_accounts(self) -> None:
        """An account gets its mail; others are unknown; other domains are none of ours."""
        self.assertEqual(self.places("alice"), ["alice@example.test/INBOX alice@example.test"])
        self.assertEqual(self.places("ALICE"), ["alice@example.test/INBOX ALICE@example.test"])
        self.assertEqual(self.refusal("eve"), "5.1.1")
        self.assertEqual(self.refusal("alice@example.org"), "5.1.1")
        self.assertEqual(self.refusal("alice@example.net"), "5.7.1")
        self.assertEqual(self.refusal("alice@[192.0.2.1]"), "5.7.1")

    def test_held(self) -> None:
        """Mail for a mailbox that is held comes again later, by whatever address it is meant."""

        def hold(found: Credential) -> Credential:
            return replace(found, account=replace(found.account, hold="moving"))

        self.directory.change_account("alice@example.test", hold)
        self.alias("both@example.test", "bob@example.test", "alice@example.test")
        for text in ("alice@example.test", "alice+tag@example.test", "both@example.test"):
            refusal = self.failureResultOf(
                Deferred.fromCoroutine(self.router.route(at(text))), MailframeError
            )
            self.assertEqual(HELD, refusal.value.status)
        self.assertEqual(["bob@example.test/INBOX bob@example.test"], self.places("bob@example.test"))

    def test_disabled(self) -> None:
        """A disabled account gets none."""

        class Disabled(MemoryDirectory):
            async def lookup(self, address: Address) -> Account | Alias | None:
                return Account("alice@example.test", enabled=False)

        self.router = LocalRouter(Disabled(["example.test"]))
        self.assertEqual(self.refusal("alice"), "5.2.1")

    def test_subaddress(self) -> None:
        """A tag is cut off where the whole is unknown; as an option it names the mailbox."""
        self.assertEqual(self.places("alice+news"), ["alice@example.test/INBOX alice+news@example.test"])
        self.directory.add_account("bob+own@example.test", "{PLAIN}x")
        self.assertEqual(self.places("bob+own"), ["bob+own@example.test/INBOX bob+own@example.test"])
        into = LocalRouter(self.directory, subaddress_mailboxes=True)
        self.assertEqual(self.places("alice+news", into), ["alice@example.test/news alice+news@example.test"])
        self.assertEqual(self.places("alice+", into), ["alice@example.test/INBOX alice+@example.test"])
        for unknown in ("+alice", "eve+alice"):
            self.assertEqual(self.refusal(unknown), "5.1.1")
        self.router = LocalRouter(self.directory, delimiter="")
        self.assertEqual(self.refusal("alice+news"), "5.1.1")

    def test_alias(self) -> None:
        """An alias leads to each mailbox once, however many ways there are."""
        self.alias("team", "alice", "bob", "staff")
        self.alias("staff", "alice", "bob+x", "team")
        self.assertEqual(
            self.places("team"),
            ["alice@example.test/INBOX alice@example.test", "bob@example.test/INBOX bob@example.test"],
        )
        self.assertEqual(len(self.places("team+tag")), 2)

    def test_alias_of_nobody(self) -> None:
        """One who has left does not keep the mail from the others; when all have left, there is no mailbox."""
        self.directory.add_account("left@example.test", "{PLAIN}x")
        self.alias("team", "alice", "left")
        self.alias("old", "left")
        self.directory.remove_account("left@example.test")
        self.assertEqual(len(self.places("team")), 1)
        self.assertEqual(self.refusal("old"), "5.1.1")

    def test_alias_elsewhere(self) -> None:
        """An alias to another domain is our mistake: the mail waits, and the log says why."""
        self.alias("away", "alice", "eve@example.net")
        self.assertIn("eve@example.net", self.fault("away"))

    def test_group(self) -> None:
        """Where a large group leads is known for a second, so that nobody can make us find out again and again."""
        names = [f"m{i}" for i in range(GROUP)]
        for name in names:
            self.directory.add_account(f"{name}@example.test", "{PLAIN}x")
        self.alias("all", *names, *reversed(names))
        self.alias("few", "m1", "m2")
        clock = Clock()
        self.router = LocalRouter(self.directory, seconds=clock.seconds)
        self.assertEqual((GROUP, 2), (len(self.places("all")), len(self.places("few"))))
        self.directory.remove_account("m1@example.test")
        self.assertEqual((GROUP, 1), (len(self.places("ALL+x")), len(self.places("few"))))
        clock.advance(1.1)
        self.assertEqual(GROUP - 1, len(self.places("all")))

    def test_alias_loops(self) -> None:
        """Aliases that lead in circles, too deep or to too many are temporary failures, and end."""
        self.alias("a", "b")
        self.alias("b", "a")
        self.assertIn("back to itself", self.fault("a"))
        for i in range(12):
            self.alias(f"d{i}", f"d{i + 1}")
        self.alias("d12", "alice")
        self.assertIn("deeper", self.fault("d0"))
        self.assertEqual(len(self.places("d4")), 1)
        half = ALIAS_SIZE // 2
        self.alias("some", *[f"x{i}" for i in range(half)])
        self.assertEqual(self.refusal("some"), "5.1.1")
        self.alias("many", "some", "others")
        self.alias("others", *[f"y{i}" for i in range(half)])
        self.assertIn("more than", self.fault("many"))

    def test_postmaster(self) -> None:
        """Mail for the postmaster is never refused for good."""
        bare = Address("postmaster", "")
        self.assertRaises(MailframeError, run, self.router.route(bare))
        self.assertIn("postmaster", self.fault("postmaster"))
        router = LocalRouter(self.directory, postmaster=at("bob"))
        for address in (bare, at("PostMaster"), at("postmaster@example.org")):
            route = run(router.route(address))
            assert isinstance(route, Route)
            self.assertEqual(route.mailboxes[0].account, "bob@example.test")
        self.alias("postmaster", "alice")
        self.assertEqual(self.places("postmaster", router), ["alice@example.test/INBOX alice@example.test"])
        router = LocalRouter(self.directory, postmaster=at("postmaster"))
        route = run(router.route(bare))
        assert isinstance(route, Route)
        self.assertEqual(route.mailboxes[0].account, "alice@example.test")
        for wrong in ("eve@example.net", "eve"):
            router = LocalRouter(self.directory, postmaster=at(wrong))
            with self.assertRaises(MailframeError):
                run(router.route(bare))

    def test_cannot_look_up(self) -> None:
        """When the directory cannot be asked, that is what the sender hears."""

        class Away(MemoryDirectory):
            async def is_local(self, domain: str) -> bool:
                raise MailframeError(CANNOT_LOOK_UP, "away")

        self.assertEqual(self.fault("alice", LocalRouter(Away())), "away")

    @given(
        st.dictionaries(
            st.sampled_from("abcde"), st.lists(st.sampled_from("abcdexy"), min_size=1, max_size=4), max_size=5
        ),
        st.sampled_from("abcdexy"),
    )
    def test_any_aliases(self, aliases: dict[str, list[str]], start: str) -> None:
        """Whatever leads to whatever, expansion ends, and finds exactly the accounts that can be reached."""
        directory = MemoryDirectory(["example.test"], {"x@example.test": "{PLAIN}x"})
        for name, targets in aliases.items():
            directory.set_alias(at(name), [at(target) for target in targets])
        reached, todo = set(), [start]
        while todo:
            if (name := todo.pop()) not in reached:
                reached.add(name)
                todo += aliases.get(name, [])
        try:
            route = run(LocalRouter(directory).route(at(start)))
        except MailframeError:
            route = None
        found = [m.account for m in route.mailboxes] if isinstance(route, Route) else []
        self.assertEqual(found, ["x@example.test"] if "x" in reached else [])
