"""Where mail came from."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.origin import ip_address


class AddressTests(SynchronousTestCase):
    """A peer as an address that may be compared."""

    def test_forms(self) -> None:
        """Zones go, IPv4 in IPv6's clothes is IPv4, and a local socket has no address."""
        for peer, text in (
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:DB8::1", "2001:db8::1"),
            ("fe80::1%eth0", "fe80::1"),
            ("unix", "None"),
            ("", "None"),
        ):
            self.assertEqual(str(ip_address(peer)), text)
