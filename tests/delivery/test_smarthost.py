"""Handing mail to next hosts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.delivery.hosts import Hosts
from mailframe.delivery.interfaces import IDelivery, INextHop
from mailframe.delivery.lmtp import LMTPDelivery
from mailframe.delivery.options import SmarthostOptions, parse_host
from mailframe.delivery.smarthost import SmarthostDelivery
from mailframe.message.address import Address
from mailframe.message.content import Content
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject
from mailframe.message.origin import Origin
from mailframe.message.status import Status
from mailframe.roles.next_hops import target
from mailframe.routing.interfaces import LocalMailbox, Route
from mailframe.sasl.client import ClientCredentials
from mailframe.smtp.client.connecting import Connector, Target
from mailframe.smtp.client.pool import Pool
from mailframe.smtp.client.settings import ClientSettings
from mailframe.testing.smtp_server import DROP, Answer, ScriptedServer
from mailframe.testing.wires import MemoryEndpoint, PretendedContexts, settle
from mailframe.tls.errors import CertificateError
from mailframe.tls.policies import NO_TLS, ClientPolicy, Level

ALICE, BOB, CAROL = (Address(name, "example.test") for name in ("alice", "bob", "carol"))
ONWARD = Route(onward=True)
CONTENT = b"Subject: x\r\n\r\nHello\r\n"
WAIVED = b"TLS-Required: No\r\n" + CONTENT


def mailbox(address: Address, delivered_to: Address | None = None) -> LocalMailbox:
    """A mailbox of that name."""
    return LocalMailbox(str(address), "INBOX", delivered_to or address)


class HostsCase(SynchronousTestCase):
    """Two hosts in memory."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.one, self.two = ScriptedServer(), ScriptedServer()
        self.contexts = PretendedContexts()

    def hosts(self, protocol: str = "smtp", **values: Any) -> Hosts:
        """Both, the first one preferred."""
        self.endpoints = {
            "one.example.test": MemoryEndpoint(self.clock, self.one),
            "two.example.test": MemoryEndpoint(self.clock, self.two),
        }

        def endpoint(target: Target) -> IStreamClientEndpoint:
            found: IStreamClientEndpoint = self.endpoints[target.host]
            return found

        connector = Connector(self.clock, ClientSettings(), self.contexts, endpoint)
        values.setdefault("policy", NO_TLS)
        targets = [Target(host, protocol=protocol, **values) for host in self.endpoints]  # type: ignore[arg-type]
        return Hosts(Pool(connector), targets, self.clock.seconds)

    def script(self, server: ScriptedServer, answers: Mapping[str, Answer | Sequence[Answer]]) -> None:
        """Answer so."""
        server.script(answers)

    def deliver(
        self,
        delivery: IDelivery,
        *routes: Route,
        atomic: bool = False,
        recipients: Sequence[Address] = (ALICE, BOB, CAROL),
        parameters: Mapping[str, str | None] | None = None,
        content: bytes = CONTENT,
    ) -> list[str]:
        """The codes of what came of one message."""
        envelope = Envelope(
            BOB, [Recipient(address) for address in recipients[: len(routes)]], dict(parameters or {})
        )
        mail = MailObject("ID", envelope, Content.of(content), Origin("S", "192.0.2.1"))

        async def work() -> Sequence[Status]:
            return await delivery.deliver(mail, routes, atomic)

        deferred = Deferred.fromCoroutine(work())
        settle(self.clock)
        self.statuses = self.successResultOf(deferred)
        return [status.code for status in self.statuses]


