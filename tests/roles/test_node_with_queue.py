"""A node from its configuration, with a queue: a submission goes to another host, and into a mailbox."""

from __future__ import annotations

import os
from typing import Any
from unittest import mock

from twisted.internet.endpoints import serverFromString

from mailframe.config.loading import loads
from mailframe.delivery.remote import RemoteDelivery
from mailframe.delivery.smarthost import SmarthostDelivery
from mailframe.dns.stub import StubResolver
from mailframe.message.address import parse_mailbox
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.origin import Origin
from mailframe.queue.queue import QueueDelivery
from mailframe.registry import PluginUnavailable
from mailframe.roles import outbound
from mailframe.roles.assembly import Roles
from mailframe.roles.context import Context
from mailframe.routing.interfaces import Route
from mailframe.store.hints import LocalHints

from .house import RoleCase

COMMON = """
[node]
hostname = "mail.example.test"
workers = 1
roles = ["relay"]
[role.relay]
listen = ["tcp:2587"]
[directory]
backend = "memory"
[directory.memory]
domains = ["example.test"]
accounts = { "alice@example.test" = "x" }
[store]
backend = "memory"
[protection]
mta_sts = false
"""

NEXT_HOP = """
[delivery.smarthost]
hosts = ["router.example.test"]
"""


