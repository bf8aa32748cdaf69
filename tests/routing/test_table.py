"""Which way mail takes out of the queue."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.directory.memory import MemoryDirectory
from mailframe.message.address import parse_mailbox
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.origin import Origin
from mailframe.message.status import NO_SUCH_MAILBOX, Status
from mailframe.routing.interfaces import IMailRouter, Route
from mailframe.routing.local import LocalRouter
from mailframe.routing.table import Patterns, RoutingTable, Rule, comparable_domain
from mailframe.testing.smtp import run

ALICE = "alice@example.test"


class RoutingTableTests(SynchronousTestCase):
    """Rules, mailboxes, the usual way."""

    def table(self, *rules: Rule, **options: Any) -> RoutingTable:
        """A table whose usual way is ``remote``, with mailboxes in example.test."""
        directory = MemoryDirectory(["example.test"], {ALICE: "x"})
        options.setdefault("local", LocalRouter(directory, hostname="mx.example.test"))
        options.setdefault("directory", directory)
        return RoutingTable("remote", rules, **options)

    def way(
        self,
        table: RoutingTable,
        to: str,
        sender: str | None = ALICE,
        login: str | None = None,
        **attributes: str,
    ) -> Any:
        """The way of one recipient."""
        origin = Origin("s1", "192.0.2.1", login=login, attributes=attributes)
        envelope = Envelope(parse_mailbox(sender) if sender is not None else None)
        return run(table.way(envelope, Recipient(parse_mailbox(to)), origin))

    def test_interface(self) -> None:
        """It is what a queue asks."""
        verifyObject(IMailRouter, self.table())

    def test_usual(self) -> None:
        """Mail for others goes the usual way, each domain a destination of its own, spelled as the DNS spells it."""
        route = self.way(self.table(), "bob@EXAMPLE.org")
        self.assertEqual(
            ("remote:example.org", "normal", ()), (route.destination, route.queue, route.mailboxes)
        )
        self.assertTrue(route.onward)
        route = self.way(self.table(), "bob@b\u00fccher.example")
        self.assertEqual("remote:xn--bcher-kva.example", route.destination)

    def test_literal(self) -> None:
        """An address literal is a destination, too."""
        self.assertEqual("remote:[192.0.2.7]", self.way(self.table(), "bob@[192.0.2.7]").destination)

    def test_own(self) -> None:
        """Mail for our own domains goes into mailboxes, or is refused, whatever the rules say."""
        table = self.table(Rule(domains=["*"], way="smarthost"))
        route = self.way(table, ALICE)
        self.assertEqual(("store", ALICE), (route.way, route.mailboxes[0].account))
        self.assertEqual(NO_SUCH_MAILBOX, self.way(table, "nobody@example.test"))
        self.assertEqual("smarthost:", self.way(table, "bob@example.org").destination)

    def test_none_of_ours(self) -> None:
        """A node without mailboxes sends everything out, and has no postmaster."""
        table = RoutingTable("remote")
        self.assertEqual("remote:example.test", self.way(table, ALICE).destination)
        from mailframe.message.address import Address

        bare = Recipient(Address("Postmaster", ""))
        found = run(table.way(Envelope(None), bare, Origin("s1", "192.0.2.1")))
        self.assertEqual(NO_SUCH_MAILBOX, found)

    def test_domains(self) -> None:
        """A star in front stands for the domains below, not for the domain itself."""
        table = self.table(
            Rule(domains=["*.example.org"], way="below"), Rule(domains=["B\u00dcCHER.example"], way="books")
        )
        self.assertEqual("below:", self.way(table, "bob@a.b.example.org").destination)
        self.assertEqual("remote:example.org", self.way(table, "bob@example.org").destination)
        self.assertEqual("remote:notexample.org", self.way(table, "bob@notexample.org").destination)
        self.assertEqual("books:", self.way(table, "bob@b\u00fccher.example").destination)

    def test_everything_must_fit(self) -> None:
        """A rule counts where all it says fits, and the first that does."""
        table = self.table(
            Rule(domains=["example.org"], senders=["<>"], way="bounces"),
            Rule(recipients=["*+list@*"], logins=["*@example.test"], way="lists", queue="bulk"),
            Rule(classes=["notice"], queue="notices"),
            Rule(logins=["<>"], way="nologin"),
        )
        self.assertEqual("bounces:", self.way(table, "bob@example.org", None).destination)
        self.assertEqual("nologin:", self.way(table, "bob@example.org").destination)
        route = self.way(table, "Bob+List@example.org", login=ALICE)
        self.assertEqual(("lists:", "bulk"), (route.destination, route.queue))
        route = self.way(table, "bob@example.org", login=ALICE, **{"class": "notice"})
        self.assertEqual(("remote:example.org", "notices"), (route.destination, route.queue))
        self.assertEqual("remote:example.org", self.way(table, "bob@example.org", login=ALICE).destination)

    def test_directory_goes_with_it(self) -> None:
        """Mailboxes without knowing whose domains are ours would send our own mail out."""
        self.assertRaises(ValueError, self.table, directory=None)

    @given(st.text(max_size=20), st.text(max_size=20))
    def test_patterns_mean_what_they_say(self, pattern: str, text: str) -> None:
        """Only the star and the question mark mean anything, so a text fits itself."""
        self.assertIn(text, Patterns([text]))
        self.assertIn(text, Patterns([pattern, "*"]))
        if not set(pattern) & set("*?"):
            self.assertEqual(pattern.lower() == text.lower(), text in Patterns([pattern]))

    def test_impossible_domain(self) -> None:
        """A domain that the DNS cannot have still has a destination: who looks for it says what is wrong."""
        from mailframe.message.address import Address

        self.assertEqual("a_\u00fc..b", comparable_domain(Address("bob", "a_\u00fc..b")))
        self.assertNotIsInstance(Route(way="x"), Status)
