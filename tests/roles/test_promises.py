"""What roles offer is what they can keep."""

from __future__ import annotations

from mailframe.roles.mx import MXRole
from mailframe.roles.relay import RelayRole
from mailframe.roles.store import StoreRole
from mailframe.testing.smtp import RecordingDelivery

from .house import Client, RoleCase
from .test_relay import FakeContexts


class NotificationTests(RoleCase):
    """DSN promises a notice of success: only who can hand that on offers it (RFC 3461 section 5.2)."""

    def offers(self, client: Client, hello: str = "EHLO") -> bool:
        """Is DSN offered, and are its parameters taken just then?"""
        offered = "DSN" in client.say(f"{hello} c.test\n")
        taken = client.say("MAIL FROM:<joe@sender.test> RET=HDRS\n").startswith(("250", "530"))
        self.assertEqual(offered, taken)
        return offered

    def test_mx_and_store(self) -> None:
        """Neither the exchanger nor the store offers it."""
        self.run_role(MXRole([self.listener(25)], self.store, self.directory, self.reactor))
        self.run_role(
            StoreRole(self.store, self.directory, self.authenticator, self.reactor, [self.listener(24)])
        )
        self.assertFalse(self.offers(Client(self.reactor, 25)))
        self.assertFalse(self.offers(Client(self.reactor, 24, peer="127.0.0.1"), "LHLO"))

    def test_relay(self) -> None:
        """Submission offers it where it has a router, and else not."""
        for port, onward in ((587, None), (588, RecordingDelivery())):
            role = RelayRole(
                [self.listener(port)],
                self.store,
                self.directory,
                self.authenticator,
                self.reactor,
                tls=FakeContexts(),
                onward=onward,
            )
            self.run_role(role)
            self.assertEqual(self.offers(Client(self.reactor, port)), onward is not None)
