"""The field TLS-Required."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.envelope import Envelope
from mailframe.message.tls_required import waives_tls


class WaivesTLSTests(SynchronousTestCase):
    """Who may arrive without TLS."""

    def test_said(self) -> None:
        """The field says No in any case of letters, folded or not."""
        for octets in (b"TLS-Required: No\r\n\r\n", b"Subject: x\r\ntls-required:\r\n nO \r\n\r\nbody"):
            self.assertTrue(waives_tls(Envelope(None), octets))

    def test_not_said(self) -> None:
        """Anything else, a second field and the body do not say it."""
        for octets in (
            b"Subject: x\r\n\r\nTLS-Required: No\r\n",
            b"TLS-Required: Yes\r\n\r\n",
            b"TLS-Required: No\r\nTLS-Required: No\r\n\r\n",
            b"TLS-Required:\r\n\r\n",
            b"",
        ):
            self.assertFalse(waives_tls(Envelope(None), octets))

    def test_stronger_wish(self) -> None:
        """REQUIRETLS in the envelope counts more than the field."""
        self.assertFalse(
            waives_tls(Envelope(None, parameters={"REQUIRETLS": None}), b"TLS-Required: No\r\n\r\n")
        )
