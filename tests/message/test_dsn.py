"""Tests of mailframe.message.dsn."""

from __future__ import annotations

import email
import itertools

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message import esmtp
from mailframe.message.address import parse_mailbox
from mailframe.message.dsn import (
    Action,
    DeliveryReport,
    RecipientReport,
    address_field,
    delivery_status,
    one_line,
    wanted,
)
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.status import Status
from tests import strategies

BOB = parse_mailbox("bob@example.net")
ALICE = parse_mailbox("alice@example.test")
STATUSES = {
    Action.FAILED: Status((5, 1, 1), "No such mailbox"),
    Action.DELAYED: Status((4, 4, 1), "No answer"),
}


def report(action: Action = Action.FAILED, **parameters: str) -> RecipientReport:
    """What became of bob."""
    status = STATUSES.get(action, Status((2, 0, 0), "OK"))
    return RecipientReport(Recipient(BOB, dict(parameters)), action, status)


def reports() -> st.SearchStrategy[RecipientReport]:
    """What may have become of anybody."""
    text = st.text(max_size=60)
    original = st.builds(
        esmtp.OriginalRecipient,
        st.just("utf-8"),
        st.text(st.characters(min_codepoint=33, categories=["L", "N", "S"]), min_size=1, max_size=20),
    )
    parameters = st.one_of(
        st.just({}),
        original.map(lambda one: {"ORCPT": esmtp.format_original_recipient(one, smtputf8=True)}),
    )
    return st.builds(
        RecipientReport,
        st.builds(Recipient, strategies.addresses(smtputf8=True), parameters),
        st.sampled_from(Action),
        st.builds(Status, st.tuples(st.sampled_from([2, 4, 5]), st.integers(0, 7), st.integers(0, 30)), text),
        text,
        st.text(max_size=3000),
        st.floats(0, 4e9),
        st.none() | st.floats(0, 4e9),
    )


class WantedTests(SynchronousTestCase):
    """Senders hear what they asked for."""

    def test_table(self) -> None:
        """NOTIFY says when; without it failures and delays are told."""
        table = {
            None: {Action.FAILED, Action.DELAYED},
            "NEVER": set(),
            "FAILURE": {Action.FAILED},
            "DELAY": {Action.DELAYED},
            "SUCCESS": {Action.DELIVERED, Action.RELAYED, Action.EXPANDED},
            "SUCCESS,FAILURE,DELAY": set(Action),
        }
        for (notify, told), action in itertools.product(table.items(), Action):
            parameters = {} if notify is None else {"NOTIFY": notify}
            found = wanted(Envelope(ALICE), report(action, **parameters))
            self.assertEqual(found, action in told, (notify, action))

    def test_null_reverse_path(self) -> None:
        """Nobody is told of mail from nobody, whatever NOTIFY says."""
        for action in Action:
            self.assertFalse(wanted(Envelope(None), report(action, NOTIFY="SUCCESS,FAILURE,DELAY")))

    def test_trace(self) -> None:
        """Who asked for a trace of DELIVERBY hears of each host that does not know it, unless he wants silence."""
        traced = Envelope(ALICE, [], {"BY": "120;NT"})
        self.assertTrue(wanted(traced, report(Action.RELAYED)))
        self.assertTrue(wanted(traced, report(Action.RELAYED, NOTIFY="FAILURE")))
        self.assertFalse(wanted(traced, report(Action.RELAYED, NOTIFY="NEVER")))
        self.assertFalse(wanted(traced, report(Action.DELIVERED)))
        self.assertFalse(wanted(Envelope(ALICE, [], {"BY": "120;N"}), report(Action.RELAYED)))


