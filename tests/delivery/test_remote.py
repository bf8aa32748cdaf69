"""Delivery to the hosts of a domain."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.delivery.interfaces import IAttempts, IDelivery
from mailframe.delivery.shaping_options import ShapingOptions, SourceOptions
from mailframe.delivery.values import Attempt, Scope
from mailframe.dns.values import RecordType
from mailframe.message.address import Address
from mailframe.message.content import Content
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject
from mailframe.message.origin import Origin
from mailframe.message.status import MailframeError, Status
from mailframe.routing.interfaces import Route
from mailframe.testing.smtp_server import ALL_KEYWORDS, DROP, SILENCE, Delayed
from mailframe.testing.wires import settle
from mailframe.tls.errors import Result
from mailframe.tls.policies import OPPORTUNISTIC, ClientPolicy, Level, TLSARecord

from .internet import CONTENT, Internet

TLS = ("PIPELINING", "8BITMIME", "STARTTLS")
DOMAIN = "example.test"


def codes(attempts: Sequence[Attempt]) -> list[str]:
    """The codes of all recipients."""
    return [attempt.status.code for attempt in attempts]


class RemoteCase(SynchronousTestCase):
    """A domain with two hosts."""

    def setUp(self) -> None:
        self.net = Internet()
        self.one = self.net.host("mx1.example.test")
        self.two = self.net.host("mx2.example.test")
        self.net.domain(DOMAIN, "mx1.example.test", "mx2.example.test")


class CutOffTests(RemoteCase):
    """Attempts that are ended from outside: they take too long, or the worker stops."""

    def cut_off(self, *recipients: str) -> Deferred[Sequence[Attempt]]:
        """An attempt that is ended while a host is silent."""
        deferred = self.net.start(self.net.delivery(), DOMAIN, recipients)
        settle(self.net.clock)
        self.assertNoResult(deferred)
        deferred.cancel()
        settle(self.net.clock)
        return deferred

    def test_nothing_known(self) -> None:
        """While no host has said anything, it is no attempt at all, and no fault of ours either."""
        self.one.script({"CONNECT": SILENCE})
        self.failureResultOf(self.cut_off("bob"), CancelledError)

    def test_taken_before(self) -> None:
        """Who has got the message at one host does not get it again because the next one is silent."""
        self.one.script({"RCPT": ["250 OK", "451 4.2.1 Later"]})
        self.two.script({"CONNECT": SILENCE})
        attempts = self.successResultOf(self.cut_off("bob", "carol"))
        self.assertEqual(codes(attempts), ["2.0.0", "4.2.1"])


class RemoteDeliveryTests(RemoteCase):
    """Hosts in their order."""

    def test_interface(self) -> None:
        """It is a delivery that tells of attempts."""
        verifyObject(IDelivery, self.net.delivery())
        verifyObject(IAttempts, self.net.delivery())

    def test_best_host(self) -> None:
        """The best host gets the message; the attempt says who it was, where, and what it said."""
        (attempt,) = self.net.send(self.net.delivery(), DOMAIN)
        self.assertEqual(self.one.messages[0].octets, CONTENT)
        self.assertEqual(self.two.sessions, [])
        self.assertTrue(attempt.status.success)
        self.assertEqual(attempt.host, "mx1.example.test")
        self.assertEqual(attempt.address, "192.0.2.25:25")
        self.assertEqual(attempt.reply, "250 2.0.0 Taken")
        self.assertFalse(attempt.final)
        self.assertFalse(attempt.notifies)

    def test_hello(self) -> None:
        """It greets with our name."""
        self.net.send(self.net.delivery(), DOMAIN)
        self.assertEqual(self.one.said[0], "EHLO out.sender.test")

    def test_fail_over(self) -> None:
        """Where the best host is away, does not want us, or puts us off early, the next one gets the message."""
        for answers in ({"CONNECT": "554 No"}, {"CONNECT": DROP}, {"EHLO": DROP}, {"MAIL": DROP}, {"MAIL": "421 Busy"},
                        {"MAIL": "451 4.3.0 Later"}, {"RCPT": "450 4.2.0 Later"}, {"DATA": "451 4.3.0 Later"},
                        {"CONNECT": SILENCE}, {"RCPT": SILENCE}):  # fmt: skip
            self.setUp()
            self.one.script(answers)
            self.assertEqual(codes(self.net.send(self.net.delivery(), DOMAIN)), ["2.0.0"], answers)
            self.assertEqual(len(self.two.messages), 1, answers)

    def test_no_second_copy(self) -> None:
        """A host that refuses for good, or may have taken the message, has the last word."""
        for answers, code, possibly in (
            ({"RCPT": "550 5.1.1 No"}, "5.1.1", False),
            ({"END": "451 4.3.0 Later"}, "4.3.0", False),
            ({"END": "554 5.6.0 No"}, "5.6.0", False),
            ({"END": DROP}, "4.4.2", True),
        ):
            self.setUp()
            self.one.script(answers)
            (attempt,) = self.net.send(self.net.delivery(), DOMAIN)
            self.assertEqual((attempt.status.code, attempt.possibly_delivered), (code, possibly))
            self.assertIs(attempt.scope, Scope.RECIPIENT)
            self.assertEqual(self.two.sessions, [])

    def test_each_recipient(self) -> None:
        """One is taken, one refused, and only the one that was put off is asked about elsewhere."""
        self.one.script({"RCPT": ["250 OK", "550 5.1.1 No", "450 4.7.1 Greylisted"]})
        attempts = self.net.send(self.net.delivery(), DOMAIN, ("a", "b", "c"))
        self.assertEqual(codes(attempts), ["2.0.0", "5.1.1", "2.0.0"])
        self.assertEqual([each.host for each in attempts], ["mx1.example.test"] * 2 + ["mx2.example.test"])
        self.assertEqual(self.two.messages[0].rcpts, ["<c@example.test>"])

    def test_greylisted_everywhere(self) -> None:
        """Where all put the message off, it concerns the message only, and no more hosts are asked than said."""
        three = self.net.host("mx3.example.test")
        self.net.domain(DOMAIN, "mx1.example.test", "mx2.example.test", "mx3.example.test")
        for server in (self.one, self.two, three):
            server.script({"RCPT": "450 4.7.1 Greylisted"})
        (attempt,) = self.net.send(self.net.delivery(), DOMAIN)
        self.assertEqual((attempt.status.code, attempt.scope), ("4.7.1", Scope.RECIPIENT))
        self.assertEqual(attempt.reply, "450 4.7.1 Greylisted")
        self.assertEqual(three.sessions, [])

    def test_nobody_answers(self) -> None:
        """Where no host can be reached, nothing else would go through either."""
        self.net.down("mx1.example.test")
        self.net.down("mx2.example.test", silent=True)
        (attempt,) = self.net.send(self.net.delivery(), DOMAIN)
        self.assertEqual((attempt.status.code, attempt.scope), ("4.4.1", Scope.DESTINATION))

    def test_refused_everywhere(self) -> None:
        """Hosts that do not want to talk refuse no message for good."""
        self.one.script({"CONNECT": "554 5.7.1 Go away"})
        self.two.script({"CONNECT": "554 5.7.1 Go away"})
        (attempt,) = self.net.send(self.net.delivery(), DOMAIN)
        self.assertEqual((attempt.status.code, attempt.scope), ("4.7.1", Scope.DESTINATION))
        self.assertEqual(attempt.reply, "554 5.7.1 Go away")

    def test_takes_no_mail(self) -> None:
        """Hosts that all say 521 are never asked again (RFC 7504)."""
        self.one.script({"CONNECT": "521 No mail here"})
        self.two.script({"CONNECT": "521 No mail here"})
        self.assertEqual(codes(self.net.send(self.net.delivery(), DOMAIN)), ["5.3.2"])
        self.setUp()
        self.one.script({"CONNECT": "521 No mail here"})
        self.net.down("mx2.example.test")
        self.assertEqual(codes(self.net.send(self.net.delivery(), DOMAIN)), ["4.4.1"])

    def test_remembered(self) -> None:
        """A host that did not answer is tried last, until some time has passed or nobody else is there."""
        delivery = self.net.delivery(idle_time=0)
        (address,) = self.net.addresses["mx1.example.test"]
        self.net.down("mx1.example.test")
        self.net.send(delivery, DOMAIN)
        self.net.endpoints[str(address)].server = self.one
        self.net.send(delivery, DOMAIN)
        self.assertEqual((len(self.one.messages), len(self.two.messages)), (0, 2))
        self.net.clock.advance(301)
        self.net.send(delivery, DOMAIN)
        self.assertEqual(len(self.one.messages), 1)

    def test_reused(self) -> None:
        """Messages to domains with the same host share a connection."""
        self.net.domain("other.test", "mx1.example.test", "mx2.example.test")
        delivery = self.net.delivery()
        for domain in (DOMAIN, "other.test"):
            self.assertEqual(codes(self.net.send(delivery, domain)), ["2.0.0"])
        self.assertEqual((len(self.one.sessions), len(self.one.messages)), (1, 2))

    def test_other_address(self) -> None:
        """Of a name with two machines behind it, the second is asked where the first does not want to talk."""
        good = self.net.host("mx.two.test", addresses=["198.51.100.201"])
        bad = self.net.host("bad.two.test", {"CONNECT": "421 Busy"}, addresses=["198.51.100.202"])
        self.net.names.zones.add("mx.two.test", RecordType.A, "198.51.100.202", "198.51.100.201")
        self.net.domain("two.test", "mx.two.test")
        for _ in range(4):
            self.assertEqual(codes(self.net.send(self.net.delivery(), "two.test")), ["2.0.0"])
        self.assertEqual(len(good.messages), 4)
        self.assertLessEqual(len(bad.sessions), 4)

    def test_no_domain(self) -> None:
        """A domain that does not exist, takes no mail, or has no hosts is told so for good."""
        self.net.domain("null.test", (0, ""))
        self.net.domain("empty.test", "nowhere.example.test")
        self.net.names.zones.add("text.test", RecordType.TXT, b"x")
        for domain, code in (
            ("missing.test", "5.1.2"),
            ("a..b", "5.1.2"),
            ("null.test", "5.1.10"),
            ("empty.test", "5.4.4"),
            ("text.test", "5.4.4"),
            ("[X:y]", "5.1.3"),
        ):
            (attempt,) = self.net.send(self.net.delivery(), domain)
            self.assertEqual(attempt.status.code, code, domain)

    def test_dns_away(self) -> None:
        """What the DNS cannot say now is temporary, for all mail to the domain."""
        self.net.names.servfail(DOMAIN, RecordType.MX)
        (attempt,) = self.net.send(self.net.delivery(), DOMAIN)
        self.assertEqual((attempt.status.code, attempt.scope), ("4.4.3", Scope.DESTINATION))
        self.net.names.heal()
        for name in ("mx1.example.test", "mx2.example.test"):
            self.net.names.timeout(name, RecordType.A)
        (attempt,) = self.net.send(self.net.delivery(), DOMAIN)
        self.assertEqual(attempt.status.code, "4.4.3")

    def test_own_fault(self) -> None:
        """A bug of ours is temporary, and concerns the message only."""

        async def lookup(name: str, kind: RecordType) -> None:
            raise ZeroDivisionError

        self.net.names.lookup = lookup  # type: ignore[assignment]
        (attempt,) = self.net.send(self.net.delivery(), DOMAIN)
        self.assertEqual((attempt.status.code, attempt.scope), ("4.3.0", Scope.RECIPIENT))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_literals(self) -> None:
        """Address literals are connected to as they are."""
        four = self.net.host("four.test", addresses=["198.51.100.77"])
        six = self.net.host("six.test", addresses=["2001:db8::77"])
        for domain, server in (("[198.51.100.77]", four), ("[IPv6:2001:db8::77]", six)):
            self.assertEqual(codes(self.net.send(self.net.delivery(), domain)), ["2.0.0"])
            self.assertEqual(len(server.messages), 1)

    def test_odd_literals(self) -> None:
        """Literals of groups, of everybody, and our own in disguise of IPv6 get no mail at once."""
        for text, code in (
            ("[224.0.0.1]", "5.4.4"),
            ("[255.255.255.255]", "5.4.4"),
            ("[IPv6:ff02::1]", "5.4.4"),
            ("[IPv6:::ffff:203.0.113.99]", "5.4.6"),
            ("[IPv6:::ffff:127.0.0.1]", "5.4.6"),
        ):
            self.assertEqual(codes(self.net.send(self.net.delivery(), text)), [code], text)
        self.assertEqual(self.net.tried, [])

    def test_avoided(self) -> None:
        """Networks of our own are avoided, whatever a stranger's MX says; what else there is gets the mail."""
        inner = self.net.host("inner.evil.test", addresses=["10.0.0.25"])
        self.net.host("outer.evil.test")
        self.net.domain("evil.test", "inner.evil.test")
        self.net.domain("both.evil.test", "inner.evil.test", "outer.evil.test")
        delivery = self.net.delivery(avoided_networks=["10.0.0.0/8"])
        for domain in ("evil.test", "[10.0.0.25]", "[IPv6:::ffff:10.0.0.25]"):
            self.assertEqual(codes(self.net.send(delivery, domain)), ["5.4.4"], domain)
        self.assertEqual(codes(self.net.send(delivery, "both.evil.test")), ["2.0.0"])
        self.assertEqual(inner.sessions, [])
        self.assertEqual(codes(self.net.send(self.net.delivery(), "evil.test")), ["2.0.0"])

    def test_thousand_hosts(self) -> None:
        """Of a domain with a thousand hosts only the best are looked at, whatever rules there are for names."""
        names = [f"{'a.' * 80}{number}.evil.test" for number in range(1000)]
        self.net.domain("evil.test", *[(1, name) for name in names])
        delivery = self.net.delivery([ShapingOptions(hosts=["*.*.*.*.example.com"], connections=1)])
        self.net.send(delivery, "evil.test")
        self.assertLess(len(self.net.names.asked), 50)

    def test_implicit(self) -> None:
        """A domain without MX records is its own host."""
        server = self.net.host("plain.test")
        self.assertEqual(codes(self.net.send(self.net.delivery(), "plain.test")), ["2.0.0"])
        self.assertEqual(len(server.messages), 1)

    def test_own_name(self) -> None:
        """Where we are a host ourselves, only better ones are asked; where we are the best, mail would go round."""
        self.net.domain(DOMAIN, "mx1.example.test", "out.sender.test", "mx2.example.test")
        self.net.host("out.sender.test")
        self.one.script({"RCPT": "450 4.2.0 Later"})
        self.assertEqual(codes(self.net.send(self.net.delivery(), DOMAIN)), ["4.2.0"])
        self.assertEqual(self.two.sessions, [])
        self.net.domain(DOMAIN, (10, "mx1.example.test"), (10, "Out.Sender.test"))
        self.assertEqual(codes(self.net.send(self.net.delivery(), DOMAIN)), ["5.4.6"])

    def test_own_address(self) -> None:
        """The same by address, whatever the name: told ones, and those of this machine."""
        for address in ("203.0.113.99", "127.0.0.1", "::1", "0.0.0.0"):
            self.setUp()
            self.net.host("other.name.test", addresses=[address])
            self.net.domain(DOMAIN, "other.name.test", "mx1.example.test")
            self.assertEqual(codes(self.net.send(self.net.delivery(), DOMAIN)), ["5.4.6"])
            self.net.domain(DOMAIN, "mx1.example.test", "other.name.test")
            self.assertEqual(codes(self.net.send(self.net.delivery(), DOMAIN)), ["2.0.0"])

    def test_loopback(self) -> None:
        """For tests on one machine its own addresses may be hosts."""
        self.net.host("here.test", addresses=["127.0.0.1"])
        self.assertEqual(codes(self.net.send(self.net.delivery(loopback=True), "here.test")), ["2.0.0"])

    def test_deliver(self) -> None:
        """Without a queue, each domain's recipients go their way."""
        other = self.net.host("other.test", {"RCPT": "550 5.1.1 No"})
        recipients = [Recipient(Address("a", domain)) for domain in (DOMAIN, "other.test", DOMAIN)]
        mail = MailObject("ID", Envelope(None, recipients), Content.of(CONTENT), Origin("S", "192.0.2.1"))
        routes = [Route(domain=recipient.forward_path.domain) for recipient in recipients]
        delivery = self.net.delivery()
        deferred = Deferred.fromCoroutine(delivery.deliver(mail, routes, True))
        settle(self.net.clock)
        self.assertEqual([each.code for each in self.successResultOf(deferred)], ["2.0.0", "5.1.1", "2.0.0"])
        self.assertEqual(len(self.one.messages[0].rcpts), 2)
        self.assertEqual(other.messages, [])

    def test_stop(self) -> None:
        """After the end nothing is sent, and nothing is lost."""
        delivery = self.net.delivery()
        self.net.send(delivery, DOMAIN)
        self.successResultOf(Deferred.fromCoroutine(delivery.stop()))
        (attempt,) = self.net.send(delivery, DOMAIN)
        self.assertEqual((attempt.status.code, attempt.scope), ("4.3.2", Scope.LIMIT))

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(
            st.sampled_from(
                ["ok", "down", "silent", "drop", "refuse", "greylist", "unknown", "lost", "drop mail", "late"]
            ),
            min_size=1,
            max_size=4,
        )
    )
    def test_one_copy_at_most(self, kinds: list[str]) -> None:
        """Whatever hosts do: one copy at most unless it is said, and success only where a host has taken it."""
        answers = {
            "drop": {"CONNECT": DROP}, "refuse": {"CONNECT": "554 No"}, "greylist": {"RCPT": "450 4.7.1 Later"},
            "unknown": {"RCPT": "550 5.1.1 No"}, "lost": {"END": DROP}, "drop mail": {"MAIL": DROP},
            "late": {"END": "451 4.3.0 Later"},
        }  # fmt: skip
        net = Internet()
        names = [f"mx{number}.test" for number in range(len(kinds))]
        servers = [net.host(name, answers.get(kind)) for name, kind in zip(names, kinds, strict=True)]
        for name, kind in zip(names, kinds, strict=True):
            if kind in ("down", "silent"):
                net.down(name, kind == "silent")
        net.domain(DOMAIN, *names)
        (attempt,) = net.send(net.delivery(), DOMAIN)
        taken = sum(
            len(server.messages)
            for server, kind in zip(servers, kinds, strict=True)
            if kind in ("ok", "lost")
        )
        self.assertLessEqual(taken, 1)
        self.assertEqual(bool(taken), attempt.status.success or attempt.possibly_delivered)
        if attempt.status.permanent:
            self.assertIn("unknown", kinds)
        passed_over = ("down", "silent", "drop", "refuse", "drop mail", "greylist")
        decided = next((kind for kind in kinds if kind not in passed_over), None)
        if decided is not None and kinds[: kinds.index(decided)].count("greylist") < 2:
            expected = {"ok": 2, "lost": 4, "unknown": 5, "late": 4}[decided]
            self.assertEqual(attempt.status.enhanced[0], expected)


