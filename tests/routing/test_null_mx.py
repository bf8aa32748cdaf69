"""Tests of domains that take no mail."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailframe.routing.null_mx import (
    HOST_TAKES_NO_MAIL,
    RECIPIENT_TAKES_NO_MAIL,
    SENDER_TAKES_NO_MAIL,
    is_null_mx,
    reachable_exchanges,
)
from mailframe.smtp.wire.reply import render


class NullMXTests(SynchronousTestCase):
    """RFC 7505."""

    def test_null(self) -> None:
        """One record with the root as exchange says that no mail is taken."""
        self.assertTrue(is_null_mx([(0, ".")]))
        self.assertTrue(is_null_mx([(10, "")]))

    def test_others(self) -> None:
        """A host, no record at all, or the root beside other records do not."""
        for records in (
            [],
            [(0, "mx.example.test.")],
            [(0, "."), (10, "mx.example.test")],
            [(0, "."), (0, ".")],
        ):
            self.assertFalse(is_null_mx(records), records)

    def test_reachable(self) -> None:
        """Beside others the root is passed over."""
        records = [(0, "."), (10, "mx.example.test."), (20, "")]
        self.assertEqual(reachable_exchanges(records), [(10, "mx.example.test.")])

    def test_replies(self) -> None:
        """The codes that RFC 7504 and 7505 ask for."""
        for status, start in (
            (RECIPIENT_TAKES_NO_MAIL, b"556 5.1.10 "),
            (SENDER_TAKES_NO_MAIL, b"550 5.7.27 "),
            (HOST_TAKES_NO_MAIL, b"521 5.3.2 "),
        ):
            self.assertTrue(render(status).startswith(start))
            self.assertTrue(status.permanent)
