"""Everything goes to the next hop."""

from __future__ import annotations

from hypothesis import given
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.message.address import Address
from mailframe.routing.interfaces import IRouter, Route
from mailframe.routing.onward import OnwardRouter
from mailframe.testing.smtp import run
from tests.strategies import addresses


class OnwardRouterTests(SynchronousTestCase):
    """Everything goes to the next hop."""

    def test_postmaster(self) -> None:
        """The bare Postmaster too."""
        verifyObject(IRouter, OnwardRouter())
        self.assertEqual(run(OnwardRouter().route(Address("postmaster", ""))), Route((), onward=True))

    @given(addresses(smtputf8=True))
    def test_any(self, address: Address) -> None:
        """Whatever the address, no mailbox here is meant."""
        self.assertEqual(run(OnwardRouter().route(address)), Route((), onward=True))