class TLSTests(RemoteCase):
    """What TLS has to give."""

    def setUp(self) -> None:
        super().setUp()
        for server in (self.one, self.two):
            server.keywords = [*TLS, "REQUIRETLS"]

    def test_asked(self) -> None:
        """The policy is asked for each host, with what DNSSEC proves."""
        self.net.names.zones.sign(DOMAIN)
        self.net.send(self.net.delivery(), DOMAIN)
        self.assertEqual(self.net.policies.asked, [(DOMAIN, "mx1.example.test", True)])

    def test_host_not_to_be_used(self) -> None:
        """A host that must not be used now is passed over."""
        self.net.policies.hosts["mx1.example.test"] = MailframeError(
            Status((4, 7, 0), "TLSA is not to be had")
        )
        self.assertEqual(codes(self.net.send(self.net.delivery(), DOMAIN)), ["2.0.0"])
        self.assertEqual(self.one.sessions, [])

    def test_required(self) -> None:
        """Where TLS is demanded and not to be had, the next host is asked, and nobody gets it in clear."""
        self.net.policies.usual = ClientPolicy(Level.ENCRYPT)
        self.one.keywords = ["PIPELINING"]
        (attempt,) = self.net.send(self.net.delivery(), DOMAIN)
        self.assertEqual((attempt.status.code, attempt.host), ("2.0.0", "mx2.example.test"))
        self.assertTrue(self.two.messages[0].secure)
        self.assertTrue(attempt.tls)
        self.two.keywords = ["PIPELINING"]
        (attempt,) = self.net.send(self.net.delivery(), DOMAIN)
        self.assertEqual((attempt.status.code, attempt.scope), ("4.7.4", Scope.DESTINATION))

    def test_reports(self) -> None:
        """Each session is noted, with its result."""
        self.net.policies.usual = ClientPolicy(Level.ENCRYPT, source="mta-sts")
        self.one.keywords = ["PIPELINING"]
        self.net.send(self.net.delivery(), DOMAIN)
        first, second = self.net.policies.noted
        self.assertEqual((first.domain, first.host), (DOMAIN, "mx1.example.test"))
        self.assertEqual(first.result, Result.STARTTLS_NOT_SUPPORTED.value)
        self.assertEqual((second.host, second.result, second.address), ("mx2.example.test", "", "192.0.2.25"))
        self.assertEqual((second.source, second.helo), ("192.0.2.1", "mx.example.test"))

    def test_opportunistic_reports(self) -> None:
        """TLS that breaks is noted also where the message then goes in clear; so is TLS that is not offered."""
        self.net.policies.usual = OPPORTUNISTIC
        (address,) = self.net.addresses["mx1.example.test"]
        self.net.endpoints[str(address)].broken_tls = "self-signed"
        (attempt,) = self.net.send(self.net.delivery(), DOMAIN)
        self.assertEqual((attempt.host, attempt.tls), ("mx1.example.test", ""))
        (noted,) = self.net.policies.noted
        self.assertEqual(noted.result, "validation-failure")

    def test_require_tls(self) -> None:
        """REQUIRETLS goes to hosts that verify and promise it, and comes back where there is none."""
        self.net.names.zones.sign(DOMAIN)
        self.net.policies.usual = OPPORTUNISTIC
        self.one.keywords = list(TLS)
        (attempt,) = self.net.send(self.net.delivery(), DOMAIN, parameters={"REQUIRETLS": None})
        self.assertEqual((attempt.status.code, attempt.host), ("2.0.0", "mx2.example.test"))
        self.assertIn("REQUIRETLS", self.two.messages[0].mail)
        self.assertIs(self.net.contexts.asked[-1][0].level, Level.VERIFY)
        self.two.keywords = list(TLS)
        (attempt,) = self.net.send(self.net.delivery(), DOMAIN, parameters={"REQUIRETLS": None})
        self.assertEqual(attempt.status.code, "5.7.30")

    def test_require_tls_unproved(self) -> None:
        """Without a proof that it is the right host, REQUIRETLS goes nowhere."""
        self.net.policies.usual = OPPORTUNISTIC
        (attempt,) = self.net.send(self.net.delivery(), DOMAIN, parameters={"REQUIRETLS": None})
        self.assertEqual((attempt.status.code, attempt.scope), ("5.7.10", Scope.RECIPIENT))
        self.assertEqual(self.one.sessions + self.two.sessions, [])

    def test_require_tls_unusable(self) -> None:
        """TLSA records of which none can be used, and policies under test, prove nothing for REQUIRETLS."""
        unusable = TLSARecord(1, 1, 1, b"x" * 32)
        for policy in (
            ClientPolicy(Level.DANE, ("mx1.example.test",), (unusable,), source="dane"),
            ClientPolicy(Level.OPPORTUNISTIC, ("mx1.example.test",), source="mta-sts", testing=True),
        ):
            self.setUp()
            self.net.names.zones.sign(DOMAIN)
            self.net.policies.usual = policy
            self.net.send(self.net.delivery(), DOMAIN, parameters={"REQUIRETLS": None})
            asked = self.net.contexts.asked[0][0]
            self.assertEqual((asked.level, asked.testing), (Level.VERIFY, False))

    def test_require_tls_later(self) -> None:
        """Where one host cannot promise it and the other is away, it is tried again."""
        self.net.names.zones.sign(DOMAIN)
        self.one.keywords = list(TLS)
        self.net.down("mx2.example.test")
        (attempt,) = self.net.send(self.net.delivery(), DOMAIN, parameters={"REQUIRETLS": None})
        self.assertEqual((attempt.status.code, attempt.scope), ("4.7.30", Scope.RECIPIENT))

    def test_tls_required_no(self) -> None:
        """TLS-Required: No sets aside what the domain demands, not what the administrator demands."""
        content = b"TLS-Required: No\r\n" + CONTENT
        for source, code in (("dane", "2.0.0"), ("mta-sts", "2.0.0"), ("configuration", "4.7.4")):
            self.setUp()
            self.net.policies.usual = ClientPolicy(Level.VERIFY, ("mx1.example.test",), source=source)
            self.one.keywords = self.two.keywords = ["PIPELINING"]
            self.assertEqual(codes(self.net.send(self.net.delivery(), DOMAIN, content=content)), [code])
        self.net.policies.hosts["mx1.example.test"] = MailframeError(
            Status((4, 7, 0), "TLSA is not to be had")
        )
        self.assertEqual(codes(self.net.send(self.net.delivery(), DOMAIN, content=content)), ["2.0.0"])


