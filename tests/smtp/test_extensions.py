"""What is offered, and what becomes of parameters."""

from __future__ import annotations

from datetime import UTC, datetime

from twisted.trial.unittest import SynchronousTestCase

from mailframe.config.types import Duration, Network
from mailframe.message.esmtp import DeliverBy, Notify, OriginalRecipient, Return
from mailframe.message.origin import Origin
from mailframe.message.status import ProtocolError, Status
from mailframe.smtp.extensions import NEEDS_TLS, TOO_LARGE, Extensions
from mailframe.smtp.settings import SMTPSettings
from mailframe.smtp.wire.parameters import Parameters
from mailframe.testing.smtp import FixedRouter, RecordingDelivery, fake_reception, serve

STRANGER = Origin("S", "198.51.100.7")
USER = Origin("S", "198.51.100.7", login="bob@example.test")
TRUSTED = Origin("S", "192.0.2.9")
EXCHANGER = Origin("S", "198.51.100.7", protocol="lmtp")
OURS = SMTPSettings(trusted_networks=(Network("192.0.2.0/24"),))


def kept(parameters: Parameters, origin: Origin, settings: SMTPSettings = OURS) -> Parameters:
    """What the envelope has in the end."""
    refusal = Extensions(settings, login_possible=True).check_mail(parameters, origin, secure=False, now=0.0)
    assert refusal is None
    return parameters


class TrustTests(SynchronousTestCase):
    """Whose word is taken."""

    def test_auth(self) -> None:
        """AUTH= is kept from our own hosts, and from users who name themselves; from all others it becomes <>."""
        for origin, value, result in (
            (STRANGER, "bob@example.test", "<>"),
            (STRANGER, "<>", "<>"),
            (USER, "bob@example.test", "bob@example.test"),
            (USER, "eve@example.test", "<>"),
            (TRUSTED, "eve@example.test", "eve@example.test"),
            (EXCHANGER, "eve@example.test", "eve@example.test"),
        ):
            self.assertEqual(kept({"AUTH": value}, origin), {"AUTH": result})

    def test_priority(self) -> None:
        """MT-PRIORITY is kept from users and our own hosts; for strangers there is a limit, and less is always fine."""
        for origin, value, result in (
            (STRANGER, "9", "0"),
            (STRANGER, "-9", "-9"),
            (USER, "4", "4"),
            (TRUSTED, "9", "9"),
            (EXCHANGER, "9", "9"),
        ):
            self.assertEqual(kept({"MT-PRIORITY": value}, origin), {"MT-PRIORITY": result})
        limited = SMTPSettings(priority_limit=3)
        self.assertEqual(kept({"MT-PRIORITY": "9"}, STRANGER, limited), {"MT-PRIORITY": "3"})

    def test_no_login(self) -> None:
        """Where nobody can log in and nobody is trusted, AUTH= is no parameter."""
        extensions = Extensions(SMTPSettings(), login_possible=False)
        self.assertRaises(ProtocolError, extensions.check_mail, {"AUTH": "<>"}, STRANGER, False, 0.0)


class OfferTests(SynchronousTestCase):
    """What EHLO tells."""

    def test_under_tls(self) -> None:
        """REQUIRETLS is offered under TLS only."""
        extensions = Extensions(SMTPSettings(), login_possible=False)
        self.assertNotIn("REQUIRETLS", extensions.keywords(False, 0.0))
        self.assertIn("REQUIRETLS", extensions.keywords(True, 0.0))
        self.assertEqual(extensions.check_mail({"REQUIRETLS": None}, STRANGER, False, 0.0), NEEDS_TLS)
        self.assertIsNone(extensions.check_mail({"REQUIRETLS": None}, STRANGER, True, 0.0))

    def test_size(self) -> None:
        """A declared size over the limit is refused at once."""
        extensions = Extensions(SMTPSettings(), login_possible=False)
        self.assertEqual(extensions.check_mail({"SIZE": "50000001"}, STRANGER, False, 0.0), TOO_LARGE)
        self.assertIsNone(extensions.check_mail({"SIZE": "50000000"}, STRANGER, False, 0.0))

    def test_unknown_names(self) -> None:
        """Keywords and leniencies that do not exist cannot be configured."""
        for wrong in ({"not_offered": ("FOO",)}, {"forgive": ("everything",)}, {"priority_limit": 10}):
            self.assertRaises(ValueError, SMTPSettings, **wrong)  # type: ignore[arg-type]


class EnvelopeTests(SynchronousTestCase):
    """What reaches the delivery."""

    def test_everything(self) -> None:
        """All that was asked for is in the envelope, as values."""
        delivery = RecordingDelivery()
        settings = SMTPSettings(
            trusted_networks=(Network("192.0.2.0/24"),), future_release=Duration(1e9), deliver_by=True
        )
        client = serve(fake_reception(delivery), settings)
        client.say(
            "EHLO x",
            "MAIL FROM:<älice@bücher.example> SMTPUTF8 BODY=8BITMIME RET=HDRS ENVID=a+2Bb AUTH=e+3D@example.test"
            " MT-PRIORITY=3 BY=120;RT HOLDUNTIL=1970-01-01T02:00:00+01:00 SIZE=10",
            "RCPT TO:<bob@xn--bcher-kva.example> NOTIFY=SUCCESS,DELAY ORCPT=utf-8;b\\x{F6}b@example.test",
            "DATA",
        )
        client.send("Subject: grüße\r\n\r\n.\r\n".encode())
        message = delivery.messages[0]
        envelope, recipient = message.envelope, message.envelope.recipients[0]
        self.assertEqual(message.octets, "Subject: grüße\r\n\r\n".encode())
        self.assertEqual(str(envelope.reverse_path), "älice@bücher.example")
        self.assertEqual((envelope.ret, envelope.envelope_id, envelope.size), (Return.HDRS, "a+b", 10))
        self.assertEqual((str(envelope.submitter), envelope.priority), ("e=@example.test", 3))
        self.assertEqual(envelope.deliver_by, DeliverBy(120, "R", trace=True))
        self.assertEqual(envelope.hold_until, datetime(1970, 1, 1, 1, tzinfo=UTC))
        self.assertEqual(str(recipient.forward_path), "bob@bücher.example")
        self.assertEqual(recipient.notify, Notify.SUCCESS | Notify.DELAY)
        self.assertEqual(recipient.original_recipient, OriginalRecipient("utf-8", "böb@example.test"))

    def test_no_mail(self) -> None:
        """A recipient whose domain takes no mail is refused with 556 (RFC 7504)."""
        null_mx = Status((5, 1, 10), "Recipient address has null MX")
        client = serve(fake_reception(None, FixedRouter({"bob@example.test": null_mx})))
        client.say("EHLO x", "MAIL FROM:<>")
        self.assertEqual(
            client.say("RCPT TO:<bob@example.test>"), ["556 5.1.10 Recipient address has null MX"]
        )
