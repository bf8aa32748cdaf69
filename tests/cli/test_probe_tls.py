"""Tests of ``mailframe probe tls``."""

from __future__ import annotations

import json

from mailframe.cli import probe_tls
from mailframe.delivery.protection.explaining import Explanation, HostExplanation
from mailframe.tls.policies import ClientPolicy, Level

from .runner import CommandTestCase

MX = "mx.example.test"
TESTED = ClientPolicy(Level.OPPORTUNISTIC, (MX,), source="mta-sts", testing=True)


class ProbeTLSTests(CommandTestCase):
    """What TLS has to give with a domain, and why."""

    def setUp(self) -> None:
        super().setUp()
        self.make_service()
        self.asked: list[str] = []

    def answer(self, *hosts: HostExplanation, secure: bool = True) -> None:
        def ask(configuration: object, domain: str) -> object:
            self.asked.append(domain)
            return Explanation(domain, secure, hosts), ["r@example.test"]

        self.patch(probe_tls, "_ask", ask)

    def test_table(self) -> None:
        """Each host has a line with its level, who asks for it, and why."""
        self.answer(
            HostExplanation(MX, TESTED, ("the policy is testing",)),
            HostExplanation("mx2.test", None, ("no",)),
        )
        text = self.on_service("probe", "tls", "Bücher.test").stdout
        self.assertEqual(["xn--bcher-kva.test"], self.asked)
        for word in (MX, "(testing)", "mta-sts", "not to be used", "DNSSEC proves", "r@example.test"):
            self.assertIn(word, " ".join(text.split()))

    def test_json(self) -> None:
        """Programs get all of it."""
        self.answer(HostExplanation(MX, TESTED, ("why",)), secure=False)
        told = json.loads(self.on_service("probe", "tls", "example.test", "--json").stdout)
        self.assertEqual((False, ["r@example.test"]), (told["dnssec"], told["reports"]))
        self.assertEqual(
            [
                {
                    "host": MX,
                    "level": "opportunistic",
                    "testing": True,
                    "source": "mta-sts",
                    "names": [MX],
                    "tlsa": [],
                    "reasons": ["why"],
                }
            ],
            told["hosts"],
        )

    def test_no_host(self) -> None:
        """When no host may be used, the exit code says so."""
        self.answer(HostExplanation(MX, None, ("no",)))
        self.on_service("probe", "tls", "example.test", code=1)
        self.answer()
        self.on_service("probe", "tls", "example.test", code=1)

    def test_no_domain(self) -> None:
        """What is no domain is told at once."""
        self.on_service("probe", "tls", "a b", code=2)
