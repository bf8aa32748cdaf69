"""Sender addresses must belong to who sends from them."""

from __future__ import annotations

from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.directory.memory import MemoryDirectory
from mailframe.message.address import parse_mailbox
from mailframe.message.content import Content
from mailframe.message.envelope import Envelope
from mailframe.message.mail import MailObject
from mailframe.message.origin import Origin
from mailframe.message.status import CANNOT_LOOK_UP, MailframeError, Status
from mailframe.policy.interfaces import IContentPolicy, IMailPolicy
from mailframe.policy.sender import Check, SenderPolicy
from mailframe.smtp.wire.reply import basic_code
from mailframe.testing.grants import FakeRights
from mailframe.testing.smtp import run

ALICE = "alice@example.test"


def code(status: object) -> str | None:
    """The code and enhanced code, or None."""
    return f"{basic_code(status)} {status.code}" if isinstance(status, Status) else None


class SenderCase(SynchronousTestCase):
    """Alice, who may send as info@ too."""

    def setUp(self) -> None:
        self.rights = FakeRights({ALICE: ["info@example.test"]})
        self.directory = MemoryDirectory(["example.test"])

    def policy(self, envelope: Check = "refuse", header: Check = "refuse", *domains: str) -> SenderPolicy:
        return SenderPolicy(self.rights, self.directory, envelope, header, domains)

    def mail(self, policy: SenderPolicy, sender: str, login: str | None = ALICE) -> str | None:
        reverse_path = parse_mailbox(sender) if sender else None
        return code(run(policy.mail(Origin("S", "192.0.2.1", login=login), Envelope(reverse_path))))

    def content(
        self, policy: SenderPolicy, octets: bytes, login: str | None = ALICE, sender: str = ""
    ) -> str | None:
        origin = Origin("S", "192.0.2.1", login=login)
        envelope = Envelope(parse_mailbox(sender) if sender else None)
        return code(run(policy.content(MailObject("ID", envelope, Content.of(octets), origin))))


class EnvelopeTests(SenderCase):
    """The reverse-path."""

    def test_refused(self) -> None:
        """It must belong to the login, or be null."""
        policy = self.policy()
        verifyObject(IMailPolicy, policy)
        for sender in (ALICE, "info@example.test", ""):
            self.assertIsNone(self.mail(policy, sender), sender)
        self.assertEqual(self.mail(policy, "boss@example.test"), "550 5.7.1")

    def test_text(self) -> None:
        """The refusal says which address it is about."""
        origin = Origin("S", "192.0.2.1", login=ALICE)
        status = run(self.policy().mail(origin, Envelope(parse_mailbox("boss@example.test"))))
        self.assertEqual(getattr(status, "text", ""), "You may not send from boss@example.test")
        status = run(self.policy().mail(origin, Envelope(parse_mailbox("b\u00f6ss@example.test"))))
        self.assertEqual(getattr(status, "text", ""), "You may not send from that address")

    def test_warned(self) -> None:
        """Where that is configured, another's address is taken and the log says so; or nobody looks."""
        with capturedLogs() as events:
            self.assertIsNone(self.mail(self.policy("warn"), "boss@example.test"))
        (event,) = [event for event in events if event["log_level"] is LogLevel.warn]
        self.assertEqual(
            (event["login"], event["address"], event["place"]), (ALICE, "boss@example.test", "envelope")
        )
        with capturedLogs() as events:
            self.assertIsNone(self.mail(self.policy("off"), "boss@example.test"))
        self.assertEqual(events, [])

    def test_without_login(self) -> None:
        """A client that need not log in may send from our domains, or from the configured ones."""
        self.assertIsNone(self.mail(self.policy(), "boss@example.test", None))
        self.assertIsNone(self.mail(self.policy(), "", None))
        self.assertEqual(self.mail(self.policy(), "boss@example.net", None), "550 5.7.1")
        named = self.policy("refuse", "refuse", "Example.NET")
        self.assertIsNone(self.mail(named, "boss@example.net", None))
        self.assertEqual(self.mail(named, "boss@example.test", None), "550 5.7.1")
        self.assertIsNone(self.mail(self.policy("refuse", "refuse", "*"), "x@elsewhere.test", None))

    def test_spellings(self) -> None:
        """A domain that is configured is meant in any spelling, and nonsense is told at once."""
        for domain in ("b\u00fccher.test", "xn--bcher-kva.test", "B\u00dcCHER.test"):
            policy = self.policy("refuse", "refuse", domain)
            for sender in ("x@b\u00fccher.test", "x@xn--bcher-kva.test"):
                self.assertIsNone(self.mail(policy, sender, None), (domain, sender))
        self.assertRaises(ValueError, self.policy, "refuse", "refuse", "no domain")

    def test_no_answer(self) -> None:
        """While the directory cannot be asked nobody is refused for good, and where it is a warning nobody is at all."""
        self.rights.error = MailframeError(CANNOT_LOOK_UP, "away")
        error = self.assertRaises(MailframeError, self.mail, self.policy(), ALICE)
        self.assertEqual(code(error.status), "451 4.4.3")
        self.assertIsNone(self.mail(self.policy("warn"), ALICE))


