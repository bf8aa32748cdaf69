"""Who may use a router."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.message.envelope import Envelope
from mailframe.message.origin import Origin, TLSFacts
from mailframe.policy.interfaces import IConnectPolicy, IMailPolicy
from mailframe.policy.networks import STRANGER
from mailframe.policy.own_hosts import NOT_KNOWN, OwnHosts, fingerprint
from mailframe.testing.smtp import run


def client(peer: str = "203.0.113.9", name: str | None = None, login: str | None = None) -> Origin:
    """A client with a certificate, perhaps."""
    tls = TLSFacts("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256, client_name=name)
    return Origin("s1", peer, tls=tls if name is not None else None, login=login)


class OwnHostsTests(SynchronousTestCase):
    """Networks, certificates, logins; nobody else."""

    def verdicts(self, policy: OwnHosts, origin: Origin) -> tuple[object, object]:
        """At connect, and at MAIL."""
        return run(policy.connect(origin)), run(policy.mail(origin, Envelope(None)))

    def test_interfaces(self) -> None:
        """It is asked at two stages."""
        policy = OwnHosts(["192.0.2.0/24"])
        verifyObject(IConnectPolicy, policy)
        verifyObject(IMailPolicy, policy)

    def test_networks(self) -> None:
        """Where networks are all there is, others are refused as they connect, and at MAIL if they came that far."""
        policy = OwnHosts(["192.0.2.0/24"])
        self.assertEqual((None, None), self.verdicts(policy, client("192.0.2.7")))
        self.assertEqual((None, None), self.verdicts(policy, client("unix")))
        self.assertEqual((STRANGER, NOT_KNOWN), self.verdicts(policy, client()))
        self.assertEqual((STRANGER, NOT_KNOWN), self.verdicts(policy, client("unknown")))
        self.assertEqual(
            (STRANGER, NOT_KNOWN), self.verdicts(policy, client(name="relay.example.test", login="alice"))
        )

    def test_certificates(self) -> None:
        """A verified name that is listed may send from anywhere; no other name, and nobody without."""
        policy = OwnHosts([], ["Relay.example.test"])
        self.assertEqual((None, None), self.verdicts(policy, client(name="relay.EXAMPLE.test")))
        self.assertEqual((None, NOT_KNOWN), self.verdicts(policy, client(name="mail.example.org")))
        self.assertEqual((None, NOT_KNOWN), self.verdicts(policy, client()))
        self.assertEqual((None, NOT_KNOWN), self.verdicts(policy, client(login="alice@example.test")))

    def test_fingerprints(self) -> None:
        """A certificate that is listed by its fingerprint is known whatever its name, and no other is."""
        digits = "0123456789abcdef" * 4
        listed = "SHA256:" + ":".join(digits[at : at + 2].upper() for at in range(0, 64, 2))
        policy = OwnHosts([], [listed])
        facts = TLSFacts("TLSv1.3", "X", 256, client_name="whoever", client_fingerprint=digits)
        self.assertEqual((None, None), self.verdicts(policy, Origin("s1", "203.0.113.9", tls=facts)))
        other = replace(facts, client_fingerprint="f" * 64)
        self.assertEqual((None, NOT_KNOWN), self.verdicts(policy, Origin("s1", "203.0.113.9", tls=other)))
        for name in (listed, listed.lower(), digits):
            self.assertEqual((None, NOT_KNOWN), self.verdicts(policy, client(name=name)))
        self.assertIsNone(fingerprint("relay.example.test"))
        for bad in ("sha256:", "sha256:00", "sha256:" + "0" * 63 + "x", "sha256:" + "0" * 66):
            self.assertRaises(ValueError, OwnHosts, [], [bad])

    def test_logins(self) -> None:
        """Logins count where they are taken."""
        policy = OwnHosts([], logins=True)
        self.assertEqual((None, None), self.verdicts(policy, client(login="alice@example.test")))
        self.assertEqual((None, NOT_KNOWN), self.verdicts(policy, client()))

    def test_nobody_and_everybody(self) -> None:
        """A router that nobody can use, or everybody, is a mistake."""
        self.assertRaises(ValueError, OwnHosts, [])
        self.assertRaises(ValueError, OwnHosts, ["0.0.0.0/0"])
        self.assertRaises(ValueError, OwnHosts, ["::/1", "8000::/1"])
