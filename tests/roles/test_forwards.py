"""A node from its configuration whose accounts forward their mail: what a stranger sends goes on by the queue."""

from __future__ import annotations

import os
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString

from mailframe.config.loading import loads
from mailframe.directory.entries import Put
from mailframe.directory.values import Account, Credential, Domain
from mailframe.message.address import parse_mailbox
from mailframe.queue.values import Selection
from mailframe.roles import outbound
from mailframe.roles.context import Context
from mailframe.roles.mx import MXRole
from mailframe.routing.catch_all.kept import CaughtAddresses
from mailframe.store.hints import LocalHints
from mailframe.testing.smtp import RecordingDelivery

from .house import Client, RoleCase
from .test_mx import LINES

TEXT = """
[node]
hostname = "mail.example.test"
workers = 1
roles = ["mx"]
[role.mx]
listen = ["tcp:2525"]
router = "queue"
[directory]
backend = "memory"
[directory.memory]
domains = ["example.test"]
[store]
backend = "memory"
[spool]
backend = "memory"
[catch_all]
per_hour = 2
[delivery.queue]
"""
NAMES = ("alice", "bob", "carol")


class ForwardsTests(RoleCase):
    """Mail goes where accounts want it, once, and ends somewhere."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(outbound, "free_octets", lambda *arguments: None)
        self.begin()

    def begin(self, text: str = TEXT) -> None:
        """A running node; what leaves it is remembered."""
        path = os.path.abspath(self.mktemp())
        os.makedirs(os.path.join(path, "data"))
        configuration = loads(text.encode(), os.path.join(path, "mailframe.toml"))
        self.context = Context(
            configuration, self.reactor, LocalHints(), lambda address: serverFromString(self.reactor, address)
        )
        # No thread in a test that has no time of its own.
        self.context.catch_all._kept = CaughtAddresses(os.path.join(path, "catch-all.sqlite"), None)
        self.world = RecordingDelivery()
        self.context._named["deliveries", "remote"] = self.world
        self.store = cast(Any, self.context.store)
        role = cast(MXRole, configuration.roles["mx"].build(self.context))
        self.run_role(role)
        self.get(self.context.queue.start())
        self.addCleanup(self.stop)
        for name in NAMES:
            self.account(name)

    def stop(self) -> None:
        """The queue and what else is open."""
        stopped = Deferred.fromCoroutine(self.context.queue.stop())
        self.reactor.pump([1.0] * 12)
        self.successResultOf(stopped)

    def put(self, entry: Any) -> None:
        """Into the directory."""
        cast(Any, self.context.directory).apply([Put(entry)], "test")

    def account(self, name: str, *targets: str, keeps: bool = False) -> None:
        """An account of ours, and where its mail goes."""
        forwards = tuple(parse_mailbox(one if "@" in one else f"{one}@example.test") for one in targets)
        account = Account(f"{name}@example.test", forwards=forwards, keeps_copy=keeps or not targets)
        self.put(Credential(account, "{PLAIN}x"))

    def send(self, *recipients: str) -> str:
        """A stranger's message; the last answer."""
        client = Client(self.reactor, 2525)
        client.say("EHLO c.test\nMAIL FROM:<joe@sender.test>\n")
        for recipient in recipients:
            answer = client.say(f"RCPT TO:<{recipient}@example.test>\n")
            if not answer.startswith("250"):
                return answer
        client.say("DATA\n")
        return client.say("Subject: hello\n\nA line.\n.\n")

    def settle(self) -> None:
        """All that is to be sent has been."""
        self.reactor.pump([1.0] * 30)
        self.assertEqual([], list(self.get(self.context.spool.listing(Selection()))))

    def kept(self) -> dict[str, int]:
        """Messages in mailboxes."""
        return {name: len(self.contents(f"{name}@example.test")) for name in NAMES}

    def sent(self) -> list[str]:
        """Who elsewhere got mail."""
        return [str(one.forward_path) for mail in self.world.messages for one in mail.envelope.recipients]

    def test_elsewhere(self) -> None:
        """A message goes to another host, by the queue; what is kept is kept at once."""
        self.account("alice", "alice@example.org")
        self.account("bob", "bob@example.org", keeps=True)
        self.assertTrue(self.send("alice", "bob+x").startswith("250"))
        self.settle()
        self.assertEqual(["alice@example.org", "bob@example.org"], sorted(self.sent()))
        self.assertEqual({"alice": 0, "bob": 1, "carol": 0}, self.kept())
        self.assertTrue(self.world.messages[0].octets.startswith(b"Delivered-To: "))

    def test_store_by_name(self) -> None:
        """The store of the node may be named as any other delivery, and is the same then."""
        super().setUp()
        self.begin(TEXT.replace('router = "queue"', 'router = "queue"\ndelivery = "store"'))
        self.account("alice", "alice@example.org")
        self.assertTrue(self.send("alice").startswith("250"))
        self.settle()
        self.assertEqual(["alice@example.org"], self.sent())

    def test_within(self) -> None:
        """From one of ours to another, and on from there."""
        self.account("alice", "bob")
        self.account("bob", "carol", "bob@example.org")
        self.send("alice")
        self.settle()
        self.assertEqual(
            (["bob@example.org"], {"alice": 0, "bob": 0, "carol": 1}), (self.sent(), self.kept())
        )

    def test_circle(self) -> None:
        """Accounts that forward to each other: whoever was asked first has the mail in the end."""
        self.account("alice", "bob")
        self.account("bob", "alice")
        self.assertTrue(self.send("alice").startswith("250"))
        self.settle()
        self.assertEqual({"alice": 1, "bob": 0, "carol": 0}, self.kept())

    def test_catch_all(self) -> None:
        """A catch-all that forwards; it takes what its budget allows, and counts it."""
        self.account("alice", "alice@example.org")
        self.put(Domain("example.test", catch_all=(parse_mailbox("alice@example.test"),)))
        for name in ("shop", "bank"):
            self.assertTrue(self.send(name).startswith("250"))
        self.assertTrue(self.send("third").startswith("450 4.2.1"))
        self.settle()
        self.assertEqual(["alice@example.org"] * 2, self.sent())
        found = self.context.catch_all._kept.report()
        self.assertEqual({"shop": 1, "bank": 1}, {one.address.local_part: one.taken for one in found})

    @given(
        st.dictionaries(
            st.sampled_from(NAMES),
            st.tuples(
                st.lists(st.sampled_from((*NAMES, "x@example.org", "y@example.org")), min_size=1, max_size=3),
                st.booleans(),
            ),
        ),
        st.lists(st.sampled_from(NAMES), min_size=1, max_size=2),
    )
    def test_ends(self, wishes: dict[str, tuple[list[str], bool]], recipients: list[str]) -> None:
        """Whatever accounts wish for, mail comes to an end, is somewhere, and goes to nobody they did not name."""
        super().setUp()
        self.begin()
        for name, (targets, keeps) in wishes.items():
            self.account(name, *targets, keeps=keeps)
        self.assertTrue(self.send(*recipients).startswith("250"))
        self.settle()
        self.assertTrue(self.sent() or any(self.kept().values()))
        for name in recipients:
            if name not in wishes or wishes[name][1]:
                self.assertTrue(self.kept()[name])
        self.assertLessEqual(set(self.sent()), {one for to, _ in wishes.values() for one in to})

    @given(st.lists(LINES, max_size=12))
    def test_strangers(self, lines: list[str]) -> None:
        """Whatever a stranger says, only those are sent mail whom an account has named."""
        super().setUp()
        self.begin()
        self.account("alice", "alice@example.org")
        Client(self.reactor, 2525).say("".join(f"{line}\n" for line in lines))
        self.settle()
        self.assertLessEqual(set(self.sent()), {"alice@example.org"})
