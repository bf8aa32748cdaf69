"""What a server asks for when a connection turns to TLS."""

from __future__ import annotations

from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from zope.interface import Interface


class IServerContexts(Interface):
    """The certificates a node shows; they may change while it runs."""

    def contexts() -> IOpenSSLServerConnectionCreator:
        """What ``startTLS`` takes: the certificates of this moment.

        Ask for each connection; what was handed out before goes on working with the certificates of its time.
        """
