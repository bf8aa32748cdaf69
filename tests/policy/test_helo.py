"""What clients call themselves."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.message.origin import Origin
from mailframe.message.status import Status
from mailframe.policy.helo import HeloPolicy
from mailframe.policy.interfaces import IHeloPolicy
from mailframe.testing.smtp import run


class HeloPolicyTests(SynchronousTestCase):
    """What clients call themselves."""

    def code(self, policy: HeloPolicy, helo: str) -> str | None:
        status = run(policy.helo(Origin("S", "192.0.2.1", helo=helo)))
        return status.code if isinstance(status, Status) else None

    def test_names(self) -> None:
        """Host names and address literals pass; what is neither does not."""
        verifyObject(IHeloPolicy, HeloPolicy())
        for helo in ("mx.example.test", "localhost", "[192.0.2.1]", "[IPv6:2001:db8::1]", "a_b"):
            self.assertIsNone(self.code(HeloPolicy(), helo))
        for helo in ("", "a..b", "[x]", "-a", "a(b", "192.0.2.1]"):
            self.assertEqual(self.code(HeloPolicy(), helo), "5.5.2")

    def test_qualified(self) -> None:
        """As an option a name must have a dot."""
        policy = HeloPolicy(qualified=True)
        self.assertEqual(self.code(policy, "localhost"), "5.5.2")
        self.assertIsNone(self.code(policy, "[192.0.2.1]"))
        self.assertIsNone(self.code(policy, "mx.example.test"))