class SmarthostTests(HostsCase):
    """All mail to the next hop."""

    def smarthost(self, **values: Any) -> SmarthostDelivery:
        """The delivery."""
        return SmarthostDelivery(self.hosts(**values))

    def test_interface(self) -> None:
        """It is a delivery, and tells how its hosts are."""
        verifyObject(IDelivery, self.smarthost())
        verifyObject(INextHop, self.smarthost())

    def test_delivered(self) -> None:
        """The first host gets it, and all recipients have its answer."""
        delivery = self.smarthost()
        self.assertEqual(self.deliver(delivery, ONWARD, ONWARD), ["2.0.0"] * 2)
        self.assertEqual(self.one.messages[0].octets, CONTENT)
        self.assertEqual(self.two.sessions, [])
        self.deliver(delivery, ONWARD)
        self.assertEqual(len(self.one.sessions), 1)

    def test_told(self) -> None:
        """Without a queue, the log has a line about each message that was handed on; a queue writes its own."""
        events: list[dict[str, object]] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        delivery = SmarthostDelivery(self.hosts())
        self.deliver(delivery, ONWARD, recipients=[BOB])
        self.assertEqual([event["host"] for event in events if event.get("queue_id")], ["one.example.test"])
        events.clear()
        mail = MailObject(
            "Q", Envelope(ALICE, [Recipient(BOB)]), Content.of(CONTENT), Origin("S", "192.0.2.1")
        )
        Deferred.fromCoroutine(delivery.attempt(mail, [ONWARD], age=0.0))
        settle(self.clock)
        self.assertEqual(len(self.one.messages), 2)
        self.assertEqual([event for event in events if event.get("queue_id")], [])

    def test_fail_over(self) -> None:
        """Where the first cannot be reached, does not want us, or dies, the next one gets it."""
        for answers in ({"CONNECT": "554 No"}, {"CONNECT": DROP}, {"EHLO": DROP}, {"MAIL": DROP}, {"MAIL": "421 Busy"},
                        {"MAIL": "451 4.3.0 Later"}, {"RCPT": "450 4.2.0 Later"}, {"DATA": "451 4.3.0 Later"}):  # fmt: skip
            self.setUp()
            delivery = self.smarthost()
            self.script(self.one, answers)
            self.assertEqual(self.deliver(delivery, ONWARD), ["2.0.0"], answers)
            self.assertEqual(len(self.two.messages), 1)

    def test_no_fail_over(self) -> None:
        """A host that refuses for good, or may have taken the message, has the last word."""
        for answers, code in (
            ({"RCPT": "550 5.1.1 No"}, "5.1.1"),
            ({"END": "451 4.3.0 Later"}, "4.3.0"),
            ({"END": DROP}, "4.4.2"),
        ):
            self.setUp()
            delivery = self.smarthost()
            self.script(self.one, answers)
            self.assertEqual(self.deliver(delivery, ONWARD), [code])
            self.assertEqual(self.two.sessions, [])

    def test_down(self) -> None:
        """A host that was down is tried last for a while, and first again after that."""
        delivery = self.smarthost()
        self.endpoints["one.example.test"].server = None
        self.deliver(delivery, ONWARD)
        self.endpoints["one.example.test"].server = self.one
        self.deliver(delivery, ONWARD)
        self.assertEqual((len(self.one.messages), len(self.two.messages)), (0, 2))
        self.clock.advance(31)
        self.deliver(delivery, ONWARD)
        self.assertEqual((len(self.one.messages), len(self.two.messages)), (1, 2))

    def test_dead_at_once(self) -> None:
        """A host that takes connections and loses them before it greets us counts as down as well."""
        delivery = self.smarthost()
        self.script(self.one, {"CONNECT": DROP})
        self.deliver(delivery, ONWARD)
        self.deliver(delivery, ONWARD)
        self.assertEqual((len(self.one.sessions), len(self.two.messages)), (1, 2))

    def test_all_down(self) -> None:
        """With no host the mail is tried later, even where a host says that it never wants any."""
        delivery = self.smarthost()
        self.endpoints["one.example.test"].server = None
        self.script(self.two, {"CONNECT": "554 5.7.1 Never"})
        self.assertEqual(self.deliver(delivery, ONWARD), ["4.7.1"])
        self.assertEqual(self.deliver(delivery, ONWARD), ["4.7.1"])

    def test_unreachable(self) -> None:
        """Whoever asks is told when no host answers any more, until one does again or nobody has tried for long."""
        delivery = self.smarthost()
        self.assertIsNone(delivery.unreachable())
        self.endpoints["two.example.test"].server = None
        self.script(self.one, {"MAIL": "451 4.3.0 Later"})
        self.deliver(delivery, ONWARD)
        self.assertIsNone(delivery.unreachable())
        self.script(self.one, {"CONNECT": DROP, "MAIL": DROP})
        self.deliver(delivery, ONWARD)
        self.assertIn("one.example.test", delivery.unreachable() or "")
        self.clock.advance(601)
        self.assertIsNone(delivery.unreachable())
        self.deliver(delivery, ONWARD)
        self.assertIn("two.example.test", delivery.unreachable() or "")
        self.script(self.one, {"CONNECT": "220 one.example.test ESMTP", "MAIL": "250 OK"})
        self.deliver(delivery, ONWARD)
        self.assertIsNone(delivery.unreachable())

    def test_together(self) -> None:
        """With one answer for all, nothing is sent when the host refuses one of them."""
        self.script(self.one, {"RCPT": ["250 OK", "550 5.1.1 No"]})
        delivery = self.smarthost()
        self.assertEqual(self.deliver(delivery, ONWARD, ONWARD, atomic=True), ["5.5.0", "5.1.1"])
        self.assertEqual(self.one.messages, [])
        self.script(self.one, {"RCPT": ["250 OK", "550 5.1.1 No"]})
        self.assertEqual(self.deliver(delivery, ONWARD, ONWARD, atomic=False), ["2.0.0", "5.1.1"])

    def test_local_routes(self) -> None:
        """A route that does not lead onward is a fault of ours, and nothing is sent."""
        self.assertEqual(self.deliver(self.smarthost(), Route((mailbox(ALICE),))), ["4.3.0"])
        self.assertEqual(self.one.sessions, [])

    def test_require_tls(self) -> None:
        """A message that requires TLS gets a verified server, whatever is configured (RFC 8689)."""
        self.one.keywords += ["STARTTLS", "REQUIRETLS"]
        delivery = self.smarthost()
        self.assertEqual(self.deliver(delivery, ONWARD, parameters={"REQUIRETLS": None}), ["2.0.0"])
        ((policy, host),) = self.contexts.asked
        self.assertEqual(
            (policy.level, policy.names, host), (Level.VERIFY, ("one.example.test",), "one.example.test")
        )
        self.deliver(delivery, ONWARD)
        self.assertEqual([got.secure for got in self.one.messages], [True, False])

    def test_tls_required_no(self) -> None:
        """``TLS-Required: No`` passes over what the recipient's domain demands, not over what is configured."""
        for source, content, parameters, code in (
            ("dane", WAIVED, {}, "2.0.0"),
            ("mta-sts", WAIVED, {}, "2.0.0"),
            ("mta-sts", CONTENT, {}, "4.7.4"),
            ("configuration", WAIVED, {}, "4.7.4"),
            ("dane", WAIVED, {"REQUIRETLS": None}, "4.7.4"),
        ):
            self.setUp()
            policy = ClientPolicy(Level.VERIFY, ("one.example.test",), source=source)
            found = self.deliver(
                self.smarthost(policy=policy), ONWARD, parameters=parameters, content=content
            )
            self.assertEqual(found, [code], (source, content, parameters))

    def test_certificates_unreadable(self) -> None:
        """Where our own part of TLS cannot be read there is no TLS, and the mail waits."""

        def broken(policy: ClientPolicy, host: str) -> Any:
            raise CertificateError("tls/authorities.pem cannot be read")

        self.one.keywords += ["STARTTLS"]
        self.two.keywords += ["STARTTLS"]
        delivery = self.smarthost(policy=ClientPolicy(Level.ENCRYPT))
        self.contexts.creator = broken  # type: ignore[method-assign]
        self.assertEqual(self.deliver(delivery, ONWARD), ["4.7.5"])
        self.assertNotIn("authorities", self.statuses[0].text)

    def test_no_login(self) -> None:
        """A host that offers no way to log in is as good as down."""
        delivery = self.smarthost(credentials=ClientCredentials("joe", "secret"))
        self.two.keywords += ["AUTH SCRAM-SHA-256"]
        self.script(self.two, {"AUTH": "535 5.7.8 No"})
        self.assertEqual(self.deliver(delivery, ONWARD), ["4.7.8"])
        self.clock.advance(5)
        self.assertEqual(
            [str(target) for target in delivery._hosts._down], ["one.example.test:25", "two.example.test:25"]
        )

    def test_lost_between_transactions(self) -> None:
        """A host that took the message for some, and then went away, keeps it: no other gets it for them again."""
        self.one.keywords += ["LIMITS RCPTMAX=1"]
        self.script(self.one, {"MAIL": ["250 OK", DROP]})
        self.assertEqual(self.deliver(self.smarthost(), ONWARD, ONWARD), ["2.0.0", "4.4.2"])
        self.assertEqual(self.two.messages, [])

    def test_stop(self) -> None:
        """At the end connections are closed."""
        delivery = self.smarthost()
        self.deliver(delivery, ONWARD)
        self.successResultOf(Deferred.fromCoroutine(delivery.stop()))
        settle(self.clock)
        self.assertTrue(self.one.sessions[0].lost)
        self.assertEqual(self.deliver(delivery, ONWARD), ["4.3.2"])