class ConfiguredTests(RoleCase):
    """What is built of ``[routing]``, ``[queue]`` and the names in them."""

    def context(self, text: str = "") -> Context:
        """A context of a configuration."""
        path = os.path.abspath(self.mktemp())
        os.makedirs(os.path.join(path, "data"))
        common = COMMON.replace('listen = ["tcp:2587"]', 'listen = ["tcp:2587"]\nrouter = "smarthost"')
        whole = (common if text.startswith(NEXT_HOP) else COMMON) + text
        configuration = loads(whole.encode(), os.path.join(path, "mailframe.toml"))
        return Context(
            configuration, self.reactor, LocalHints(), lambda address: serverFromString(self.reactor, address)
        )

    def way(self, context: Context, to: str, **attributes: str) -> str:
        """The destination of a recipient, and the name of its queue."""
        envelope = Envelope(parse_mailbox("alice@example.test"))
        origin = Origin("s1", "192.0.2.1", attributes=attributes)
        table = outbound.routing_table(context)
        found: Any = self.get(table.way(envelope, Recipient(parse_mailbox(to)), origin))
        return f"{found.destination} {found.queue}"

    def test_defaults(self) -> None:
        """Without a word mail goes to the hosts that the DNS names, and ours into the store."""
        context = self.context()
        self.assertEqual("remote:example.org normal", self.way(context, "bob@example.org"))
        self.assertEqual("store: normal", self.way(context, "alice@example.test"))
        ways = outbound.ways(context)
        self.assertEqual(["store", "remote"], list(ways))
        self.assertIsInstance(ways["remote"], RemoteDelivery)
        self.assertIsInstance(context.dns, StubResolver)

    def test_several(self) -> None:
        """Two smart hosts, one for a domain and one for what is slow; each is built once."""
        context = self.context(
            """
            [queue]
            slow_way = "patient"
            [[routing.rules]]
            domains = ["example.net"]
            way = "partner"
            queue = "bulk"
            [[routing.rules]]
            classes = ["tlsrpt"]
            queue = "reports"
            [delivery.partner]
            plugin = "smarthost"
            hosts = ["a.example.net"]
            [delivery.patient]
            plugin = "smarthost"
            hosts = ["b.example.test"]
            """
        )
        self.assertEqual("partner: bulk", self.way(context, "bob@example.net"))
        self.assertEqual(
            "remote:example.org reports", self.way(context, "bob@example.org", **{"class": "tlsrpt"})
        )
        ways = outbound.ways(context)
        self.assertEqual({"store", "remote", "patient", "partner"}, set(ways))
        self.assertIsInstance(ways["partner"], SmarthostDelivery)
        self.assertIsNot(ways["partner"], ways["patient"])
        self.assertIs(ways["partner"], context.delivery("partner"))

    def test_remote_under_another_name(self) -> None:
        """Another delivery of the remote plugin finds hosts for each domain, too."""
        context = self.context(
            '[routing]\ndefault = "slowly"\n[delivery.slowly]\nplugin = "remote"\nconnect_timeout = "2m"\n'
        )
        self.assertEqual("slowly:example.org normal", self.way(context, "bob@example.org"))

    def test_no_circle(self) -> None:
        """The queue is no way out of the queue, under no name."""
        for text in (
            '[routing]\ndefault = "queue"\n',
            '[routing]\ndefault = "again"\n[delivery.again]\nplugin = "queue"\n',
            '[[routing.rules]]\nway = "queue"\n',
            '[queue]\nslow_way = "queue"\n',
        ):
            self.assertRaises(PluginUnavailable, outbound.ways, self.context(text))

    def test_exchanger_without_queue(self) -> None:
        """No configuration puts strangers' mail into the queue."""
        for name in ("queue", "q"):
            context = self.context('[delivery.q]\nplugin = "queue"\n[delivery.queue]\n')
            from mailframe.roles.mx import build
            from mailframe.roles.options import MXOptions

            self.assertRaises(PluginUnavailable, build, MXOptions(listen=[], delivery=name), context)  # type: ignore[arg-type]

    def test_queue_by_name(self) -> None:
        """The queue is a delivery like any other for roles that name it, and one for all of them."""
        context = self.context("[delivery.queue]\n")
        found = context.delivery("queue")
        self.assertIsInstance(found, QueueDelivery)
        self.assertIs(context.queue, found._queue)  # type: ignore[attr-defined]
        self.assertIn("queue", context.warnings)
        self.assertIn("dns", context.warnings)

    def test_certificates_without_asking(self) -> None:
        """A router that goes by certificates says so where no client is asked for one."""
        from mailframe.roles.options import RouterOptions
        from mailframe.roles.router import build

        options = RouterOptions(listen=[], certificates=["relay.example.test"])
        failure = self.assertRaises(PluginUnavailable, build, options, self.context())
        self.assertIn("client_certificates", str(failure))

    def test_aside_only(self) -> None:
        """A relay that sends to a next hop keeps a queue for what it holds: no other way out is built for that."""
        context = self.context(NEXT_HOP)
        queue: Any = context.queue
        self.assertEqual("smarthost: normal", self.asked(queue, "bob@example.org"))
        self.assertEqual("smarthost: normal", self.asked(queue, "alice@example.test"))
        self.assertNotIn("dns", vars(context))
        self.assertNotIn("store", vars(context))

    def test_aside_without_router(self) -> None:
        """What a relay without a router holds goes into mailboxes, and nowhere else."""
        context = self.context()
        queue: Any = context.queue
        self.assertEqual("role.relay: normal", self.asked(queue, "alice@example.test"))
        self.assertEqual("5.7.1", self.asked(queue, "bob@example.org"))
        self.assertNotIn("dns", vars(context))

    def test_aside_beside_a_router(self) -> None:
        """Where others send by the queue, only what the relay holds goes its way."""
        context = self.context(NEXT_HOP + "[delivery.queue]\n")
        queue: Any = context.queue
        self.assertEqual("remote:example.org normal", self.asked(queue, "bob@example.org"))
        for to in ("bob@example.org", "alice@example.test"):
            self.assertEqual("smarthost: normal", self.asked(queue, to, role="relay"))
        self.assertEqual("remote:example.org normal", self.asked(queue, "bob@example.org", role="mx"))

    def asked(self, queue: Any, to: str, **attributes: str) -> str:
        """Where the queue of a node sends a recipient."""
        envelope = Envelope(parse_mailbox("alice@example.test"))
        origin = Origin("s1", "192.0.2.1", attributes=attributes)
        router = queue._entries._attempting._router
        found: Any = self.get(router.way(envelope, Recipient(parse_mailbox(to)), origin))
        return f"{found.destination} {found.queue}" if isinstance(found, Route) else found.code

    def test_drain(self) -> None:
        """An old generation leaves the queue to the new one, but not what it alone has, in memory."""
        for text, drained in (("", True), ('[spool]\nbackend = "memory"\n', False)):
            context = self.context(text)
            context.drain()
            self.assertNotIn("queue", vars(context))
            queue: Any = context.queue
            context.drain()
            self.assertEqual(drained, queue._draining)

    def test_figures_of_one(self) -> None:
        """Of several workers the first tells how full the queue is."""
        for number, counting in ((0, True), (1, False)):
            context = self.context()
            context.number = number
            queue: Any = context.queue
            self.assertEqual(counting, queue._counting)

    def test_aliases_of_senders(self) -> None:
        """Notices follow aliases out of the house where the queue sends there, and aliases are expanded at all."""
        for text, follows in (
            ("[delivery.queue]\n", True),
            ('[delivery.queue]\n[routing]\naliases = "keep"\n', False),
            ("", False),
        ):
            queue: Any = self.context(text).queue
            self.assertEqual(follows, queue._entries._expansion is not None, text)

    def test_router_without_verification(self) -> None:
        """A router that verifies nobody expands aliases all the same: the queue could not."""
        from mailframe.roles import router
        from mailframe.roles.options import RouterOptions

        built: dict[str, Any] = {}
        self.patch(router, "RouterRole", lambda **options: built.update(options) or mock.Mock())
        router.build(RouterOptions(listen=[], verify=False), self.context("[delivery.queue]\n"))
        self.assertIsNone(built["directory"])
        self.assertIsNotNone(built["expansion"])

    def test_drained_with_its_roles(self) -> None:
        """When the roles of an old generation drain, the queue does."""
        context = self.context()
        queue: Any = context.queue
        self.get(Roles(context, {}).drain())
        self.assertTrue(queue._draining)

    def test_no_mailboxes(self) -> None:
        """A node without mailboxes asks no directory, and expands no alias."""
        context = self.context('[routing]\nlocal = ""\n')
        self.assertEqual("remote:example.test normal", self.way(context, "alice@example.test"))
        self.assertIsNone(outbound.expansion(context))
