"""Who may log in for others."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.directory.interfaces import ISASLAuthenticator
from mailframe.directory.master_options import MasterOptions
from mailframe.directory.masters import Master, MasterLogins
from mailframe.directory.memory import MemoryDirectory
from mailframe.directory.values import Credentials, Evidence
from mailframe.message.networks import Networks
from mailframe.message.status import CREDENTIALS_INVALID, MailframeError
from mailframe.registry import PluginUnavailable
from mailframe.roles.masters import with_masters
from mailframe.sasl.client import ClientCredentials
from mailframe.sasl.client_scram import ClientScram
from mailframe.sasl.server_scram import Scram
from mailframe.sasl.values import Certificate, Challenge, KeysWanted, Proof
from mailframe.testing.directory import FakeAuthenticator
from mailframe.testing.sasl import FakeSASLAuthenticator

ALICE = "alice@example.test"
LONG = "a long password of the proxy"
NEAR, FAR = "192.0.2.7", "198.51.100.7"


class MasterLoginsTests(SynchronousTestCase):
    """A master with a password, one with a certificate, and a user."""

    def setUp(self) -> None:
        """Alice has an account."""
        self.directory = MemoryDirectory(["example.test"], {ALICE: "{PLAIN}geheim"})
        self.users: Any = FakeSASLAuthenticator({ALICE: b"geheim"}, able=["PLAIN", "SCRAM-SHA-256"])
        self.masters = self.made(self.users)

    def made(self, users: Any) -> MasterLogins:
        """The masters, in front of what knows users."""
        near = Networks(["192.0.2.0/24"])
        masters = [Master("front", near, LONG), Master("front.example.test", near, by_certificate=True)]
        return MasterLogins(users, cast(Any, self.directory), masters, lambda: 1000.0)

    def outcome(self, asked: Any) -> str:
        """Whose mail it is, and who opened it; "" for nobody's."""
        results: list[Any] = []
        Deferred.fromCoroutine(asked).addBoth(results.append)
        (result,) = results
        if isinstance(result, Failure):
            result.trap(MailframeError)
            self.assertEqual(CREDENTIALS_INVALID, cast(MailframeError, result.value).status)
            return ""
        return f"{result.account.name} by {result.authcid}"

    def test_interface(self) -> None:
        """It is an authenticator that can do what users and masters need."""
        self.assertTrue(verifyObject(ISASLAuthenticator, self.masters))
        self.assertEqual({"PLAIN", "SCRAM-SHA-256", "EXTERNAL"}, set(self.masters.mechanisms()))
        plain = self.made(FakeAuthenticator({ALICE: b"geheim"}))
        self.assertEqual({"PLAIN", "LOGIN", "EXTERNAL"}, set(plain.mechanisms()))

    def test_passwords(self) -> None:
        """The right password, from the right place, for somebody who is there."""
        opened = f"{ALICE} by front"
        for authcid, password, authzid, peer, via, wanted in (
            ("front", LONG, ALICE, NEAR, "", opened),
            ("front", LONG, "Alice@Example.Test", NEAR, "", opened),
            ("front", LONG, ALICE, FAR, NEAR, opened),
            ("front", LONG, ALICE, NEAR, FAR, ""),
            ("front", LONG, ALICE, FAR, "", ""),
            ("front", LONG, ALICE, "unix", "", ""),
            ("front", LONG[:-1], ALICE, NEAR, "", ""),
            ("front", "", ALICE, NEAR, "", ""),
            ("front", LONG, "nobody@example.test", NEAR, "", ""),
            ("front", LONG, "", NEAR, "", ""),
            ("front.example.test", "", ALICE, NEAR, "", ""),
            ("alice@example.test", "geheim", "", FAR, "", f"{ALICE} by {ALICE}"),
            ("alice@example.test", LONG, "", NEAR, "", ""),
        ):
            said = Credentials(authcid, password.encode(), authzid, peer, "imap", "S", via)
            self.assertEqual(wanted, self.outcome(self.masters.authenticate(said)), said)

    def test_certificates(self) -> None:
        """A certificate counts for whoever is listed with it, for others, and from the right place."""
        for name, authzid, peer, wanted in (
            ("front.example.test", ALICE, NEAR, f"{ALICE} by front.example.test"),
            ("front.example.test", ALICE, FAR, ""),
            ("front.example.test", "nobody@example.test", NEAR, ""),
            ("front.example.test", "", NEAR, ""),
            ("front", ALICE, NEAR, ""),
        ):
            evidence = Evidence(Certificate(name, authzid), peer)
            self.assertEqual(wanted, self.outcome(self.masters.judge(evidence)), evidence)

    def test_scram(self) -> None:
        """SCRAM proves the password without saying it; a master without one has none to be proved."""
        for password, wanted in ((LONG, f"{ALICE} by front"), ("x" * 20, "")):
            client = ClientScram("SCRAM-SHA-256", ClientCredentials("front", password, authzid=ALICE))
            server = Scram("SCRAM-SHA-256", None, False)
            question: Any = server.step(client.start())
            self.assertIsInstance(question, KeysWanted)
            keys = self.successResultOf(
                Deferred.fromCoroutine(self.masters.keys(question.authcid, question.mechanism))
            )
            challenge = server.keys(keys)
            assert isinstance(challenge, Challenge)
            claim = server.step(client.step(challenge.octets))
            assert isinstance(claim, Proof)
            self.assertEqual(wanted, self.outcome(self.masters.judge(Evidence(claim, NEAR))))
        forged = Proof("front.example.test", True, ALICE)
        self.assertEqual("", self.outcome(self.masters.judge(Evidence(forged, NEAR))))

    def test_held(self) -> None:
        """While a mailbox is held, masters come again later, too."""
        from dataclasses import replace

        self.directory.change_account(
            ALICE, lambda found: replace(found, account=replace(found.account, hold="moving"))
        )
        said = Credentials("front", LONG.encode(), ALICE, NEAR)
        failure = self.failureResultOf(
            Deferred.fromCoroutine(self.masters.authenticate(said)), MailframeError
        )
        self.assertTrue(failure.value.status.temporary)


class OptionsTests(SynchronousTestCase):
    """As they are configured."""

    def built(self, *masters: MasterOptions) -> Any:
        """What is built of it."""
        users = FakeAuthenticator({})
        return with_masters(cast(Any, users), cast(Any, None), masters, self)

    seconds = 0.0

    def test_none(self) -> None:
        """Without masters nothing is between."""
        self.assertIsInstance(self.built(), FakeAuthenticator)

    def test_wrong(self) -> None:
        """Names of users, short passwords, two of one name and no proof at all are refused at the start."""
        for arguments in ({"name": "a@example.test"}, {"name": ""}, {"name": "a", "password": "short"}):
            self.assertRaises(ValueError, MasterOptions, **arguments)
        good = MasterOptions(name="a", password=cast(Any, LONG))
        self.assertRaises(PluginUnavailable, self.built, good, good)
        self.assertRaises(PluginUnavailable, self.built, MasterOptions(name="a"))
        self.assertIsInstance(self.built(good), MasterLogins)