class ShapingTests(RemoteCase):
    """How fast, and from where."""

    def test_messages(self) -> None:
        """More messages than a rule allows wait, without an attempt, until there is room."""
        delivery = self.net.delivery([ShapingOptions(domains=["*.test"], messages_per_minute=2)])
        self.assertEqual([codes(self.net.send(delivery, DOMAIN)) for _ in range(2)], [["2.0.0"]] * 2)
        (attempt,) = self.net.send(delivery, DOMAIN)
        self.assertEqual((attempt.status.code, attempt.scope), ("4.4.5", Scope.LIMIT))
        assert attempt.retry_after is not None
        self.assertTrue(0 < attempt.retry_after <= 60)
        self.assertEqual(len(self.one.messages), 2)
        self.net.clock.advance(80)
        self.assertEqual(codes(self.net.send(delivery, DOMAIN)), ["2.0.0"])

    def test_site(self) -> None:
        """Domains with the same hosts have a limit together; others have their own."""
        self.net.domain("same.test", "mx1.example.test", "mx2.example.test")
        self.net.domain("other.test", "mx1.example.test")
        delivery = self.net.delivery([ShapingOptions(hosts=["MX1.*"], recipients_per_hour=3)])
        self.net.send(delivery, DOMAIN, ("a", "b"))
        self.assertIs(self.net.send(delivery, "same.test", ("a", "b"))[0].scope, Scope.LIMIT)
        self.assertEqual(codes(self.net.send(delivery, "other.test", ("a", "b"))), ["2.0.0"] * 2)

    def test_more_than_ever(self) -> None:
        """A message to more recipients than the limit goes when all of the limit is free."""
        delivery = self.net.delivery([ShapingOptions(recipients_per_minute=2)])
        self.assertEqual(codes(self.net.send(delivery, DOMAIN, ("a", "b", "c"))), ["2.0.0"] * 3)
        self.assertIs(self.net.send(delivery, DOMAIN)[0].scope, Scope.LIMIT)

    def test_connections(self) -> None:
        """Other workers' connections count, and one that ends makes room."""
        delivery = self.net.delivery([ShapingOptions(connections=1)], idle_time=0)
        elsewhere = "mx1.example.test,mx2.example.test"
        self.net.tallies.enter("delivery.connections", elsewhere, 1)
        (attempt,) = self.net.send(delivery, DOMAIN)
        self.assertIs(attempt.scope, Scope.LIMIT)
        self.assertEqual(self.one.sessions, [])
        self.net.tallies.leave("delivery.connections", elsewhere)
        for _ in range(3):
            self.assertEqual(codes(self.net.send(delivery, DOMAIN)), ["2.0.0"])
        self.net.clock.advance(60)
        self.assertEqual(self.net.tallies.count("delivery.connections", elsewhere), 0)

    def test_goodbye(self) -> None:
        """A connection of ours that is just saying goodbye is waited for."""
        self.one.clock = self.net.clock
        self.one.script({"QUIT": Delayed(0.3, "221 Bye")})
        delivery = self.net.delivery([ShapingOptions(connections=1, messages_per_connection=1)])
        for _ in range(3):
            self.assertEqual(codes(self.net.send(delivery, DOMAIN)), ["2.0.0"])
        self.assertEqual(len(self.one.sessions), 3)

    def test_spent_in_vain(self) -> None:
        """Who gets no connection has used up none of the messages that may go."""
        rule = ShapingOptions(connections=1, messages_per_hour=1)
        delivery = self.net.delivery([rule])
        elsewhere = "mx1.example.test,mx2.example.test"
        self.net.tallies.enter("delivery.connections", elsewhere, 1)
        for _ in range(3):
            self.assertIs(self.net.send(delivery, DOMAIN)[0].scope, Scope.LIMIT)
        self.net.tallies.leave("delivery.connections", elsewhere)
        self.assertEqual(codes(self.net.send(delivery, DOMAIN)), ["2.0.0"])

    def test_failed_connections(self) -> None:
        """What did not come about does not count."""
        self.net.down("mx1.example.test")
        self.net.down("mx2.example.test")
        self.net.send(self.net.delivery([ShapingOptions(connections=1)]), DOMAIN)
        self.assertEqual(
            self.net.tallies.count("delivery.connections", "mx1.example.test,mx2.example.test"), 0
        )

    def test_idle_makes_room(self) -> None:
        """An idle connection to one host of a site does not keep us from the other."""
        delivery = self.net.delivery([ShapingOptions(connections=1)], idle_time=300)
        self.net.send(delivery, DOMAIN)
        self.one.script({"MAIL": "451 4.3.0 Later"})
        self.assertEqual(codes(self.net.send(delivery, DOMAIN)), ["2.0.0"])
        self.assertEqual(len(self.two.messages), 1)

    def test_new_connections(self) -> None:
        """New connections have a rate of their own."""
        delivery = self.net.delivery([ShapingOptions(connections_per_minute=1)], idle_time=0)
        self.net.send(delivery, DOMAIN)
        self.assertIs(self.net.send(delivery, DOMAIN)[0].scope, Scope.LIMIT)

    def test_per_connection(self) -> None:
        """Messages of a connection and recipients of a transaction are bounded."""
        rule = ShapingOptions(messages_per_connection=2, recipients_per_transaction=1)
        delivery = self.net.delivery([rule])
        self.assertEqual(codes(self.net.send(delivery, DOMAIN, ("a", "b", "c"))), ["2.0.0"] * 3)
        self.assertEqual([len(message.rcpts) for message in self.one.messages], [1, 1, 1])
        self.assertEqual(len(self.one.sessions), 2)

    def test_sources(self) -> None:
        """Connections are made from the addresses of the pool in turn, by family, and greet with their names."""
        self.net.host("mx6.test", addresses=["2001:db8::6"])
        self.net.domain("six.test", "mx6.test")
        sources = [SourceOptions(address="192.0.2.1", hostname="out1.sender.test"),
                   SourceOptions(address="192.0.2.2"), SourceOptions(address="2001:db8::1")]  # fmt: skip
        delivery = self.net.delivery([ShapingOptions(sources=sources)], idle_time=0)
        for _ in range(3):
            self.net.send(delivery, DOMAIN)
        self.net.send(delivery, "six.test")
        self.assertEqual(
            [source for _, source in self.net.tried], ["192.0.2.1", "192.0.2.2", "192.0.2.1", "2001:db8::1"]
        )
        self.assertEqual(self.one.said[0], "EHLO out1.sender.test")

    def test_families(self) -> None:
        """Without IPv6, IPv6 addresses are not tried."""
        server = self.net.host("both.test", addresses=["2001:db8::5", "198.51.100.5"])
        self.net.send(self.net.delivery(ipv6=False), "both.test")
        self.assertEqual([address for address, _ in self.net.tried], ["198.51.100.5"])
        self.net.send(self.net.delivery(ipv4=False), "both.test")
        self.assertEqual(self.net.tried[-1][0], "2001:db8::5")
        self.assertEqual(len(server.messages), 2)
        self.assertEqual(codes(self.net.send(self.net.delivery(ipv6=False), "[IPv6:2001:db8::5]")), ["5.4.4"])

    def test_all_keywords(self) -> None:
        """What servers take over of notifications is told."""
        self.one.keywords = [word for word in ALL_KEYWORDS if word != "STARTTLS"]
        (attempt,) = self.net.send(self.net.delivery(), DOMAIN)
        self.assertTrue(attempt.notifies)