class HeaderTests(SenderCase):
    """From and Sender."""

    def test_refused(self) -> None:
        """Every address in From and Sender must belong to the login."""
        policy = self.policy("off")
        verifyObject(IContentPolicy, policy)
        for octets in (
            b"From: Alice <ALICE@example.test>\r\n\r\nFrom: boss@example.test\r\n",
            b"From: alice@example.test, Info <info@example.test>\r\n",
            b"Subject: From boss@example.test\r\n",
            b"From: us: alice@example.test;\r\n",
            b'From: "boss@example.test" <alice@example.test>\r\n',
        ):
            self.assertIsNone(self.content(policy, octets), octets)
        for octets in (
            b"From: boss@example.test\r\n",
            b"FROM : Alice <boss@example.test>\r\n",
            b"From: alice@example.test, boss@example.test\r\n",
            b"From: alice@example.test\r\nSender: boss@example.test\r\n",
            b"From: alice@example.test\r\nFrom: boss@example.test\r\n",
            b"From:\r\n (a comment)\r\n boss@example.test\r\n",
            b"From: us: alice@example.test, boss@example.test;\r\n",
            b'From: "alice@example.test" <boss@example.test>\r\n',
            b"From: alice@example.test@example.net\r\n",
            b"From: <alice@example.test> boss@example.test\r\n",
            b"From: boss@example.test <alice@example.test>\r\n",
            b"From: nonsense\r\n",
        ):
            self.assertEqual(self.content(policy, octets), "550 5.7.1", octets)

    def test_missing(self) -> None:
        """A missing From will be the reverse-path, so that has to be Alice's then, though nobody looked before."""
        for sender, expected in (
            (ALICE, None),
            ("info@example.test", None),
            ("boss@example.test", "550 5.7.1"),
        ):
            for octets in (
                b"Subject: x\r\n",
                b"\r\nFrom: alice@example.test\r\n",
                f"Sender: {ALICE}\r\n".encode(),
            ):
                self.assertEqual(self.content(self.policy("off"), octets, sender=sender), expected)
            octets = b"From: alice@example.test\r\n"
            self.assertIsNone(self.content(self.policy("off"), octets, sender=sender))

    def test_warned(self) -> None:
        """Where that is configured it is taken."""
        for check in ("warn", "off"):
            self.assertIsNone(self.content(self.policy("refuse", check), b"From: boss@example.test\r\n"))  # type: ignore[arg-type]

    def test_without_login(self) -> None:
        """A client that need not log in writes addresses of its domains only."""
        self.assertIsNone(self.content(self.policy(), b"From: x@example.test\r\n", None))
        self.assertEqual(self.content(self.policy(), b"From: x@example.net\r\n", None), "550 5.7.1")

    def test_no_answer(self) -> None:
        """While the directory cannot be asked the message is refused for now."""
        self.rights.error = MailframeError(CANNOT_LOOK_UP, "away")
        self.assertRaises(MailframeError, self.content, self.policy(), b"From: alice@example.test\r\n")
