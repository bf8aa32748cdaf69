"""Submission is for those who logged in."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.directory.memory import MemoryDirectory
from mailframe.message.address import Address
from mailframe.message.envelope import Envelope
from mailframe.message.origin import Origin
from mailframe.message.status import Status
from mailframe.policy.interfaces import IMailPolicy
from mailframe.policy.login import LoginPolicy
from mailframe.testing.smtp import run

ALICE = Address("alice", "example.test")


class LoginPolicyTests(SynchronousTestCase):
    """Submission is for those who logged in."""

    def code(
        self, policy: LoginPolicy, login: str | None, sender: Address | None = None, peer: str = "192.0.2.1"
    ) -> str | None:
        status = run(policy.mail(Origin("S", peer, login=login), Envelope(sender)))
        return status.code if isinstance(status, Status) else None

    def test_login(self) -> None:
        """Without login there is no mail."""
        verifyObject(IMailPolicy, LoginPolicy())
        self.assertEqual(self.code(LoginPolicy(), None), "5.7.0")
        self.assertIsNone(self.code(LoginPolicy(), "bob@example.test", ALICE))

    def test_own_address(self) -> None:
        """As an option the sender is the account itself, or nobody."""
        policy = LoginPolicy(own_address_only=True)
        self.assertEqual(self.code(policy, "bob@example.test", ALICE), "5.7.1")
        self.assertIsNone(self.code(policy, "Alice@example.test", ALICE))
        self.assertIsNone(self.code(policy, "bob@example.test", None))

    def test_networks(self) -> None:
        """Clients of listed networks need not log in."""
        policy = LoginPolicy(networks=["192.0.2.0/24", "2001:db8::/32"])
        for peer in ("192.0.2.9", "::ffff:192.0.2.9", "2001:db8::1"):
            self.assertIsNone(self.code(policy, None, peer=peer))
        for peer in ("198.51.100.1", "2001:db9::1", "unix"):
            self.assertEqual(self.code(policy, None, peer=peer), "5.7.0")
        self.assertRaises(ValueError, LoginPolicy, networks=["nonsense"])

    def test_everybody(self) -> None:
        """Networks that are everybody, together or alone, are refused: that would be an open relay."""
        for networks in (["0.0.0.0/0"], ["192.0.2.0/24", "::/0"], ["0.0.0.0/1", "::1", "128.0.0.0/1"]):
            self.assertRaises(ValueError, LoginPolicy, networks=networks)
        LoginPolicy(networks=["0.0.0.0/1", "8000::/1"])

    def test_shut_out(self) -> None:
        """Who was shut out or removed after the login sends nothing more, from no address."""
        directory = MemoryDirectory(["example.test"], {"bob@example.test": "xyz-2580"})
        policy = LoginPolicy(directory=directory)
        self.assertIsNone(self.code(policy, "bob@example.test"))
        self.assertEqual(self.code(policy, "gone@example.test"), "5.7.13")
        directory.set_enabled("bob@example.test", False)
        for sender in (None, ALICE):
            self.assertEqual(self.code(policy, "bob@example.test", sender), "5.7.13")
