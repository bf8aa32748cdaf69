"""A hundred domains whose hosts have personalities, on a clock of its own: what becomes of mail for each of them."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailframe.delivery.values import Attempt, Scope
from mailframe.message.status import MailframeError, Status
from mailframe.testing.smtp_server import DROP, SILENCE, Delayed, ScriptedServer
from mailframe.testing.wires import settle
from mailframe.tls.policies import ClientPolicy, Level

from .internet import Internet

WAIT, ROUNDS = 900.0, 6
"""Seconds between attempts, and how many there are."""

Personality = Callable[[Internet, str], ScriptedServer]


def answering(answers: dict[str, Any]) -> Personality:
    """A host with a script."""
    return lambda net, name: net.host(name, answers)


def _away(net: Internet, name: str) -> ScriptedServer:
    server = net.host(name)
    net.down(name, silent=True)
    return server


def _wrong_certificate(net: Internet, name: str) -> ScriptedServer:
    net.policies.hosts[name] = ClientPolicy(Level.VERIFY, (name,), source="mta-sts")
    server = net.host(name, keywords=("STARTTLS",))
    net.endpoints[net.addresses[name][0]].broken_tls = "the certificate is for somebody else"
    return server


def _no_tlsa(net: Internet, name: str) -> ScriptedServer:
    net.policies.hosts[name] = MailframeError(Status((4, 7, 0), "TLSA records cannot be had"))
    return net.host(name)


LATER = "451 4.7.1 Greylisted, try again later"
PERSONALITIES: dict[str, tuple[Personality, str]] = {
    "kind": (answering({}), "2.0.0"),
    "greylisting": (answering({"RCPT": [LATER, LATER, "250 OK"]}), "2.0.0"),
    "busy for a while": (answering({"CONNECT": ["421 4.3.2 Busy", "421 4.3.2 Busy", "220 Here"]}), "2.0.0"),
    "slow": (answering({step: Delayed(60, reply) for step, reply in (
        ("CONNECT", "220 Here"), ("MAIL", "250 OK"), ("RCPT", "250 OK"), ("DATA", "354 Go on"), ("END", "250 OK"))}),
        "2.0.0"),
    "drops in the middle of DATA": (answering({"BLOCK": DROP}), "4.4.2"),
    "resets before the reply": (answering({"END": [DROP, "250 2.0.0 OK"]}), "2.0.0"),
    "tarpit": (answering({"CONNECT": SILENCE}), "4"),
    "full": (answering({"RCPT": "452 4.2.2 Full"}), "4.2.2"),
    "knows nobody": (answering({"RCPT": "550 5.1.1 No such user"}), "5.1.1"),
    "hates our content": (answering({"END": "554 5.7.1 Spam"}), "5.7.1"),
    "hates us": (answering({"CONNECT": "554 5.7.1 Go away"}), "4.7.1"),
    "takes no mail": (answering({"CONNECT": "521 Never"}), "5.3.2"),
    "talks nonsense": (answering({"EHLO": "hello yourself"}), "4"),
    "away": (_away, "4.4.1"),
    "wrong certificate": (_wrong_certificate, "4.7.5"),
    "no TLSA": (_no_tlsa, "4.7.0"),
}  # fmt: skip


class HundredTests(SynchronousTestCase):
    """All at once."""

    def rounds(self, net: Internet, domains: list[str]) -> dict[str, list[Attempt]]:
        """Attempts at one message for each domain, again and again until it has come to an end."""
        delivery = net.delivery()
        attempts: dict[str, list[Attempt]] = {domain: [] for domain in domains}
        for _ in range(ROUNDS):
            running: dict[str, Deferred[Any]] = {}
            for domain in domains:
                if not attempts[domain] or attempts[domain][-1].status.temporary:
                    running[domain] = net.start(delivery, domain)
            began = net.clock.seconds()
            settle(net.clock)
            while not all(deferred.called for deferred in running.values()):
                calls = net.clock.getDelayedCalls()
                net.clock.advance(max(0.0, min(call.getTime() for call in calls) - net.clock.seconds()))
                settle(net.clock)
            for domain, deferred in running.items():
                attempts[domain].extend(self.successResultOf(deferred))
            net.clock.advance(max(0.0, began + WAIT - net.clock.seconds()))
        self.successResultOf(Deferred.fromCoroutine(delivery.stop()))
        return attempts

    @settings(max_examples=4, deadline=None)
    @given(st.randoms(use_true_random=False))
    def test_hundred(self, chance: random.Random) -> None:
        """Each domain has what its hosts make of it; none stands in the way of another, and copies are counted."""
        net = Internet()
        kinds, servers = {}, {}
        for number in range(100):
            domain = f"d{number}.test"
            kinds[domain] = chance.choice(list(PERSONALITIES))
            servers[domain] = PERSONALITIES[kinds[domain]][0](net, f"mx.{domain}")
            net.domain(domain, f"mx.{domain}")
        attempts = self.rounds(net, list(kinds))
        for domain, kind in kinds.items():
            expected, last = PERSONALITIES[kind][1], attempts[domain][-1]
            self.assertTrue(last.status.code.startswith(expected), (kind, last))
            taken = len(servers[domain].messages)
            unsure = sum(attempt.possibly_delivered for attempt in attempts[domain])
            refused = sum(bool(attempt.reply) and not attempt.status.success for attempt in attempts[domain])
            self.assertLessEqual(taken, last.status.success + unsure + refused, kind)
            if last.status.success:
                self.assertGreaterEqual(taken, 1, kind)
            if kind in ("away", "tarpit", "hates us", "talks nonsense", "wrong certificate"):
                self.assertIs(last.scope, Scope.DESTINATION, kind)
            if kind in ("wrong certificate", "no TLSA"):
                self.assertEqual(taken, 0)