class LMTPTests(HostsCase):
    """Mailboxes of another node."""

    def setUp(self) -> None:
        super().setUp()
        self.one = ScriptedServer(("PIPELINING",), protocol="lmtp")
        self.two = ScriptedServer(("PIPELINING",), protocol="lmtp")

    def lmtp(self) -> LMTPDelivery:
        """The delivery."""
        return LMTPDelivery(self.hosts("lmtp"))

    def test_interface(self) -> None:
        """It is a delivery."""
        verifyObject(IDelivery, self.lmtp())

    def test_mailboxes(self) -> None:
        """Each mailbox gets one copy, by the address it is for, however many recipients lead to it."""
        routes = (Route((mailbox(ALICE), mailbox(BOB))), Route((mailbox(BOB),)), Route((mailbox(CAROL),)))
        self.script(self.one, {"END": ["250 2.0.0 OK", "452 4.2.2 Full", "250 2.0.0 OK"]})
        self.assertEqual(self.deliver(self.lmtp(), *routes), ["4.2.2", "4.2.2", "2.0.0"])
        self.assertEqual(
            self.one.messages[0].rcpts, [f"<{name}@example.test>" for name in ("alice", "bob", "carol")]
        )

    def test_onward(self) -> None:
        """A route without mailboxes is never sent to."""
        self.assertEqual(self.deliver(self.lmtp(), Route((mailbox(ALICE),)), ONWARD), ["4.3.0"] * 2)
        self.assertEqual(self.one.sessions, [])

    def test_fail_over(self) -> None:
        """The next host gets it where the first is down."""
        delivery = self.lmtp()
        self.endpoints["one.example.test"].server = None
        self.assertEqual(self.deliver(delivery, Route((mailbox(ALICE),))), ["2.0.0"])
        self.assertEqual(len(self.two.messages), 1)


