"""The values of ESMTP parameters."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message import esmtp
from mailframe.message.address import parse_mailbox
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.esmtp import DeliverBy, Notify, OriginalRecipient, Return

PARSERS: list[Callable[[str | None], object]] = [
    esmtp.parse_size,
    esmtp.parse_notify,
    esmtp.parse_return,
    esmtp.parse_envelope_id,
    esmtp.parse_original_recipient,
    esmtp.parse_auth,
    esmtp.parse_priority,
    esmtp.parse_hold_for,
    esmtp.parse_hold_until,
    esmtp.parse_deliver_by,
    esmtp.parse_flag,
]
PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=30)


class XtextTests(SynchronousTestCase):
    """Text in which only harmless ASCII stands for itself."""

    def test_specials(self) -> None:
        """Plus, equals, spaces and what is not ASCII are written by their octets, in capitals."""
        self.assertEqual(esmtp.encode_xtext("a+b=c d\x7fü"), "a+2Bb+3Dc+20d+7F+C3+BC")

    def test_refused(self) -> None:
        """A lone plus, small hexadecimal digits, spaces and equals are no xtext."""
        for value in ("+", "+2", "+2b", "a b", "a=b", "ü", "+C3", "a\n"):
            self.assertRaises(ValueError, esmtp.decode_xtext, value)

    @given(st.text(st.characters(exclude_categories=["Cs"])))
    def test_round_trip(self, text: str) -> None:
        """What is encoded comes back."""
        self.assertEqual(esmtp.decode_xtext(esmtp.encode_xtext(text)), text)


class NotificationTests(SynchronousTestCase):
    """NOTIFY, RET, ENVID and ORCPT."""

    def test_notify(self) -> None:
        """NEVER stands alone; the others in any order and any case."""
        self.assertEqual(esmtp.parse_notify("never"), Notify.NEVER)
        self.assertEqual(esmtp.parse_notify("Failure,delay"), Notify.FAILURE | Notify.DELAY)
        for value in (None, "", "NEVER,DELAY", "SUCCESS,", "ALWAYS", "NEVER,NEVER"):
            self.assertRaises(ValueError, esmtp.parse_notify, value)

    @given(st.sets(st.sampled_from([Notify.SUCCESS, Notify.FAILURE, Notify.DELAY])))
    def test_notify_round_trip(self, flags: set[Notify]) -> None:
        """Every set of flags is written and read again."""
        notify = Notify.NEVER
        for flag in flags:
            notify |= flag
        self.assertEqual(esmtp.parse_notify(esmtp.format_notify(notify)), notify)

    def test_return(self) -> None:
        """RET is FULL or HDRS."""
        self.assertEqual(esmtp.parse_return("hdrs"), Return.HDRS)
        for value in (None, "", "HEAD"):
            self.assertRaises(ValueError, esmtp.parse_return, value)

    @given(PRINTABLE)
    def test_envelope_id(self, text: str) -> None:
        """ENVID may be any printable ASCII."""
        self.assertEqual(esmtp.parse_envelope_id(esmtp.format_envelope_id(text)), text)

    def test_envelope_id_limits(self) -> None:
        """ENVID has 1 to 100 characters, and neither controls nor UTF-8 behind its encoding."""
        self.assertEqual(esmtp.parse_envelope_id("x" * 100), "x" * 100)
        for value in (None, "", "x" * 101, "+0A", "+C3+BC", "a+b"):
            self.assertRaises(ValueError, esmtp.parse_envelope_id, value)

    @given(PRINTABLE)
    def test_original_recipient(self, text: str) -> None:
        """ORCPT with an ASCII address comes back as it was."""
        recipient = OriginalRecipient("rfc822", text)
        self.assertEqual(
            esmtp.parse_original_recipient(esmtp.format_original_recipient(recipient)), recipient
        )

    @given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=30), st.booleans())
    def test_international_original_recipient(self, text: str, smtputf8: bool) -> None:
        """ORCPT of the type utf-8 comes back from both of its encodings; one of them is ASCII."""
        recipient = OriginalRecipient("utf-8", text)
        value = esmtp.format_original_recipient(recipient, smtputf8=smtputf8)
        self.assertTrue(smtputf8 or value.isascii())
        self.assertEqual(esmtp.parse_original_recipient(value), recipient)

    def test_original_recipient_refused(self) -> None:
        """Without a type, too long, with controls or surrogates, it is refused."""
        long = "rfc822;" + "x" * 493
        self.assertEqual(str(esmtp.parse_original_recipient(long)), long)
        self.assertEqual(str(esmtp.parse_original_recipient("RFC822;a+40b")), "rfc822;a@b")
        for value in (
            None,
            "bob@example.test",
            "rfc822;",
            ";bob",
            "r c;x",
            long + "x",
            "rfc822;+0D",
            "rfc822;ü",
            "utf-8;a+2B",
            "utf-8;\\x{D800}",
            "utf-8;\\x{0A}",
            "utf-8;\\x{fc}",
            "utf-8;\\",
            "utf-8;\\x{110000}",
        ):
            self.assertRaises(ValueError, esmtp.parse_original_recipient, value)


class OtherParametersTests(SynchronousTestCase):
    """SIZE, AUTH, MT-PRIORITY, HOLDFOR, HOLDUNTIL, BY."""

    def test_auth(self) -> None:
        """AUTH is a mailbox in xtext, or <>."""
        self.assertIsNone(esmtp.parse_auth("<>"))
        address = parse_mailbox("e=mc2@example.test")
        self.assertEqual(esmtp.format_auth(address), "e+3Dmc2@example.test")
        self.assertEqual(esmtp.parse_auth("e+3Dmc2@example.test"), address)
        self.assertEqual(esmtp.format_auth(None), "<>")
        for value in (
            None,
            "",
            "bob",
            "<bob@example.test>",
            "bob+0A@example.test",
            "x" * 480 + "@example.test..",
        ):
            self.assertRaises(ValueError, esmtp.parse_auth, value)

    def test_size(self) -> None:
        """SIZE has 1 to 20 digits."""
        self.assertEqual(esmtp.parse_size("00012"), 12)
        for value in (None, "", "-1", "1" * 21, "٣"):
            self.assertRaises(ValueError, esmtp.parse_size, value)

    def test_priority(self) -> None:
        """MT-PRIORITY is -9 to 9, without plus and leading noughts."""
        self.assertEqual([esmtp.parse_priority(str(n)) for n in esmtp.PRIORITIES], list(esmtp.PRIORITIES))
        for value in (None, "", "10", "-10", "+1", "-0", "01", "x"):
            self.assertRaises(ValueError, esmtp.parse_priority, value)

    def test_hold(self) -> None:
        """HOLDFOR has 1 to 9 digits; HOLDUNTIL is a time with capital T and Z."""
        self.assertEqual(esmtp.parse_hold_for("86400"), 86400)
        for value in (None, "", "0", "01", "1" * 10, "-1"):
            self.assertRaises(ValueError, esmtp.parse_hold_for, value)
        when = datetime(2030, 1, 31, 12, 0, tzinfo=UTC)
        self.assertEqual(esmtp.parse_hold_until("2030-01-31T14:00:00+02:00"), when)
        self.assertEqual(esmtp.parse_hold_until("2030-01-31T12:00:00.0Z"), when)
        self.assertEqual(esmtp.parse_hold_until("2030-12-31T23:59:60Z").second, 59)
        for value in (
            None,
            "2030-01-31",
            "2030-01-31t12:00:00Z",
            "2030-02-31T12:00:00Z",
            "2030-01-31T12:00:00",
            "2030-01-31T12:60:60Z",
        ):
            self.assertRaises(ValueError, esmtp.parse_hold_until, value)

    @given(st.integers(0, 4_000_000_000))
    def test_time(self, seconds: int) -> None:
        """A time is written as it is read."""
        self.assertEqual(esmtp.parse_hold_until(esmtp.format_time(seconds)).timestamp(), seconds)

    def test_deliver_by(self) -> None:
        """BY says when and what then; with R the time must be to come."""
        self.assertEqual(esmtp.parse_deliver_by("120;r"), DeliverBy(120, "R"))
        self.assertEqual(esmtp.parse_deliver_by("-5;NT"), DeliverBy(-5, "N", trace=True))
        for by in (DeliverBy(120, "R", True), DeliverBy(0, "N")):
            self.assertEqual(esmtp.parse_deliver_by(esmtp.format_deliver_by(by)), by)
        self.assertEqual(esmtp.format_deliver_by(DeliverBy(10**10, "N")), "999999999;N")
        for value in (None, "", "120", "120;", "120;X", "0;R", "-1;R", "1234567890;N", "1;RTT"):
            self.assertRaises(ValueError, esmtp.parse_deliver_by, value)

    @given(st.none() | st.text(max_size=30))
    def test_any_value(self, value: str | None) -> None:
        """Whatever a client writes is a value or an error."""
        for parse in PARSERS:
            try:
                parse(value)
            except ValueError:
                pass


class EnvelopeTests(SynchronousTestCase):
    """The values as an envelope tells them."""

    def test_nothing_given(self) -> None:
        """Without parameters everything is as usual."""
        envelope, recipient = Envelope(None), Recipient(parse_mailbox("bob@example.test"))
        self.assertEqual(
            (envelope.size, envelope.ret, envelope.envelope_id, envelope.submitter, envelope.deliver_by),
            (None,) * 5,
        )
        self.assertEqual((envelope.hold_for, envelope.hold_until, envelope.priority), (None, None, 0))
        self.assertEqual((envelope.require_tls, envelope.smtputf8, envelope.body), (False, False, "7BIT"))
        self.assertEqual((recipient.notify, recipient.original_recipient), (None, None))

    def test_given(self) -> None:
        """Each property reads its parameter."""
        envelope = Envelope(
            None,
            parameters={
                "SIZE": "5",
                "RET": "FULL",
                "ENVID": "a+2Bb",
                "AUTH": "bob@example.test",
                "BY": "9;N",
                "HOLDFOR": "7",
                "HOLDUNTIL": "2030-01-31T12:00:00Z",
                "MT-PRIORITY": "-3",
                "REQUIRETLS": None,
                "SMTPUTF8": None,
                "BODY": "binarymime",
            },
        )
        self.assertEqual((envelope.size, envelope.ret, envelope.envelope_id), (5, Return.FULL, "a+b"))
        self.assertEqual(str(envelope.submitter), "bob@example.test")
        self.assertEqual((envelope.deliver_by, envelope.hold_for), (DeliverBy(9, "N"), 7))
        self.assertEqual(envelope.hold_until, datetime(2030, 1, 31, 12, 0, tzinfo=UTC))
        self.assertEqual((envelope.priority, envelope.require_tls, envelope.smtputf8), (-3, True, True))
        self.assertEqual(envelope.body, "BINARYMIME")
        parameters: dict[str, str | None] = {"NOTIFY": "NEVER", "ORCPT": "rfc822;b@example.test"}
        recipient = Recipient(parse_mailbox("bob@example.test"), parameters)
        self.assertEqual(recipient.notify, Notify.NEVER)
        self.assertEqual(recipient.original_recipient, OriginalRecipient("rfc822", "b@example.test"))
