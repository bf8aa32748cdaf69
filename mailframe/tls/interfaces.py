"""What servers and clients ask for when a connection turns to TLS."""

from __future__ import annotations

from collections.abc import Awaitable

from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IOpenSSLServerConnectionCreator
from zope.interface import Interface

from .policies import ClientPolicy, TLSSession


class IServerContexts(Interface):
    """The certificates a node shows; they may change while it runs."""

    def contexts() -> IOpenSSLServerConnectionCreator:
        """What ``startTLS`` takes: the certificates of this moment.

        Ask for each connection; what was handed out before goes on working with the certificates of its time.
        """


class IClientContexts(Interface):
    """What a client's connections turn to TLS with."""

    def creator(policy: ClientPolicy, host: str) -> IOpenSSLClientConnectionCreator:
        """What ``startTLS`` (or `twisted.internet.endpoints.wrapClientTLS`) takes for one connection to a host.

        A connection that does not come up to the policy is lost with `mailframe.tls.errors.TLSRefused` before
        anything that was written to it is sent; its protocol's ``handshakeCompleted`` is not called.

        Args:
            policy: what is demanded; its level is not `mailframe.tls.policies.Level.NONE`.
            host: the host's name, sent as SNI, or its IP address, which is not sent.

        Raises:
            CertificateError: the certificate or the authorities that are to be used cannot be read.
            ValueError: the policy is not for TLS, or cannot be met by anyone: no name to verify.
        """


class ITLSPolicySource(Interface):
    """Knows what TLS has to give with a host: from the configuration, from DANE, from MTA-STS."""

    def policy(
        domain: str, host: str, *, port: int = 25, secure: bool = False, waived: bool = False
    ) -> Awaitable[ClientPolicy]:
        """What is demanded of one host.

        Args:
            domain: where the mail goes, as A-labels; for a next hop from the configuration, its name.
            host: the host that a connection is made to, a name or an IP address.
            port: its port, which DANE's records are for.
            secure: DNSSEC proves that the domain's mail goes to this host; without that DANE has no say
                (RFC 7672 section 2.2.1).
            waived: the message says ``TLS-Required: No``: as if nothing were known of DANE and MTA-STS (RFC 8689
                section 8.3). What the configuration demands counts all the same.

        Raises:
            MailframeError: it cannot be found out now, or this host must not be used now (temporary): another host
                may be asked for.
        """


class ITLSReports(Interface):
    """Is told how TLS with hosts went, for reports to their domains (RFC 8460)."""

    def note(session: TLSSession) -> None:
        """One connection was made, or could not be, under a policy. Does not wait, raises nothing."""