class OptionTests(SynchronousTestCase):
    """Hosts as people write them."""

    def test_hosts(self) -> None:
        """Names, ports, addresses, sockets, TLS from the first octet."""
        for text, expected in (
            ("Mail.Example.TEST", ("mail.example.test", 0, False, None)),
            ("mail.example.test:587", ("mail.example.test", 587, False, None)),
            ("ssl:mail.example.test:465", ("mail.example.test", 465, True, None)),
            ("192.0.2.1:25", ("192.0.2.1", 25, False, None)),
            ("[2001:DB8::1]:25", ("2001:db8::1", 25, False, None)),
            ("ssl:[2001:db8::1]", ("2001:db8::1", 0, True, None)),
            ("unix:/run/lmtp", ("", 0, False, "/run/lmtp")),
        ):
            host = parse_host(text)
            self.assertEqual((host.name, host.port, host.implicit_tls, host.path), expected)
        for text in (
            "",
            "a b",
            "host:0",
            "host:99999",
            "host:x",
            "[::1",
            "[::1]x",
            "2001:db8::1",
            "unix:x",
            "ssl:",
        ):
            with self.assertRaises(ValueError):
                parse_host(text)
        self.assertRaises(ValueError, SmarthostOptions, hosts=[])
        self.assertRaises(ValueError, SmarthostOptions, hosts=["a b"])
        for source in ("eth0", "relay.example.test", "192.0.2.1:25", ""):
            with self.assertRaisesRegex(ValueError, "expected an IP address"):
                SmarthostOptions(hosts=["a"], source=source)
        found = target("mail.example.test", SmarthostOptions(hosts=["a"], source="2001:db8::1"), "smtp")
        self.assertEqual(found.source, "2001:db8::1")

    def test_targets(self) -> None:
        """Ports, TLS and logins as they are meant."""
        options = SmarthostOptions(hosts=["mail.example.test"], user="joe", password="secret")
        found = target("mail.example.test", options, "smtp")
        self.assertEqual(
            (found.port, found.policy.level, found.policy.names), (587, Level.VERIFY, ("mail.example.test",))
        )
        assert found.credentials is not None
        self.assertEqual((found.credentials.authcid, found.credentials.password), ("joe", "secret"))
        self.assertNotIn("secret", repr(found))
        patient = SmarthostOptions(hosts=["x"], user="joe", password="secret", scram_iterations_limit=700_000)
        for given, limit in ((options, 100_000), (patient, 700_000)):
            login = target("mail.example.test", given, "smtp").credentials
            assert login is not None
            self.assertEqual(login.iterations_limit, limit)
        plain = SmarthostOptions(hosts=["x"], tls="none", names=["other.test"])
        self.assertEqual(target("mail.example.test", plain, "smtp").port, 25)
        self.assertEqual(target("ssl:mail.example.test", plain, "smtp").port, 465)
        self.assertEqual(target("mail.example.test", plain, "lmtp").port, 24)
        self.assertEqual(target("mail.example.test", plain, "lmtp").policy.level, Level.NONE)
        socket = target("unix:/run/lmtp", options, "lmtp")
        self.assertEqual((socket.path, socket.policy, str(socket)), ("/run/lmtp", NO_TLS, "/run/lmtp"))