class DeliveryStatusTests(SynchronousTestCase):
    """What programs read."""

    def lines(self, report: DeliveryReport, *, international: bool = False) -> list[str]:
        return b"".join(delivery_status(report, international=international)).decode().split("\r\n")

    def test_whole(self) -> None:
        """All fields of RFC 3464 that we know something for, in its order."""
        one = RecipientReport(
            Recipient(BOB, {"ORCPT": "rfc822;Bob+2Bx@example.org"}),
            Action.DELAYED,
            Status((4, 2, 2), "Full"),
            "mx.example.net",
            "452 4.2.2 Full,\r\n452 4.2.2 sorry",
            1000.0,
            5000.0,
        )
        whole = DeliveryReport("mx.example.test", [one, report()], "Q1", "E-1", 500.0)
        self.assertEqual(
            self.lines(whole),
            [
                "Original-Envelope-Id: E-1",
                "Reporting-MTA: dns; mx.example.test",
                "X-Mailframe-Queue-ID: Q1",
                "Arrival-Date: Thu, 01 Jan 1970 00:08:20 +0000",
                "",
                "Original-Recipient: rfc822; Bob+x@example.org",
                "Final-Recipient: rfc822; bob@example.net",
                "Action: delayed",
                "Status: 4.2.2",
                "Remote-MTA: dns; mx.example.net",
                "Diagnostic-Code: smtp; 452 4.2.2 Full, 452 4.2.2 sorry",
                "Last-Attempt-Date: Thu, 01 Jan 1970 00:16:40 +0000",
                "Final-Log-ID: Q1",
                "Will-Retry-Until: Thu, 01 Jan 1970 01:23:20 +0000",
                "",
                "Final-Recipient: rfc822; bob@example.net",
                "Action: failed",
                "Status: 5.1.1",
                "Diagnostic-Code: x-mailframe; No such mailbox",
                "Final-Log-ID: Q1",
                "",
            ],
        )

    def test_host_without_name(self) -> None:
        """A host that is known by its address only is told in brackets, and a socket of this machine not at all."""
        for host, told in (
            ("192.0.2.1", ["Remote-MTA: dns; [192.0.2.1]"]),
            ("2001:db8::1", ["Remote-MTA: dns; [IPv6:2001:db8::1]"]),
            ("[192.0.2.1]", ["Remote-MTA: dns; [192.0.2.1]"]),
            ("/run/lmtp", []),
            ("", []),
        ):
            one = RecipientReport(Recipient(BOB), Action.FAILED, Status((5, 1, 1), "No"), host)
            lines = self.lines(DeliveryReport("h", [one]))
            self.assertEqual(told, [line for line in lines if line.startswith("Remote-MTA")])

    def test_success(self) -> None:
        """Success needs no diagnosis, and no time until which we try."""
        one = RecipientReport(Recipient(BOB), Action.DELIVERED, Status((2, 1, 5), "OK"), retry_until=9.0)
        text = "\n".join(self.lines(DeliveryReport("h", [one])))
        self.assertIn("Action: delivered\nStatus: 2.1.5\n", text)
        for absent in ("Diagnostic-Code", "Will-Retry-Until", "Arrival-Date", "Final-Log-ID"):
            self.assertNotIn(absent, text)

    def test_international(self) -> None:
        """An address in UTF-8 is told as it is, or encoded where only ASCII may be (RFC 6533)."""
        address = parse_mailbox("jörg@bücher.example")
        self.assertEqual(address_field(address, international=True), "utf-8; jörg@bücher.example")
        self.assertEqual(address_field(address), r"utf-8; j\x{F6}rg@b\x{FC}cher.example")
        # A domain alone needs no UTF-8.
        self.assertEqual(address_field(parse_mailbox("a@bücher.example")), "rfc822; a@xn--bcher-kva.example")
        one = report(ORCPT=r"utf-8;j\x{F6}rg@example.org")
        self.assertIn(
            "Original-Recipient: utf-8; j\\x{F6}rg@example.org", self.lines(DeliveryReport("h", [one]))
        )
        lines = self.lines(DeliveryReport("h", [one]), international=True)
        self.assertIn("Original-Recipient: utf-8; jörg@example.org", lines)
        self.assertFalse(DeliveryReport("h", [one]).is_ascii)
        self.assertTrue(DeliveryReport("h", [report()]).is_ascii)

    def test_long_original(self) -> None:
        """An original recipient that is too long for a line is left out; the others are told."""
        long = report(ORCPT="utf-8;" + "\U0001f600" * 300 + "@example.org")
        for international in (False, True):
            text = "\n".join(self.lines(DeliveryReport("h", [long]), international=international))
            self.assertNotIn("Original-Recipient", text)
            self.assertIn("Final-Recipient: rfc822; bob@example.net", text)

    @given(st.lists(reports(), min_size=1, max_size=3), st.booleans(), st.text(max_size=30))
    def test_any(self, some: list[RecipientReport], international: bool, name: str) -> None:
        """Whatever hosts and senders say, programs read one group of fields for each recipient."""
        octets = b"".join(delivery_status(DeliveryReport(name, some, "Q"), international=international))
        if not international:
            self.assertTrue(octets.isascii())
        self.assertTrue(all(len(line) <= 998 for line in octets.split(b"\r\n")))
        groups = octets.split(b"\r\n\r\n")
        self.assertEqual(len(groups), 1 + len(some))
        for group, one in zip(groups[1:], some, strict=True):
            fields = email.message_from_bytes(group + b"\r\n\r\n")
            self.assertEqual(fields.defects, [])
            self.assertEqual(fields["Action"], one.action.value)
            self.assertEqual(fields["Status"], one.status.code)
            self.assertEqual(len(fields.get_all("Final-Recipient", [])), 1)


class OneLineTests(SynchronousTestCase):
    """The words of others stay in their line."""

    def test_examples(self) -> None:
        """Line ends and controls become a space; what is not ASCII a question mark, where it must."""
        self.assertEqual(one_line("a\r\nFrom: b\x00\t c \x85"), "a From: b c")
        self.assertEqual(one_line("Grüße"), "Gr??e")
        self.assertEqual(one_line("Grüße", international=True), "Grüße")
        self.assertEqual(one_line("x" * 5000, limit=10), "x" * 10)
        self.assertEqual(len(one_line("ü" * 5000, international=True).encode()), 800)
